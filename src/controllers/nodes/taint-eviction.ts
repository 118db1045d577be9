import type { Node } from '../../api/generated/core.v1.ts'
import { nodes, pods } from '../../api/generated/resources.ts'
import { again, done, on, type Reconciler } from '../../client/reconciler.ts'
import type { Metrics } from '../../machinery/metrics.ts'
import { keyOf } from '../../machinery/resource.ts'
import { evictForTaint } from '../pods/evict-for-taint.ts'
import { isTerminal } from '../pods/pod-state.ts'
import { evictionTimeMs } from './plan-taint-eviction.ts'
import { indexPodsByNode, podsOn } from './pods-by-node.ts'

const disruption = {
  reason: 'DeletionByTaintManager',
  message: 'Taint manager: deleting due to NoExecute taint',
}

/** Deletes pods that do not tolerate the NoExecute taints of their node, or not any longer. */
export function taintEvictionReconciler(): Reconciler {
  /** Pods that wait for their end, with the time at which that was seen: taints need not tell since when they are there. */
  const waiting = new Map<string, { readonly uid: string | undefined; readonly sinceMs: number }>()
  return {
    name: 'taint-eviction-controller',
    queueName: 'noexec_taint_pod',
    eventSource: 'taint-eviction-controller',
    watches: [
      on(pods, (pod, { cache }) => {
        const node = cache(nodes).get(pod.spec?.nodeName ?? '')
        return node && noExecuteTaints(node).length > 0 ? [keyOf(pod)] : []
      }),
      on(nodes, (node, { cache }) =>
        noExecuteTaints(node).length > 0 ? podsOn(cache(pods), node.metadata?.name ?? '').map(keyOf) : [],
      ),
    ],

    prepare: ({ cache }) => indexPodsByNode(cache(pods)),

    async reconcile(key, context) {
      const { cache, clock, events } = context
      const pod = cache(pods).get(key)
      if (!pod || pod.metadata?.deletionTimestamp || isTerminal(pod)) {
        waiting.delete(key)
        return done
      }
      const node = cache(nodes).get(pod.spec?.nodeName ?? '')
      const { uid } = pod.metadata ?? {}
      const known = waiting.get(key)
      const sinceMs = known && known.uid === uid ? known.sinceMs : clock.now()
      const dueMs = evictionTimeMs(pod, node ? noExecuteTaints(node) : [], sinceMs)
      if (dueMs === undefined) {
        if (waiting.delete(key))
          events.event(pod, 'Normal', 'TaintManagerEviction', `Cancelling deletion of Pod ${key}`)
        return done
      }
      const leftMs = dueMs - clock.now()
      if (leftMs > 0) {
        waiting.set(key, { uid, sinceMs })
        return again(leftMs)
      }
      events.event(pod, 'Normal', 'TaintManagerEviction', `Marking for deletion Pod ${key}`)
      await evictForTaint(pod, disruption, context)
      countEviction(context.metrics, -leftMs / 1000)
      waiting.delete(key)
      return done
    },
  }
}

/** Names as upstream: pkg/controller/tainteviction/metrics. */
function countEviction(metrics: Metrics, lateSeconds: number): void {
  const prefix = 'taint_eviction_controller'
  const help = 'Total number of Pods deleted by TaintEvictionController since its start.'
  metrics
    .counter({ name: `${prefix}_pod_deletions_total`, help })
    .with({})
    .add()
  metrics
    .histogram({
      name: `${prefix}_pod_deletion_duration_seconds`,
      help: 'Latency, in seconds, between the time when a taint effect has been activated for the Pod and its deletion via TaintEvictionController.',
      buckets: [0.005, 0.025, 0.1, 0.5, 1, 2.5, 10, 30, 60, 120, 180, 240],
    })
    .with({})
    .observe(lateSeconds)
}

function noExecuteTaints({ spec }: Node) {
  return spec?.taints?.filter(({ effect }) => effect === 'NoExecute') ?? []
}
