import type { GroupVersionKind } from '../../machinery/meta.ts'
import { factPackages } from '../generated/facts.ts'

/** Names that clients generated from upstream's documents know: of operations, tags and definitions. */

/** `RbacAuthorization` of `rbac.authorization.k8s.io`, `Core` of the core group, `StableExampleCom` of a custom one. */
export function groupWord(group: string): string {
  if (group === '') return 'Core'
  return group
    .replace(/\.k8s\.io$/, '')
    .split(/[.-]/)
    .map(capitalized)
    .join('')
}

/** `rbacAuthorization_v1` */
export function tagOf(group: string, version: string): string {
  const word = groupWord(group)
  return `${word.charAt(0).toLowerCase()}${word.slice(1)}_${version}`
}

export function capitalized(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1)
}

/** The definition of a kind: `io.k8s.api.apps.v1.Deployment`, or `com.example.v1.Thing` of a custom resource. */
export function definitionName({ group, version, kind }: GroupVersionKind): string {
  const known = factPackages.find((candidate) => candidate.group === group && candidate.version === version)
  if (known) return `${known.openapi}.${kind}`
  return [...group.split('.').toReversed(), version, kind].join('.')
}

const meta = 'io.k8s.apimachinery.pkg.apis.meta.v1'

export const typeNames = {
  apiGroup: `${meta}.APIGroup`,
  apiGroupList: `${meta}.APIGroupList`,
  apiResourceList: `${meta}.APIResourceList`,
  apiVersions: `${meta}.APIVersions`,
  deleteOptions: `${meta}.DeleteOptions`,
  patch: `${meta}.Patch`,
  status: `${meta}.Status`,
  watchEvent: `${meta}.WatchEvent`,
  objectMeta: `${meta}.ObjectMeta`,
  listMeta: `${meta}.ListMeta`,
  versionInfo: 'io.k8s.apimachinery.pkg.version.Info',
} as const
