import type { StorageClass } from '../generated/storage.v1.ts'
import { newestDefault } from '../newest-default.ts'

/** Marks a class whose volumes claims get that name no class. */
export const isDefaultClass = 'storageclass.kubernetes.io/is-default-class'
const betaIsDefaultClass = 'storageclass.beta.kubernetes.io/is-default-class'

/** The class of claims that name none: the newest of those that are marked as default. */
export function defaultStorageClass(classes: readonly StorageClass[]): StorageClass | undefined {
  return newestDefault(classes, [isDefaultClass, betaIsDefaultClass])
}
