import { jsonEqual, semanticEqual } from '../../machinery/equal.ts'
import type { FieldError } from '../../machinery/field-error.ts'
import type { KubernetesObject, Writable } from '../../machinery/meta.ts'
import type { ServedResource } from './served-resource.ts'
import { metadataOf } from './object-meta.ts'

/** What one way of updating may change, and what is checked. */
export interface UpdateRules {
  /** Puts back what this write may not change. */
  prepare(object: Writable<KubernetesObject>, previous: KubernetesObject): void
  validate(object: KubernetesObject, previous: KubernetesObject): readonly FieldError[]
  warnings?(object: KubernetesObject, previous: KubernetesObject): readonly string[]
}

type Fields = Record<string, unknown>

/** PUT and PATCH of the object itself: everything but its status. */
export function objectRules(served: ServedResource): UpdateRules {
  const { strategy } = served
  return {
    prepare(object, previous) {
      if (strategy.status) keepField(object, previous, 'status')
      strategy.prepareForUpdate?.(object, previous)
      raiseGeneration(served, object, previous)
    },
    validate(object, previous) {
      const errors = [...(strategy.validateUpdate?.(object, previous) ?? [])]
      if (strategy.validatesUpdateAlone) return errors
      return [...(strategy.validate?.(object) ?? []), ...errors]
    },
    warnings: (object, previous) => strategy.warnings?.(object, previous) ?? [],
  }
}

const keptFields = {
  none: [],
  labels: ['labels'],
  all: ['annotations', 'deletionTimestamp', 'finalizers', 'labels'],
} as const

/** PUT and PATCH of `status`: nothing else, except labels and annotations. */
export function statusRules(served: ServedResource): UpdateRules {
  const { status } = served.strategy
  return {
    prepare(object, previous) {
      const keys = new Set([...Object.keys(object), ...Object.keys(previous)])
      for (const key of keys) {
        if (key !== 'status' && key !== 'metadata') keepField(object, previous, key)
      }
      const kept = ['ownerReferences', ...keptFields[status?.keptMetadata ?? 'none']]
      for (const key of kept) keepField(metadataOf(object), previous.metadata ?? {}, key)
      status?.prepareForUpdate?.(object, previous)
    },
    validate: (object, previous) => status?.validateUpdate?.(object, previous) ?? [],
  }
}

/** Makes `field` what it was. */
export function keepField(object: object, previous: object, field: string): void {
  const before = (previous as Fields)[field]
  if (before === undefined) delete (object as Fields)[field]
  else (object as Fields)[field] = before
}

/** The generation counts the versions of what is wanted: of the spec, unless the kind says otherwise. */
export function raiseGeneration(
  served: ServedResource,
  object: Writable<KubernetesObject>,
  previous: KubernetesObject,
): void {
  const { registry, strategy } = served
  if (!registry.tracksGeneration) return
  const isRaised = strategy.raisesGeneration?.(object, previous) ?? changesSpec(served, object, previous)
  if (!isRaised) return
  metadataOf(object).generation = (previous.metadata?.generation ?? 0) + 1
}

/** Whether the spec means something else than before; that of custom resources is known by what it says alone. */
function changesSpec(served: ServedResource, object: object, previous: object): boolean {
  const [spec, before] = [(object as Fields)['spec'], (previous as Fields)['spec']]
  if (jsonEqual(spec, before)) return false
  return served.isCustom || !semanticEqual(spec, before, served.workingSchema.fields['spec']?.schema)
}
