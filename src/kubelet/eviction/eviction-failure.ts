import type { Pod } from '../../api/generated/core.v1.ts'
import { quantityValue } from '../../machinery/quantity.ts'
import type { Failure } from '../pods/status/pod-status.ts'
import { storageOf, type ContainerUsage, type PodUsage } from './rank-pods.ts'
import {
  asQuantity,
  neededBy,
  resourceOf,
  type NodePressure,
  type Reading,
  type Threshold,
} from './threshold.ts'

/** Why a pod ends that is evicted, in upstream's words. Source: pkg/kubelet/eviction/helpers.go. */
function evicted(message: string, graceSeconds: number): Failure {
  return { reason: 'Evicted', message, graceSeconds, disruption: 'TerminationByKubelet' }
}

/** The node is short of something. */
export function shortageFailure(
  usage: PodUsage,
  threshold: Threshold,
  reading: Reading,
  graceSeconds: number,
): Failure {
  const resource = resourceOf[threshold.signal]
  const needed = asQuantity(neededBy(threshold, reading))
  return evicted(
    [
      `The node was low on resource: ${resource}. `,
      `Threshold quantity: ${needed}, available: ${asQuantity(reading.available)}. `,
      ...usage.containers.flatMap((container) => greedOf(usage.pod, container, resource)),
    ].join(''),
    graceSeconds,
  )
}

/** Tells of a container that uses more than it asked for. */
function greedOf(pod: Pod, container: ContainerUsage, resource: string): readonly string[] {
  if (resource !== 'memory' && resource !== 'ephemeral-storage') return []
  const used = resource === 'memory' ? container.memoryBytes : container.storageBytes
  const { containers = [], initContainers = [] } = pod.spec ?? {}
  const found = [...containers, ...initContainers].find(({ name }) => name === container.name)
  const request = quantityValue(found?.resources?.requests?.[resource] ?? '0')
  if (used <= request) return []
  return [
    `Container ${container.name} was using ${asQuantity(used)}, request is ${asQuantity(request)}, has larger consumption of ${resource}. `,
  ]
}

/** A pod that may not come to a node with these pressures. */
export function pressureFailure(pressures: readonly NodePressure[]): Failure {
  return {
    reason: 'Evicted',
    message: `Pod was rejected: The node had condition: [${pressures.join(' ')}]. `,
    isRejection: true,
  }
}

/** A pod that uses more local storage than it may; undefined when it does not. */
export function storageFailure(usage: PodUsage): Failure | undefined {
  const { pod, containers, volumes } = usage
  for (const { name, emptyDir } of pod.spec?.volumes ?? []) {
    const limit = emptyDir?.sizeLimit
    if (limit === undefined || emptyDir?.medium === 'Memory' || quantityValue(limit) === 0) continue
    if ((volumes.get(name) ?? 0) > quantityValue(limit)) {
      return evicted(
        `Usage of EmptyDir volume "${name}" exceeds the limit "${limit}". `,
        evictionGraceSeconds,
      )
    }
  }
  const own = pod.spec?.containers ?? []
  const limits = own.flatMap(({ resources }) => resources?.limits?.['ephemeral-storage'] ?? [])
  const whole = limits.reduce((sum, limit) => sum + quantityValue(limit), 0)
  const used = storageOf(usage)
  if (limits.length === own.length && limits.length > 0 && used > whole) {
    return evicted(
      `Pod ephemeral local storage usage exceeds the total limit of containers ${asQuantity(whole)}. `,
      evictionGraceSeconds,
    )
  }
  for (const { name, resources } of own) {
    const limit = resources?.limits?.['ephemeral-storage']
    const usedBytes = containers.find((container) => container.name === name)?.storageBytes ?? 0
    if (limit !== undefined && usedBytes > quantityValue(limit)) {
      return evicted(
        `Container ${name} exceeded its local ephemeral storage limit "${limit}". `,
        evictionGraceSeconds,
      )
    }
  }
  return undefined
}

/** A hard eviction does not wait. */
export const evictionGraceSeconds = 1
