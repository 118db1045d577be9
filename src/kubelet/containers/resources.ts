import type { Pod } from '../../api/generated/core.v1.ts'
import { podRequests } from '../../api/core/pod-resources.ts'
import { quantityMilliValue, quantityValue } from '../../machinery/quantity.ts'
import { isSidecar, type AnyContainer } from '../pods/pod.ts'
import { qosClassOf } from '../../api/core/pod/qos-class.ts'
import type { LinuxResources } from '../runtime/runtime.ts'
import { swapLimitBytes, type NodeSwap } from './swap.ts'

const minimumQuotaMicroseconds = 1000
const minimumShares = 2
const maximumShares = 262_144
const systemCriticalPriority = 2_000_000_000

/** Microseconds that a limit of CPU counts in; `unlimited` where limits are not held. */
export type CPUPeriod = number | 'unlimited'

/** The kernel's own. */
const defaultCPUPeriod = 100_000

/** What a container's limits depend on beside its pod. */
export interface ResourcesNode {
  readonly memoryCapacityBytes: number
  readonly cgroupVersion: 1 | 2
  /** Absent where the kernel cannot limit swap space by container. */
  readonly swap?: NodeSwap | undefined
  readonly cpuPeriod?: CPUPeriod
  /** Where memory runs out, one process dies, not all of the container. */
  readonly singleProcessOOMKill?: boolean
}

/** A container's cgroup limits. */
export function containerResources(pod: Pod, container: AnyContainer, node: ResourcesNode): LinuxResources {
  const { memoryCapacityBytes, cgroupVersion, swap, cpuPeriod, singleProcessOOMKill } = node
  const { requests = {}, limits: own = {} } = container.resources ?? {}
  // Without a limit of its own, a container has that of the pod.
  const { cpu, memory }: Readonly<Record<string, string>> = { ...pod.spec?.resources?.limits, ...own }
  const limits = { ...own, ...(cpu !== undefined && { cpu }), ...(memory !== undefined && { memory }) }
  const cpuRequest = requests.cpu ?? own.cpu
  const memoryLimit = limits.memory === undefined ? 0 : quantityValue(limits.memory)
  return {
    cpuShares: cpuSharesOf(cpuRequest === undefined ? 0 : quantityMilliValue(cpuRequest)),
    ...(limits.cpu !== undefined && cpuQuotaOf(quantityMilliValue(limits.cpu), cpuPeriod)),
    ...(memoryLimit > 0 && { memoryLimitBytes: memoryLimit }),
    oomScoreAdj: oomScoreAdjustment(pod, container, memoryCapacityBytes),
    hugepageLimits: hugepageLimitsOf(limits),
    ...(cgroupVersion === 2 && {
      unified: {
        ...(!singleProcessOOMKill && { 'memory.oom.group': '1' }),
        ...(swap && { 'memory.swap.max': String(swapLimitBytes(pod, container, swap)) }),
      },
    }),
  }
}

/** 1024 shares per CPU. */
export function cpuSharesOf(milliCPU: number): number {
  if (milliCPU === 0) return minimumShares
  return Math.min(maximumShares, Math.max(minimumShares, Math.floor((milliCPU * 1024) / 1000)))
}

export function cpuQuotaOf(
  milliCPU: number,
  cpuPeriod: CPUPeriod = defaultCPUPeriod,
): { readonly cpuQuota: number; readonly cpuPeriod: number } | null {
  if (milliCPU === 0 || cpuPeriod === 'unlimited') return null
  return {
    cpuPeriod,
    cpuQuota: Math.max(minimumQuotaMicroseconds, Math.floor((milliCPU * cpuPeriod) / 1000)),
  }
}

/** Who dies first when memory runs out: best effort before burstable, and those that use more than they asked for. */
function oomScoreAdjustment(pod: Pod, container: AnyContainer, memoryCapacityBytes: number): number {
  if ((pod.spec?.priority ?? 0) >= systemCriticalPriority) return -997
  switch (qosClassOf(pod)) {
    case 'Guaranteed':
      return -997
    case 'BestEffort':
      return 1000
    case 'Burstable': {
      const share = unclaimedMemoryShare(pod)
      const score = (bytes: number) => 1000 - Math.floor((1000 * (bytes + share)) / memoryCapacityBytes)
      // A sidecar does not die before those that it serves.
      const served = isSidecar(container) ? (pod.spec?.containers ?? []).map(memoryRequestOf) : []
      const own = memoryRequestOf(container)
      const adjustment = score(served.length > 0 ? Math.max(own, Math.min(...served)) : own)
      return Math.min(999, Math.max(3, adjustment))
    }
  }
}

/** What the pod asks for as a whole beyond its containers, for each of them. */
function unclaimedMemoryShare({ spec }: Pod): number {
  const whole = spec?.resources?.requests?.memory
  if (spec === undefined || whole === undefined) return 0
  const { containers, initContainers = [] } = spec
  const { memory = 0 } = podRequests({ spec: { containers, initContainers } })
  const unclaimed = quantityValue(whole) - memory
  return Math.max(0, Math.floor(unclaimed / (containers.length + initContainers.filter(isSidecar).length)))
}

function memoryRequestOf(container: AnyContainer): number {
  const request = container.resources?.requests?.memory
  return request === undefined ? 0 : quantityValue(request)
}

function hugepageLimitsOf(limits: Readonly<Record<string, string>>) {
  return Object.entries(limits).flatMap(([name, quantity]) => {
    const size = /^hugepages-(\d+)([KMG])i$/.exec(name)
    return size ? [{ pageSize: `${size[1]}${size[2]}B`, limitBytes: quantityValue(quantity) }] : []
  })
}
