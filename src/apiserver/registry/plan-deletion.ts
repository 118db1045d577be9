import type { ResourceDefinition } from '../../api/definition.ts'
import type { DeleteOptions, KubernetesObject, ObjectMeta, Writable } from '../../machinery/meta.ts'
import { formatTime, parseTime } from '../../machinery/time.ts'

/** What a DELETE does to an object. */
export type DeletionPlan =
  /** It goes now. */
  | { readonly type: 'remove' }
  /** It stays, waiting for its grace period or its finalizers, as this. */
  | { readonly type: 'mark'; readonly object: Writable<KubernetesObject> }
  /** It is on its way already, and no later than asked for. */
  | { readonly type: 'wait' }

const orphanFinalizer = 'orphan'
const foregroundFinalizer = 'foregroundDeletion'

/** Source: k8s.io/apiserver/pkg/registry/rest/delete.go and .../generic/registry/store.go. `now` in milliseconds. */
export function planDeletion<T extends KubernetesObject>(
  definition: ResourceDefinition<T>,
  object: T,
  options: DeleteOptions,
  now: number,
): DeletionPlan {
  const metadata = object.metadata ?? {}
  const grace = gracePeriod(definition, object, options, now)
  if (grace === 'running') return { type: 'wait' }
  const finalizers = finalizersAfter(definition, metadata.finalizers ?? [], options)
  if (grace.seconds === 0 && finalizers.length === 0) return { type: 'remove' }
  const { deletionTimestamp, generation = 0 } = metadata
  const isFirst = deletionTimestamp === undefined
  const marked: ObjectMeta = {
    ...metadata,
    finalizers,
    deletionTimestamp: formatTime(grace.endsAt),
    deletionGracePeriodSeconds: grace.seconds,
    ...(isFirst && generation > 0 && { generation: generation + 1 }),
  }
  return { type: 'mark', object: { ...object, metadata: marked } as Writable<KubernetesObject> }
}

interface GracePeriod {
  readonly seconds: number
  /** Milliseconds since the epoch. */
  readonly endsAt: number
}

function gracePeriod<T extends KubernetesObject>(
  definition: ResourceDefinition<T>,
  object: T,
  options: DeleteOptions,
  now: number,
): GracePeriod | 'running' {
  const { deletionTimestamp, deletionGracePeriodSeconds: current = 0 } = object.metadata ?? {}
  const requested = atLeastOne(options.gracePeriodSeconds)
  const endsAt = parseTime(deletionTimestamp)
  if (!definition.strategy.graceSeconds || (endsAt !== undefined && current === 0)) {
    return { seconds: 0, endsAt: Math.min(now, endsAt ?? now) }
  }
  if (endsAt === undefined) {
    const seconds = definition.strategy.graceSeconds(object, requested)
    return { seconds, endsAt: now + seconds * 1000 }
  }
  if (requested === undefined || requested >= current) return 'running'
  const shortened = endsAt - current * 1000 + requested * 1000
  if (shortened >= now) return { seconds: requested, endsAt: shortened }
  return { seconds: Math.min(requested, 1), endsAt: now }
}

/** A negative grace period means the shortest that is one. */
function atLeastOne(seconds: number | undefined): number | undefined {
  return seconds !== undefined && seconds < 0 ? 1 : seconds
}

/** The finalizers by which the garbage collector is told what becomes of the dependents. */
function finalizersAfter(
  definition: ResourceDefinition,
  finalizers: readonly string[],
  options: DeleteOptions,
): readonly string[] {
  const policy = propagation(definition, finalizers, options)
  const others = finalizers.filter((name) => name !== orphanFinalizer && name !== foregroundFinalizer)
  switch (policy) {
    case 'Orphan':
      return [...others, orphanFinalizer]
    case 'Foreground':
      return [...others, foregroundFinalizer]
    case 'Background':
      return others
  }
}

function propagation(
  definition: ResourceDefinition,
  finalizers: readonly string[],
  options: DeleteOptions,
): 'Orphan' | 'Foreground' | 'Background' {
  if (options.orphanDependents !== undefined) return options.orphanDependents ? 'Orphan' : 'Background'
  if (options.propagationPolicy) return options.propagationPolicy
  // What an earlier DELETE, or whoever made the object, asked for.
  const chosen = finalizers.find((name) => name === orphanFinalizer || name === foregroundFinalizer)
  if (chosen) return chosen === orphanFinalizer ? 'Orphan' : 'Foreground'
  return definition.strategy.defaultPropagation ?? 'Background'
}
