import type { Namespace, Node, Pod } from '../api/generated/core.v1.ts'
import type { Change, Informer } from '../client/informer.ts'
import type { KubernetesObject } from '../machinery/meta.ts'
import { keyOf, type Resource } from '../machinery/resource.ts'
import type { PluginHandle } from './framework.ts'
import { podInfo, sameLabels, type PodInfo } from './pod-info.ts'
import type { SchedulingCycle } from './scheduling-cycle.ts'
import type { SchedulingQueue } from './scheduling-queue.ts'

export interface FollowClusterOptions {
  readonly handle: PluginHandle
  readonly queue: SchedulingQueue
  readonly cycle: SchedulingCycle
  /** Whether pods with this spec.schedulerName are scheduled here. */
  isOurs(schedulerName: string): boolean
  readonly caches: {
    readonly nodes: Informer<Node>
    readonly namespaces: Informer<Namespace>
    readonly pods: Informer<Pod>
    /** What plugins read. */
    readonly others: ReadonlyMap<Resource, Informer<KubernetesObject>>
  }
}

/** Keeps the node table and the queue as the cluster is, change by change. Returns what ends that. */
export function followCluster(options: FollowClusterOptions): () => void {
  const { handle, queue, cycle, isOurs, caches } = options
  const { nodes: table, nominated } = handle

  function onPod(change: Change<Pod>): void {
    const key = keyOf(change.object)
    if (change.type === 'deleted' || isOver(change.object)) return onPodGone(key)
    const { metadata, spec } = change.object
    if (spec?.nodeName) onPodPlaced(podInfo(change.object), spec.nodeName)
    else if (isOurs(spec?.schedulerName ?? 'default-scheduler') && !metadata?.deletionTimestamp)
      onPodWaiting(change.object, key)
    else queue.remove(key)
  }

  function onPodGone(key: string): void {
    queue.remove(key)
    nominated.delete(key)
    cycle.settled(key)
    const place = table.placeOf(key)
    if (!place) return
    table.removePod(key)
    queue.notice({ type: 'podRemoved', pod: place.pod, nodeName: place.nodeName })
  }

  function onPodPlaced(pod: PodInfo, nodeName: string): void {
    queue.remove(pod.key)
    nominated.delete(pod.key)
    cycle.settled(pod.key)
    const previous = table.placeOf(pod.key)?.pod
    // Most updates of a placed pod are of its status, which nothing here reads.
    if (previous && isSameForScheduling(previous.pod, pod.pod)) return
    table.addPod(pod, nodeName)
    queue.notice({ type: 'podPlaced', pod, ...(previous && { previous }) })
  }

  function onPodWaiting(pod: Pod, key: string): void {
    // The cache has not seen the binding of an assumed pod yet.
    if (cycle.isAssumed(key) && table.placeOf(key)?.pod.uid === pod.metadata?.uid) return
    const info = podInfo(pod)
    const nodeName = pod.status?.nominatedNodeName
    if (nodeName && nominated.nodeOf(key) === undefined) nominated.set(info, nodeName)
    queue.set(info)
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

  function onOther(resource: Resource, change: Change<KubernetesObject>): void {
    const gone = change.type === 'deleted'
    queue.notice({
      type: 'objectChanged',
      resource,
      object: gone ? undefined : change.object,
      previous: gone ? change.object : change.type === 'updated' ? change.previous : undefined,
    })
  }

  const unsubscribe = [
    caches.nodes.onChange(onNode),
    caches.namespaces.onChange(({ object }) => {
      table.counts.namespaceChanged()
      queue.notice({ type: 'namespaceUpdated', name: keyOf(object) })
    }),
    caches.pods.onChange(onPod),
    ...[...caches.others].map(([resource, cache]) => cache.onChange((change) => onOther(resource, change))),
  ]
  return () => {
    for (const end of unsubscribe) end()
  }
}

function isOver({ status }: Pod): boolean {
  return status?.phase === 'Succeeded' || status?.phase === 'Failed'
}

function isSameForScheduling(previous: Pod, next: Pod): boolean {
  return (
    previous.metadata?.uid === next.metadata?.uid &&
    previous.metadata?.generation === next.metadata?.generation &&
    sameLabels(previous.metadata?.labels, next.metadata?.labels) &&
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
