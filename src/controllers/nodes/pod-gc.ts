import type { Pod } from '../../api/generated/core.v1.ts'
import { nodes, pods } from '../../api/generated/resources.ts'
import { again, done, on, type ReconcileContext, type Reconciler } from '../../client/reconciler.ts'
import { compareGoStrings } from '../../machinery/go-format.ts'
import { isDeleting } from '../../machinery/owner.ts'
import { keyOf } from '../../machinery/resource.ts'
import { isNotFound } from '../../machinery/status-errors.ts'
import { identityOf } from '../ownership/identity.ts'
import { withDisruptionTarget } from '../pods/disruption-target.ts'
import { isTerminal } from '../pods/pod-state.ts'
import { isNodeReady } from './node-conditions.ts'
import { indexPodsByNode, podsOn } from './pods-by-node.ts'

/** A node that is gone may come back this soon; its pods wait. */
const quarantineMs = 40_000
const outOfServiceKey = 'node.kubernetes.io/out-of-service'

/** Why a pod has nobody who would ever end it. */
type Abandonment = 'none' | 'nodeGone' | 'nodeOutOfService' | 'neverScheduled'

/** Ends pods that no kubelet will: on nodes that are gone or out of service, and deleted before they had a node. */
export function podGarbageCollector(): Reconciler {
  /** Since when each node is missed, monotonic. */
  const missedSinceMs = new Map<string, number>()
  return {
    name: 'pod-garbage-collector',
    queueName: 'orphaned_pods_nodes',
    eventSource: 'pod-garbage-collector',
    watches: [
      on(pods, (pod, context) => (abandonmentOf(pod, context) === 'none' ? [] : [keyOf(pod)])),
      on(nodes, ({ metadata, spec }, { cache }) => {
        const name = metadata?.name ?? ''
        const isOut = spec?.taints?.some(({ key }) => key === outOfServiceKey)
        return isOut || !cache(nodes).get(name) ? podsOn(cache(pods), name).map(keyOf) : []
      }),
    ],

    prepare: ({ cache }) => indexPodsByNode(cache(pods)),

    async reconcile(key, context) {
      const { cache, clock } = context
      const pod = cache(pods).get(key)
      if (!pod) return done
      const abandonment = abandonmentOf(pod, context)
      const nodeName = pod.spec?.nodeName ?? ''
      if (abandonment !== 'nodeGone') missedSinceMs.delete(nodeName)
      switch (abandonment) {
        case 'none':
          return done
        case 'nodeGone': {
          const sinceMs = missedSinceMs.get(nodeName) ?? clock.monotonic()
          missedSinceMs.set(nodeName, sinceMs)
          const leftMs = sinceMs + quarantineMs - clock.monotonic()
          if (leftMs > 0) return again(leftMs)
          if (await nodeExists(nodeName, context)) return done
          const message = 'PodGC: node no longer exists'
          await end(
            pod,
            withDisruptionTarget(pod, 'DeletionByPodGC', message, clock.now()),
            'orphaned',
            context,
          )
          return done
        }
        case 'nodeOutOfService':
          await end(pod, pod, 'out-of-service', context)
          return done
        case 'neverScheduled':
          await end(pod, pod, 'unscheduled', context)
          return done
      }
    },
  }
}

function abandonmentOf(pod: Pod, { cache }: ReconcileContext): Abandonment {
  const nodeName = pod.spec?.nodeName
  if (!nodeName) return isDeleting(pod) ? 'neverScheduled' : 'none'
  const node = cache(nodes).get(nodeName)
  if (!node) return 'nodeGone'
  const isOut = node.spec?.taints?.some(({ key }) => key === outOfServiceKey) && !isNodeReady(node)
  return isOut && isDeleting(pod) ? 'nodeOutOfService' : 'none'
}

async function nodeExists(name: string, { client }: ReconcileContext): Promise<boolean> {
  try {
    await client.get(nodes, { name })
    return true
  } catch (error) {
    if (isNotFound(error)) return false
    throw error
  }
}

/** As the metrics name it. */
type EndReason = 'orphaned' | 'out-of-service' | 'unscheduled' | 'terminated'

/** Says that the pod has failed, since nobody else will, and removes it at once. */
async function end(
  pod: Pod,
  marked: Pod,
  reason: EndReason,
  { client, metrics }: ReconcileContext,
): Promise<void> {
  const target = identityOf(pod)
  const labels = { namespace: target.namespace, reason }
  const labelNames = ['namespace', 'reason'] as const
  const prefix = 'pod_gc_collector_force_delete'
  const deletions = metrics.counter({
    name: `${prefix}_pods_total`,
    help: 'Number of pods that are being forcefully deleted since the Pod GC Controller started.',
    labels: labelNames,
  })
  const failures = metrics.counter({
    name: `${prefix}_pod_errors_total`,
    help: 'Number of errors encountered when forcefully deleting the pods since the Pod GC Controller started.',
    labels: labelNames,
  })
  try {
    if (!isTerminal(pod)) {
      const { conditions } = marked.status ?? {}
      const body = {
        metadata: { uid: target.uid },
        status: { phase: 'Failed', ...(conditions && { conditions }) },
      }
      await client.patch(pods, target, { type: 'strategic', body }, { subresource: 'status' })
    }
    await client.delete(pods, target, { gracePeriodSeconds: 0, preconditions: { uid: target.uid } })
    deletions.with(labels).add()
  } catch (error) {
    if (isNotFound(error)) return
    failures.with(labels).add()
    throw error
  }
}

const terminatedIndex = 'terminated'

/** Deletes ended pods beyond `threshold`, the evicted and then the oldest first. Default 12500; 0 for never. */
export function terminatedPodCollector(threshold = 12_500): Reconciler {
  return {
    name: 'pod-garbage-collector-terminated',
    eventSource: 'pod-garbage-collector',
    concurrency: 1,
    watches: [on(pods, (pod) => (isTerminal(pod) ? [terminatedIndex] : []))],

    prepare: ({ cache }) =>
      cache(pods).addIndex(terminatedIndex, (pod) => (isTerminal(pod) && !isDeleting(pod) ? [''] : [])),

    async reconcile(_key, context) {
      const terminated = context.cache(pods).byIndex(terminatedIndex, '')
      const excess = terminated.length - threshold
      if (threshold <= 0 || excess <= 0) return done
      for (const pod of terminated.toSorted(leastWantedFirst).slice(0, excess))
        await end(pod, pod, 'terminated', context)
      return done
    },
  }
}

function leastWantedFirst(a: Pod, b: Pod): number {
  const isEvicted = ({ status }: Pod) => (status?.reason === 'Evicted' ? 1 : 0)
  return (
    isEvicted(b) - isEvicted(a) ||
    compareGoStrings(a.metadata?.creationTimestamp ?? '', b.metadata?.creationTimestamp ?? '') ||
    compareGoStrings(a.metadata?.name ?? '', b.metadata?.name ?? '')
  )
}
