import type { ComponentContext, RunningComponent } from '../../client/component.ts'
import { createEventRecorder } from '../../client/event-recorder/event-recorder.ts'
import { createQueueMetrics } from '../../client/queue-metrics.ts'
import { createWorkQueue } from '../../client/work-queue.ts'
import { sleep } from '../../machinery/clock.ts'
import { isConflict } from '../../machinery/status-errors.ts'
import { createCollector, reportMisplaced } from './collect.ts'
import { createGraph, type Task } from './graph.ts'
import { createMonitors } from './monitors.ts'

const name = 'garbage-collector'
/** A change in one of these changes what there is to watch. */
const definitionsResource = 'customresourcedefinitions'
const concurrency = 20
/** What the API server serves is asked for again this often, and soon after a custom resource was defined. */
const refreshMs = 30_000
const refreshAfterChangeMs = 1_000
/** Work begins when all caches are filled, or after this long. */
const maxSyncMs = 30_000

/** Deletes objects whose owners are gone, and finishes deletions that wait for dependents. */
export function startGarbageCollector(context: ComponentContext): RunningComponent {
  const { client, informers, clock, metrics } = context
  const log = context.log.with({ controller: name })
  const events = createEventRecorder({ client, component: `${name}-controller`, clock, log })
  const queues = { attempt: createQueue('attempt_to_delete'), orphan: createQueue('attempt_to_orphan') }
  const syncErrors = metrics
    .counter({
      name: 'garbagecollector_controller_resources_sync_error_total',
      help: 'Number of garbage collector resources sync errors',
    })
    .with({})
  const graph = createGraph((dependent, reference) => reportMisplaced(events, dependent, reference))
  const enqueue = (tasks: readonly Task[]) => {
    for (const { type, uid } of tasks) queues[type].queue.add(uid)
  }

  function createQueue(suffix: string) {
    const queueMetrics = createQueueMetrics(metrics, clock, `garbage_collector_${suffix}`)
    return { queue: createWorkQueue({ clock, metrics: queueMetrics }), queueMetrics }
  }
  const monitors = createMonitors({
    client,
    informers,
    clock,
    onChange(resource, { type, object }) {
      if (resource.resource === definitionsResource) refreshSoon?.()
      const { metadata } = object
      if (!metadata?.uid) return
      if (type === 'deleted') collector.gone(resource, metadata)
      enqueue(type === 'deleted' ? graph.remove(metadata.uid) : graph.set(resource, metadata))
    },
  })
  const collector = createCollector({ client, graph, monitors, enqueue })
  const abort = new AbortController()
  const { signal } = abort
  let refreshSoon: (() => void) | undefined

  async function refreshLoop(): Promise<void> {
    while (!signal.aborted) {
      const wake = Promise.withResolvers<void>()
      refreshSoon = wake.resolve
      await Promise.race([sleep(clock, refreshMs, signal).catch(() => {}), wake.promise])
      if (signal.aborted) return
      await sleep(clock, refreshAfterChangeMs, signal).catch(() => {})
      await refresh()
    }
  }

  async function refresh(): Promise<void> {
    if (signal.aborted) return
    try {
      await monitors.refresh()
    } catch (error) {
      syncErrors.add()
      log.warn('Discovery failed', { error })
    }
  }

  async function work(type: Task['type']): Promise<void> {
    const { queue } = queues[type]
    for (let key = await queue.take(); key !== undefined; key = await queue.take()) {
      try {
        await collector.perform({ type, uid: key })
        queue.forget(key)
      } catch (error) {
        const fields = { task: type, uid: key, failures: queue.failures(key) + 1, error }
        if (isConflict(error)) log.debug('Collecting met a conflict', fields)
        else log.info('Collecting failed', fields)
        queue.addFailed(key)
      }
      queue.done(key)
    }
  }

  const { promise: ready, resolve: resolveReady } = Promise.withResolvers<void>()
  let isReady = false

  async function run(): Promise<void> {
    await refresh()
    const late = sleep(clock, maxSyncMs, signal).then(
      () => true,
      () => false,
    )
    const isLate = await Promise.race([monitors.synced().then(() => false), late])
    if (signal.aborted) return
    if (isLate) syncErrors.add()
    isReady = true
    resolveReady()
    const workers = Array.from({ length: concurrency }, () => [work('attempt'), work('orphan')])
    await Promise.all([refreshLoop(), ...workers.flat()])
  }
  const running = run()

  return {
    name,
    ready,
    health: () => (isReady ? undefined : `${name}: caches are not synced`),
    async stop() {
      abort.abort()
      for (const { queue } of Object.values(queues)) queue.close()
      await running
      monitors.stop()
      await events.stop()
      for (const { queueMetrics } of Object.values(queues)) queueMetrics.close()
    },
  }
}
