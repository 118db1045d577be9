import { podRequests } from '../../api/core/pod-resources.ts'
import { qosClassOf } from '../../api/core/pod/qos-class.ts'
import type { Pod } from '../../api/generated/core.v1.ts'
import { quantityMilliValue, quantityValue } from '../../machinery/quantity.ts'
import { cpuQuotaOf, cpuSharesOf, type CPUPeriod } from '../containers/resources.ts'

interface PodLimits {
  readonly shares: number
  readonly quota: { readonly cpuQuota: number; readonly cpuPeriod: number } | null
  readonly memoryBytes: number | undefined
}

/** Sums over the containers, or what the pod says as a whole, with its overhead; a limit counts only when every container has one. */
export function limitsOf(pod: Pod, cpuPeriod?: CPUPeriod): PodLimits {
  const { containers = [], initContainers = [], overhead = {}, resources } = pod.spec ?? {}
  const sidecars = initContainers.filter(({ restartPolicy }) => restartPolicy === 'Always')
  const counted = [...containers, ...sidecars]
  const sum = (list: 'requests' | 'limits', name: 'cpu' | 'memory', value: (text: string) => number) => {
    const whole = resources?.[list]?.[name]
    const own = value(overhead[name] ?? '0')
    if (whole !== undefined) return own + value(whole)
    return counted.reduce((total, container) => {
      const text = container.resources?.[list]?.[name] ?? container.resources?.limits?.[name] ?? '0'
      return total + value(list === 'limits' ? (container.resources?.limits?.[name] ?? '0') : text)
    }, own)
  }
  const all = (name: 'cpu' | 'memory') =>
    resources?.limits?.[name] !== undefined ||
    counted.every((container) => quantityMilliValue(container.resources?.limits?.[name] ?? '0') > 0)
  const initPeak = Math.max(
    0,
    ...initContainers.map(({ resources }) => quantityValue(resources?.limits?.memory ?? '0')),
  )
  // What the pod may have as a whole holds for its init containers, too.
  const initUnlimited =
    resources?.limits?.memory === undefined &&
    initContainers.some(({ resources }) => resources?.limits?.memory === undefined)
  return {
    shares: cpuSharesOf(sum('requests', 'cpu', quantityMilliValue)),
    quota: all('cpu') ? cpuQuotaOf(sum('limits', 'cpu', quantityMilliValue), cpuPeriod) : null,
    memoryBytes:
      all('memory') && !initUnlimited
        ? Math.max(sum('limits', 'memory', quantityValue), initPeak)
        : undefined,
  }
}

/** What a pod's containers may have together; undefined when one of them has no limit. */
export function podMemoryLimitBytes(pod: Pod): number | undefined {
  return limitsOf(pod).memoryBytes
}

/** What all burstable pods together are to have of the CPU, beside the others. */
export function burstableShares(pods: Iterable<Pod>): number {
  let milliCPU = 0
  for (const pod of pods) if (qosClassOf(pod) === 'Burstable') milliCPU += podRequests(pod).cpu ?? 0
  return cpuSharesOf(milliCPU)
}
