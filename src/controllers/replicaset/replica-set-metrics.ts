import type { Pod } from '../../api/generated/core.v1.ts'
import { exponentialBuckets, type Metrics } from '../../machinery/metrics.ts'
import { parseTime } from '../../machinery/time.ts'
import { isReady } from '../pods/pod-state.ts'

/**
 * Of some active pods, these are chosen to be deleted: how old they are beside the youngest, as far as they are ready. A
 * whole number, as upstream has it: kubernetes/pkg/controller/replicaset/metrics.
 */
export function tellDeletedAges(
  metrics: Metrics,
  active: readonly Pod[],
  chosen: readonly Pod[],
  nowMs: number,
): void {
  const ageMs = ({ metadata }: Pod) => nowMs - (parseTime(metadata?.creationTimestamp) ?? nowMs)
  const youngestMs = Math.min(...active.filter(isReady).map(ageMs))
  if (!(youngestMs > 0)) return
  const ratios = metrics
    .histogram({
      name: 'replicaset_controller_sorting_deletion_age_ratio',
      help: "The ratio of deleted pods' ages to that of the youngest, both of pods that were ready. Below 2 as a rule",
      buckets: exponentialBuckets(0.25, 2, 6),
    })
    .with({})
  for (const pod of chosen.filter(isReady)) ratios.observe(Math.trunc(ageMs(pod) / youngestMs))
}
