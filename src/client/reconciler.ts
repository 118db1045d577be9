import type { Clock } from '../machinery/clock.ts'
import type { KubernetesObject } from '../machinery/meta.ts'
import type { Logger } from '../machinery/log.ts'
import type { Metrics } from '../machinery/metrics.ts'
import type { Random } from '../machinery/random.ts'
import type { Resource } from '../machinery/resource.ts'
import type { Client } from './client.ts'
import type { EventRecorder } from './event-recorder.ts'
import type { Informer, InformerScope } from './informer.ts'

/**
 * A level-based control loop: given the key of an object, compare what is with what should be, and act.
 * It is never told what changed. The runner (runner.ts) calls it once at a time per key, again with back-off when it
 * throws, and only when the caches have seen the writes that its last run for this key made.
 */
export interface Reconciler {
  /** As upstream names the controller: `replicaset`, `endpointslice`. */
  readonly name: string
  /** Its work queue in metrics, where upstream names that differently. `name` when absent. */
  readonly queueName?: string
  /** The source of its events. `<name>-controller` when absent. */
  readonly eventSource?: string
  /** Every resource whose cache reconcile() reads, with the keys that a change in it asks to look at again. */
  readonly watches: readonly Trigger[]
  /** Counts runs put off because a cache lags behind what the last run wrote. Nobody counts when absent. */
  readonly staleSyncs?: StaleSyncs
  /** How many keys at once. Default 5, as upstream's concurrent syncs. */
  readonly concurrency?: number
  /** Adds indexes to the caches before they are read. */
  prepare?(context: ReconcileContext): void
  reconcile(key: string, context: ReconcileContext): Promise<Outcome>
}

/** A counter with the labels `group` and `resource`, of what the cache holds. */
export interface StaleSyncs {
  readonly name: string
  readonly help: string
}

export interface Trigger<T extends KubernetesObject = KubernetesObject> {
  readonly resource: Resource<T>
  /** What of the resource is watched; everything when absent. The same for all triggers of a resource. */
  readonly scope?: InformerScope
  /** Keys to reconcile because `object` was added, changed (called with the old and the new one) or deleted. */
  keys(object: T, context: ReconcileContext): Iterable<string>
}

export interface ReconcileContext {
  /** Remembers which objects it wrote, so that the next run waits for the caches to have seen them. */
  readonly client: Client
  cache<T extends KubernetesObject>(resource: Resource<T>): Informer<T>
  readonly clock: Clock
  readonly random: Random
  readonly events: EventRecorder
  readonly log: Logger
  readonly metrics: Metrics
}

export type Outcome = { readonly type: 'done' } | { readonly type: 'again'; readonly afterMs: number }

export const done: Outcome = { type: 'done' }

/** Look at the key again after `afterMs`, or earlier when something changes. */
export function again(afterMs: number): Outcome {
  return { type: 'again', afterMs }
}

/** Type-checks the keys function against the resource it is for. */
export function on<T extends KubernetesObject>(
  resource: Resource<T>,
  keys: (object: T, context: ReconcileContext) => Iterable<string>,
  scope?: InformerScope,
): Trigger {
  return { resource, keys, ...(scope && { scope }) }
}
