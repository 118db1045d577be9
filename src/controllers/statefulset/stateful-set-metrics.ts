import type { StatefulSet } from '../../api/generated/apps.v1.ts'
import type { Metrics } from '../../machinery/metrics.ts'
import type { ObjectName } from '../../machinery/resource.ts'
import { identityOf } from '../ownership/identity.ts'

const labels = ['statefulset_namespace', 'statefulset_name', 'pod_management_policy'] as const

function gauges(metrics: Metrics) {
  return {
    allowed: metrics.gauge({
      name: 'statefulset_controller_statefulset_max_unavailable',
      help: 'How many pods of a stateful set may be unavailable during a rolling update',
      labels,
    }),
    unavailable: metrics.gauge({
      name: 'statefulset_controller_statefulset_unavailable_replicas',
      help: 'How many pods of a stateful set are missing or unavailable',
      labels,
    }),
  }
}

function series({ namespace = '', name }: ObjectName, policy: string) {
  return { statefulset_namespace: namespace, statefulset_name: name, pod_management_policy: policy }
}

/** Names as upstream: kubernetes/pkg/controller/statefulset/metrics. */
export function tellAvailability(
  metrics: Metrics,
  set: StatefulSet,
  replicas: { readonly maxUnavailable: number; readonly unavailable: number },
): void {
  const { allowed, unavailable } = gauges(metrics)
  const at = series(identityOf(set), set.spec?.podManagementPolicy ?? 'OrderedReady')
  allowed.with(at).set(replicas.maxUnavailable)
  unavailable.with(at).set(replicas.unavailable)
}

/** A set is gone: its numbers go with it. */
export function forgetAvailability(metrics: Metrics, set: ObjectName): void {
  const { allowed, unavailable } = gauges(metrics)
  for (const policy of ['OrderedReady', 'Parallel']) {
    allowed.remove(series(set, policy))
    unavailable.remove(series(set, policy))
  }
}
