import { qosClassOf } from '../../api/core/pod/qos-class.ts'
import type { Pod } from '../../api/generated/core.v1.ts'
import { quantityValue } from '../../machinery/quantity.ts'
import { isCriticalPod } from '../pods/critical-pod.ts'
import type { AnyContainer } from '../pods/pod.ts'

/** As KubeletConfiguration's memorySwap.swapBehavior names them. */
export const swapBehaviors = ['LimitedSwap', 'NoSwap'] as const
export type SwapBehavior = (typeof swapBehaviors)[number]

/** A node whose kernel can limit the swap space of each container. */
export interface NodeSwap {
  readonly behavior: SwapBehavior
  readonly capacityBytes: number
  readonly memoryCapacityBytes: number
}

/**
 * The swap space that a container may use. With LimitedSwap, containers of burstable pods that ask for less memory than
 * they may have get the part of the node's swap space that their request is of its memory. Source: kubernetes
 * pkg/kubelet/kuberuntime, configureLimitedSwap.
 */
export function swapLimitBytes(pod: Pod, container: AnyContainer, node: NodeSwap): number {
  if (!isSwappable(pod, container, node.behavior)) return 0
  const request = quantityValue(container.resources!.requests!.memory!)
  return Math.floor((request / node.memoryCapacityBytes) * node.capacityBytes)
}

function isSwappable(pod: Pod, { resources }: AnyContainer, behavior: SwapBehavior): boolean {
  if (behavior === 'NoSwap' || isCriticalPod(pod) || qosClassOf(pod) !== 'Burstable') return false
  const request = resources?.requests?.memory
  const limit = resources?.limits?.memory
  if (request === undefined || quantityValue(request) === 0) return false
  return limit === undefined || quantityValue(limit) !== quantityValue(request)
}
