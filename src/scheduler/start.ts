import { namespaces, nodes, pods } from '../api/generated/resources.ts'
import type { ComponentContext, RunningComponent } from '../client/component.ts'
import { createSeriesRecorder } from '../client/event-recorder/series-recorder.ts'
import type { Informer } from '../client/informer.ts'
import type { Cancel } from '../machinery/clock.ts'
import type { KubernetesObject } from '../machinery/meta.ts'
import type { Resource } from '../machinery/resource.ts'
import { defaultConfiguration, type SchedulerConfiguration } from './configuration/configuration.ts'
import { createProfiles } from './configuration/create-profiles.ts'
import { createExtenders } from './extenders/extenders.ts'
import { followCluster } from './follow-cluster.ts'
import type { PluginHandle } from './framework.ts'
import { NodeTable } from './nodes/node-table.ts'
import { NominatedPods } from './nominated-pods.ts'
import type { PodInfo } from './pod-info.ts'
import { schedulerMetrics } from './scheduler-metrics.ts'
import { createSchedulingCycle } from './scheduling-cycle.ts'
import { SchedulingQueue } from './scheduling-queue.ts'
import { WaitingPods } from './waiting-pods.ts'

/** Decisions are made for at most this long before other work gets its turn. */
const sliceMs = 5

/** Watches pods without a node, chooses one for each, and binds it, until stopped. */
export function startScheduler(
  context: ComponentContext,
  configuration: SchedulerConfiguration = defaultConfiguration,
): Promise<RunningComponent> {
  const { client, informers, clock, random, log, metrics } = context
  const events = createSeriesRecorder({ client, component: 'default-scheduler', clock, log })
  const counts = schedulerMetrics(metrics)
  const namespaceCache = informers.informer(namespaces)
  const table = new NodeTable((name) => namespaceCache.get(name)?.metadata?.labels ?? {})
  const extenders = createExtenders(configuration.extenders, { nodes: table, log })
  /** What plugins read beside nodes, namespaces and pods. */
  const caches = new Map<Resource, Informer<KubernetesObject>>()
  const handle: PluginHandle = {
    client,
    clock,
    random,
    events,
    log,
    metrics,
    nodes: table,
    extenders,
    nominated: new NominatedPods(table, (pod, nodeName) => {
      queue.notice({ type: 'podRemoved', pod, nodeName })
    }),
    waiting: new WaitingPods(clock),
    notice: (change) => queue.notice(change),
    cache<T extends KubernetesObject>(resource: Resource<T>) {
      const cache = informers.informer(resource)
      caches.set(resource, cache)
      return cache
    },
  }
  const profiles = createProfiles(configuration, handle)
  const schedulerNameOf = ({ pod }: PodInfo) => pod.spec?.schedulerName ?? 'default-scheduler'
  const profileOf = (pod: PodInfo) => profiles.get(schedulerNameOf(pod))
  const { compare } = [...profiles.values()][0]!.points.queueSort[0]!.plugin
  let scheduled: Cancel | undefined
  let isReady = false
  let stopped = false

  const queue = new SchedulingQueue({
    clock,
    compare: (a, b) => compare!(a, b),
    pluginsOf: (pod) => profileOf(pod)?.plugins ?? [],
    firstBackoffMs: configuration.podInitialBackoffSeconds * 1000,
    greatestBackoffMs: configuration.podMaxBackoffSeconds * 1000,
    keptFor: (nodeName) => handle.nominated.on(nodeName),
    onReady: wake,
    onIncoming: counts.incoming,
  })
  const stopCollecting = metrics.onCollect(() => {
    counts.pending(queue.counts)
    const waiting = [...queue.waitingBecauseOf()]
    counts.waitingBecauseOf(waiting.map(({ pod, plugin }) => ({ plugin, profile: schedulerNameOf(pod) })))
  })
  const podCache = informers.informer(pods)
  const cycle = createSchedulingCycle({
    handle,
    queue,
    currentPod: (key) => podCache.get(key),
  })

  function wake(): void {
    if (stopped || !isReady || scheduled) return
    scheduled = clock.after(0, () => {
      void runSlice().finally(() => {
        scheduled = undefined
        if (queue.isReady) wake()
      })
    })
  }

  async function runSlice(): Promise<void> {
    const endMs = clock.monotonic() + sliceMs
    for (let queued = queue.pop(); queued; queued = queue.pop()) {
      const asking = cycle.run(queued, profileOf(queued.pod)!)
      if (asking) await asking
      if (clock.monotonic() >= endMs) return
    }
  }

  const nodeCache = informers.informer(nodes)
  const unfollow = followCluster({
    handle,
    queue,
    cycle,
    isOurs: (name) => profiles.has(name),
    caches: { nodes: nodeCache, namespaces: namespaceCache, pods: podCache, others: caches },
  })
  const synced = [nodeCache, namespaceCache, podCache, ...caches.values()].map((cache) => cache.synced)
  const ready = Promise.all(synced).then(() => {
    isReady = true
    wake()
  })

  return Promise.resolve({
    name: 'kube-scheduler',
    ready,
    health: () => (isReady ? undefined : 'caches not synced'),
    async stop() {
      stopped = true
      scheduled?.()
      queue.close()
      stopCollecting()
      unfollow()
      await cycle.stop()
      await events.stop()
    },
  })
}
