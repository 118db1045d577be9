import type { KubernetesObject, Writable } from '../../machinery/meta.ts'
import type { RequestScope, PatchOptions, WriteOptions } from './request.ts'

/** Who manages which fields of the objects of one resource. */
export interface FieldManagement {
  /** Sets managedFields of `object`, which a create or an update is about to write in the place of `live`. */
  onUpdate(
    scope: RequestScope,
    live: KubernetesObject | undefined,
    object: Writable<KubernetesObject>,
    options: WriteOptions,
  ): void
  /** What a server-side apply makes of `live`, in the served version. Throws the conflict with other managers. */
  apply(
    scope: RequestScope,
    live: KubernetesObject | undefined,
    patch: KubernetesObject,
    options: PatchOptions,
  ): KubernetesObject
  /** Repairs managedFields that admission has made unreadable. */
  checkAdmitted(object: Writable<KubernetesObject>): void
  /** Keeps the times in managedFields where nothing else has changed, so that the write is none. */
  keepTimestamps(object: Writable<KubernetesObject>, previous: KubernetesObject): void
}
