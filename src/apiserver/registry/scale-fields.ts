import type { Scale } from '../../api/generated/autoscaling.v1.ts'
import { applyPatch } from '../../machinery/apply/apply-patch.ts'
import {
  managedFieldsOfScale,
  managedFieldsWithScale,
  scaleApiVersion,
  type ReplicasPaths,
} from '../../machinery/apply/scale-managers.ts'
import { updateManagedFields, type ManagedResource } from '../../machinery/apply/update-managed-fields.ts'
import type { KubernetesObject, ManagedFieldsEntry } from '../../machinery/meta.ts'
import type { ObjectSchema } from '../../machinery/schema.ts'
import { managerOf } from './field-management.ts'
import type { PatchOptions, RequestScope, WriteOptions } from './request.ts'

type ManagedFields = readonly ManagedFieldsEntry[] | undefined

/** Who manages the replicas of objects that are written through their scale. */
export class ScaleFields {
  readonly #scope: RequestScope
  readonly #resource: ManagedResource
  readonly #paths: ReplicasPaths
  readonly #now: number

  constructor(scope: RequestScope, schema: ObjectSchema) {
    const { registry } = scope.served
    this.#scope = scope
    this.#resource = { apiVersion: scaleApiVersion, schema, subresource: scope.subresource }
    this.#paths = new Map(
      registry.managedVersions.map(({ apiVersion, strategy: { scale } }) => [
        apiVersion,
        scale && (scale.path ?? ['spec', 'replicas']),
      ]),
    )
    this.#now = registry.context.clock.now()
  }

  /** The scale of an object, with the managers that the object has. */
  withManagers(scale: Scale, object: KubernetesObject): Scale {
    const managedFields = managedFieldsOfScale(object.metadata?.managedFields, this.#paths)
    return managedFields ? { ...scale, metadata: { ...scale.metadata, managedFields } } : scale
  }

  /** What a server-side apply makes of a scale with managers. Throws the conflict with other managers. */
  apply(live: Scale, patch: KubernetesObject, options: PatchOptions): KubernetesObject {
    const { force } = options
    const manager = managerOf(this.#scope, options)
    return applyPatch({ ...this.#resource, live, patch, kind: 'Scale', manager, force, now: this.#now })
  }

  /** The managers of a scale after any other write. */
  onUpdate(live: Scale, next: Scale, options: WriteOptions): ManagedFields {
    const manager = managerOf(this.#scope, options)
    return updateManagedFields({ ...this.#resource, live, next, manager, now: this.#now })
  }

  /** The managedFields of `object` after those of its scale have become `ofScale`. */
  ofObject(object: KubernetesObject, ofScale: ManagedFields): ManagedFields {
    const { apiVersion } = this.#scope.served
    return managedFieldsWithScale(object.metadata?.managedFields, ofScale, apiVersion, this.#paths)
  }
}
