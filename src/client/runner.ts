import type { KubernetesObject } from '../machinery/meta.ts'
import { groupResource, type Resource } from '../machinery/resource.ts'
import { isConflict, isNotFound } from '../machinery/status-errors.ts'
import type { ComponentContext, RunningComponent } from './component.ts'
import { createEventRecorder } from './event-recorder/event-recorder.ts'
import type { Informer } from './informer.ts'
import { createQueueMetrics } from './queue-metrics.ts'
import type { ReconcileContext, Reconciler } from './reconciler.ts'
import { createWorkQueue } from './work-queue.ts'
import { countStaleSyncs } from './stale-syncs.ts'
import { createEndings, rememberWrites } from './written.ts'

const defaultConcurrency = 5

export interface RunningReconciler extends RunningComponent {
  /** Asks to reconcile a key, for reasons that the triggers do not know. */
  enqueue(key: string): void
}

/** Runs one reconciler until stopped: triggers fill its queue, workers empty it, failures come back later. */
export function startReconciler(reconciler: Reconciler, context: ComponentContext): RunningReconciler {
  const { client, informers, clock, random, metrics } = context
  const { name } = reconciler
  const log = context.log.with({ reconciler: name })
  const events = createEventRecorder({
    client,
    component: reconciler.eventSource ?? `${name}-controller`,
    clock,
    log,
  })
  const caches = new Map<string, Informer<KubernetesObject>>()
  for (const { resource, scope } of reconciler.watches)
    caches.set(groupResource(resource), informers.informer(resource, scope))

  const findCache = (resource: Resource) => caches.get(groupResource(resource))
  const shared: ReconcileContext = {
    client,
    cache<T extends KubernetesObject>(resource: Resource<T>) {
      const cache = findCache(resource)
      if (!cache) throw new Error(`${name} reads ${groupResource(resource)} without watching it`)
      return cache as unknown as Informer<T>
    },
    clock,
    random,
    events,
    log,
    metrics,
  }
  reconciler.prepare?.(shared)

  const queueMetrics = createQueueMetrics(metrics, clock, reconciler.queueName ?? name)
  const queue = createWorkQueue({ clock, metrics: queueMetrics })
  const endings = createEndings()
  const staleSyncs = reconciler.staleSyncs && countStaleSyncs(metrics, reconciler.staleSyncs)
  const abort = new AbortController()
  const unsubscribe: (() => void)[] = []

  for (const cache of caches.values()) unsubscribe.push(cache.onChange(endings.notice))
  for (const { resource, keys, scope } of reconciler.watches) {
    const add = (object: KubernetesObject) => {
      for (const key of keys(object, shared)) {
        queue.add(key)
        staleSyncs?.asked(key)
      }
    }
    const handler = informers.informer(resource, scope).onChange((change) => {
      if (change.type === 'updated') add(change.previous)
      add(change.object)
    })
    unsubscribe.push(handler)
  }

  /** One run for one key. The key stays in hand until the caches have seen what the run wrote. */
  async function run(key: string): Promise<void> {
    const written = rememberWrites(client, findCache, endings)
    try {
      const outcome = await reconciler.reconcile(key, { ...shared, client: written.client })
      queue.forget(key)
      if (outcome.type === 'again') queue.addAfter(key, outcome.afterMs)
    } catch (error) {
      const failures = queue.failures(key) + 1
      // A cache that is a moment behind explains a conflict, and an object that has just gone.
      const isStale = isConflict(error) || (isNotFound(error) && failures === 1)
      if (isStale) log.debug('Reconciling met a change', { key, failures, error })
      else log.warn('Reconciling failed', { key, failures, error })
      queue.addFailed(key)
    }
    const settled = written.settled(abort.signal)
    if (!settled) return queue.done(key)
    staleSyncs?.held(key, written)
    if (queue.has(key)) staleSyncs?.asked(key)
    void settled.then(() => {
      staleSyncs?.released(key)
      queue.done(key)
    })
  }

  async function work(): Promise<void> {
    for (let key = await queue.take(); key !== undefined; key = await queue.take()) await run(key)
  }

  let isReady = false
  const synced = Promise.all([...caches.values()].map((cache) => cache.synced))
  const workers = abortable(synced, abort.signal).then(async (started) => {
    if (!started) return
    isReady = true
    await Promise.all(Array.from({ length: reconciler.concurrency ?? defaultConcurrency }, work))
  })

  return {
    name,
    ready: synced.then(() => {}),
    health: () => (isReady ? undefined : `${name}: caches are not synced`),
    enqueue: (key) => queue.add(key),
    async stop() {
      abort.abort()
      for (const end of unsubscribe) end()
      queue.close()
      await workers
      await events.stop()
      queueMetrics.close()
    },
  }
}

/** Several running components as one: ready when all are, well when all are. */
export function joinComponents(name: string, components: readonly RunningComponent[]): RunningComponent {
  return {
    name,
    ready: Promise.all(components.map(({ ready }) => ready)).then(() => {}),
    health() {
      const ills = components.map((component) => component.health()).filter((ill) => ill !== undefined)
      return ills.length === 0 ? undefined : ills.join('; ')
    },
    async stop() {
      await Promise.all(components.map((component) => component.stop()))
    },
  }
}

/** Whether `promise` resolved before the signal aborted. */
function abortable(promise: Promise<unknown>, signal: AbortSignal): Promise<boolean> {
  return new Promise((resolve, reject) => {
    signal.addEventListener('abort', () => resolve(false), { once: true })
    promise.then(() => resolve(true), reject)
  })
}
