import { qosClassOf } from '../../api/core/pod/qos-class.ts'
import { findUntolerated } from '../../api/core/tolerations.ts'
import type { Pod } from '../../api/generated/core.v1.ts'
import { isCriticalPod } from '../pods/critical-pod.ts'
import type { Failure } from '../pods/status/pod-status.ts'
import { pressureFailure } from './eviction-failure.ts'
import type { NodePressure } from './threshold.ts'

const memoryPressureTaint = { key: 'node.kubernetes.io/memory-pressure', effect: 'NoSchedule' } as const

/**
 * Why a pod may not come while the node is short of something; undefined when it may. Of memory alone, a pod that asks
 * for some may come, and one that tolerates the pressure.
 */
export function refusalUnderPressure(pod: Pod, pressures: ReadonlySet<NodePressure>): Failure | undefined {
  if (pressures.size === 0 || isCriticalPod(pod)) return undefined
  if (pressures.size === 1 && pressures.has('MemoryPressure')) {
    if (qosClassOf(pod) !== 'BestEffort') return undefined
    if (!findUntolerated([memoryPressureTaint], pod.spec?.tolerations ?? [])) return undefined
  }
  return pressureFailure([...pressures])
}
