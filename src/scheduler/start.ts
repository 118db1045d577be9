import type { Node, Pod } from '../api/generated/core.v1.ts'
import { namespaces, nodes, podDisruptionBudgets, pods } from '../api/generated/resources.ts'
import type { ComponentContext, RunningComponent } from '../client/component.ts'
import { createEventRecorder } from '../client/event-recorder/event-recorder.ts'
import type { Change } from '../client/informer.ts'
import type { Cancel } from '../machinery/clock.ts'
import { keyOf } from '../machinery/resource.ts'
import { isNotFound } from '../machinery/status-errors.ts'
import { decide, type DecisionInput, type Diagnosis } from './decide.ts'
import { diagnosisMessage } from './diagnosis.ts'
import { NodeTable } from './nodes/node-table.ts'
import { defaultPlugins, type EnabledPlugin } from './plugins/order.ts'
import { podInfo, type PodInfo } from './pod-info.ts'
import { createPodWriter } from './pod-writer.ts'
import { preempt } from './preemption.ts'
import { schedulerMetrics } from './scheduler-metrics.ts'
import { SchedulingQueue, type QueuedPod } from './scheduling-queue.ts'

export interface SchedulerOptions {
  /** Pods with this spec.schedulerName are scheduled. Default `default-scheduler`. */
  readonly schedulerName?: string
  readonly plugins?: readonly EnabledPlugin[]
}

/** Decisions are made for at most this long before other work gets its turn. */
const sliceMs = 5

/** Watches pods without a node, chooses one for each, and binds it, until stopped. */
export function startScheduler(
  context: ComponentContext,
  options: SchedulerOptions = {},
): Promise<RunningComponent> {
  const { client, informers, clock, random, log, metrics } = context
  const { schedulerName = 'default-scheduler', plugins = defaultPlugins } = options
  const nodeCache = informers.informer(nodes)
  const namespaceCache = informers.informer(namespaces)
  const budgetCache = informers.informer(podDisruptionBudgets)
  const podCache = informers.informer(pods)

  const events = createEventRecorder({ client, component: schedulerName, clock, log })
  const writer = createPodWriter({ client, clock, events })
  const counts = schedulerMetrics(metrics, schedulerName)
  const table = new NodeTable((name) => namespaceCache.get(name)?.metadata?.labels ?? {})
  /** Pods placed by a decision whose binding the cache has not shown yet. */
  const assumed = new Set<string>()
  const nominated = new Map<string, { readonly pod: PodInfo; readonly nodeName: string }>()
  const binding = new Set<Promise<void>>()
  const cursor = { position: 0 }
  let scheduled: Cancel | undefined
  let isReady = false
  let stopped = false

  const queue = new SchedulingQueue(clock, plugins, wake)
  const stopCollecting = metrics.onCollect(() => counts.pending(queue.counts))

  function wake(): void {
    if (stopped || !isReady || scheduled) return
    scheduled = clock.after(0, () => {
      scheduled = undefined
      runSlice()
    })
  }

  function runSlice(): void {
    const endMs = clock.monotonic() + sliceMs
    for (let queued = queue.pop(); queued; queued = queue.pop()) {
      scheduleOne(queued)
      if (clock.monotonic() >= endMs) return wake()
    }
  }

  function scheduleOne(queued: QueuedPod): void {
    const startedAtMs = clock.monotonic()
    const { pod } = queued
    const input: DecisionInput = { nodes: table, plugins, random, cursor, nominated: [...nominated.values()] }
    try {
      const decision = decide(pod, input)
      if (decision.type === 'placed') assume(queued, decision.nodeName, startedAtMs)
      else refuse(queued, decision.diagnosis, input, startedAtMs)
    } catch (error) {
      counts.attempt('error', clock.monotonic() - startedAtMs)
      log.error('a decision failed', { pod: pod.key, error })
      queue.retry(queued)
    }
  }

  /** Counts the pod on its node at once, and binds it while the next decisions are made. */
  function assume(queued: QueuedPod, nodeName: string, startedAtMs: number): void {
    const { pod } = queued
    table.addPod(pod, nodeName)
    assumed.add(pod.key)
    nominated.delete(pod.key)
    const bound = bind(queued, nodeName, startedAtMs).finally(() => binding.delete(bound))
    binding.add(bound)
  }

  async function bind(queued: QueuedPod, nodeName: string, startedAtMs: number): Promise<void> {
    const { pod } = queued
    try {
      await writer.bind(pod, nodeName)
      counts.attempt('scheduled', clock.monotonic() - startedAtMs)
    } catch (error) {
      counts.attempt('error', clock.monotonic() - startedAtMs)
      forget(pod)
      if (isNotFound(error)) return
      log.warn('binding failed', { pod: pod.key, node: nodeName, error })
      await report(pod, 'SchedulerError', `binding rejected: ${String(error)}`)
      queue.retry(queued)
    }
  }

  /** Undoes an assumption that did not come true. */
  function forget(pod: PodInfo): void {
    if (!assumed.delete(pod.key)) return
    table.removePod(pod.key)
    queue.notice({ type: 'podRemoved', pod })
  }

  function refuse(queued: QueuedPod, diagnosis: Diagnosis, input: DecisionInput, startedAtMs: number): void {
    const { pod } = queued
    counts.attempt('unschedulable', clock.monotonic() - startedAtMs)
    let message = diagnosisMessage(diagnosis.nodeCount, diagnosis.refusals.values())
    if (diagnosis.nodeCount > 0) {
      const preemption = preempt(pod, diagnosis, budgetCache.list(), input)
      if (preemption.type === 'victims') {
        nominated.set(pod.key, { pod, nodeName: preemption.nodeName })
        counts.preempted(preemption.victims.length)
        void makeRoom(pod, preemption.nodeName, preemption.victims)
      } else {
        message += ` preemption: ${preemption.message}`
      }
    }
    queue.refuse(queued, diagnosis.plugins)
    void report(pod, 'Unschedulable', message, nominated.get(pod.key)?.nodeName)
  }

  async function makeRoom(pod: PodInfo, nodeName: string, victims: readonly PodInfo[]): Promise<void> {
    const failures = await writer.evict(victims, pod, nodeName)
    if (failures.length === 0) return
    nominated.delete(pod.key)
    log.warn('preemption failed', { pod: pod.key, node: nodeName, error: failures[0] })
  }

  async function report(
    pod: PodInfo,
    reason: string,
    message: string,
    nominatedNodeName?: string,
  ): Promise<void> {
    try {
      await writer.report(podCache.get(pod.key) ?? pod.pod, { reason, message, nominatedNodeName })
    } catch (error) {
      if (!isNotFound(error)) log.warn('a pod could not be told why it waits', { pod: pod.key, error })
    }
  }

  function onPod(change: Change<Pod>): void {
    const key = keyOf(change.object)
    if (change.type === 'deleted' || isOver(change.object)) return onPodGone(key)
    const nodeName = change.object.spec?.nodeName
    if (nodeName) onPodPlaced(podInfo(change.object), nodeName)
    else if (isOurs(change.object)) onPodWaiting(change.object, key)
    else queue.remove(key)
  }

  function onPodGone(key: string): void {
    queue.remove(key)
    nominated.delete(key)
    assumed.delete(key)
    const place = table.placeOf(key)
    if (!place) return
    table.removePod(key)
    queue.notice({ type: 'podRemoved', pod: place.pod })
    wake()
  }

  function onPodPlaced(pod: PodInfo, nodeName: string): void {
    queue.remove(pod.key)
    nominated.delete(pod.key)
    assumed.delete(pod.key)
    const previous = table.placeOf(pod.key)?.pod
    // Most updates of a placed pod are of its status, which nothing here reads.
    if (previous && isSameForScheduling(previous.pod, pod.pod)) return
    table.addPod(pod, nodeName)
    queue.notice({ type: 'podPlaced', pod, ...(previous && { previous }) })
  }

  function onPodWaiting(pod: Pod, key: string): void {
    // The cache has not seen the binding of an assumed pod yet.
    if (assumed.has(key) && table.placeOf(key)?.pod.uid === pod.metadata?.uid) return
    const info = podInfo(pod)
    const nodeName = pod.status?.nominatedNodeName
    if (nodeName && !nominated.has(key)) nominated.set(key, { pod: info, nodeName })
    queue.set(info)
  }

  function isOurs({ metadata, spec }: Pod): boolean {
    return (spec?.schedulerName ?? 'default-scheduler') === schedulerName && !metadata?.deletionTimestamp
  }

  function onNode(change: Change<Node>): void {
    const { object: node } = change
    if (change.type === 'deleted') return table.removeNode(keyOf(node))
    if (change.type === 'updated' && isSameNode(node, change.previous)) return
    table.setNode(node)
    queue.notice(
      change.type === 'updated'
        ? { type: 'nodeUpdated', node, previous: change.previous }
        : { type: 'nodeAdded', node },
    )
  }

  const unsubscribe = [
    nodeCache.onChange(onNode),
    namespaceCache.onChange(({ object }) => {
      table.counts.namespaceChanged()
      queue.notice({ type: 'namespaceUpdated', name: keyOf(object) })
    }),
    podCache.onChange(onPod),
  ]
  const caches = [nodeCache, namespaceCache, budgetCache, podCache]
  const ready = Promise.all(caches.map(({ synced }) => synced)).then(() => {
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
      for (const end of unsubscribe) end()
      await Promise.allSettled(binding)
      await events.stop()
    },
  })
}

function isOver({ status }: Pod): boolean {
  return status?.phase === 'Succeeded' || status?.phase === 'Failed'
}

function isSameForScheduling(previous: Pod, next: Pod): boolean {
  return (
    previous.metadata?.uid === next.metadata?.uid &&
    previous.metadata?.generation === next.metadata?.generation &&
    previous.metadata?.labels === next.metadata?.labels &&
    previous.metadata?.deletionTimestamp === next.metadata?.deletionTimestamp &&
    previous.status?.containerStatuses === next.status?.containerStatuses
  )
}

/** Heartbeats change conditions only. */
function isSameNode(next: Node, previous: Node): boolean {
  const read = ({ metadata, spec, status }: Node) =>
    JSON.stringify([
      metadata?.labels,
      metadata?.annotations,
      spec,
      status?.allocatable,
      status?.images,
      status?.declaredFeatures,
    ])
  return read(next) === read(previous)
}
