import { podRequests } from '../../api/core/pod-resources.ts'
import type { Pod } from '../../api/generated/core.v1.ts'
import type { Signal } from './threshold.ts'

/** What one container uses, in bytes. */
export interface ContainerUsage {
  readonly name: string
  readonly memoryBytes: number
  /** Its writable layer and its logs. */
  readonly storageBytes: number
  readonly inodes: number
}

export interface PodUsage {
  readonly pod: Pod
  readonly containers: readonly ContainerUsage[]
  /** Of its emptyDir volumes on disk, by name. */
  readonly volumes: ReadonlyMap<string, number>
  /** Of /etc/hosts and the termination messages, which containers can write to. */
  readonly filesBytes: number
}

/**
 * Pods in the order in which they are evicted: those that use more than they asked for first, then by priority, then
 * by how much they use beyond it. Inodes and processes are not asked for: there priority comes first. Source:
 * upstream's pkg/kubelet/eviction/helpers.go.
 */
export function rankPods(signal: Signal, pods: readonly PodUsage[]): readonly PodUsage[] {
  const keys = new Map(pods.map((usage) => [usage, rankOf(signal, usage)]))
  return pods.toSorted((a, b) => {
    const [exceedsA, priorityA, excessA] = keys.get(a)!
    const [exceedsB, priorityB, excessB] = keys.get(b)!
    return Number(exceedsB) - Number(exceedsA) || priorityA - priorityB || excessB - excessA
  })
}

function rankOf(
  signal: Signal,
  usage: PodUsage,
): readonly [exceeds: boolean, priority: number, excess: number] {
  const { pod } = usage
  const priority = pod.spec?.priority ?? 0
  const requests = podRequests(pod)
  switch (signal) {
    case 'memory.available': {
      const excess = memoryOf(usage) - (requests.memory ?? 0)
      return [excess > 0, priority, excess]
    }
    case 'nodefs.available':
    case 'imagefs.available': {
      const excess = storageOf(usage) - (requests['ephemeral-storage'] ?? 0)
      return [excess > 0, priority, excess]
    }
    case 'nodefs.inodesFree':
    case 'imagefs.inodesFree':
      return [false, priority, usage.containers.reduce((sum, { inodes }) => sum + inodes, 0)]
    case 'pid.available':
      return [false, priority, 0]
  }
}

function memoryOf({ containers }: PodUsage): number {
  return containers.reduce((sum, { memoryBytes }) => sum + memoryBytes, 0)
}

/** All that the pod has on the node's disk. */
export function storageOf({ containers, volumes, filesBytes }: PodUsage): number {
  const layers = containers.reduce((sum, { storageBytes }) => sum + storageBytes, filesBytes)
  return [...volumes.values()].reduce((sum, bytes) => sum + bytes, layers)
}
