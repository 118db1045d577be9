import type { Clock } from '../../../machinery/clock.ts'
import { isQuantity, quantityToFloat } from '../../../machinery/quantity.ts'
import type { ContainerStats, NodeUsage } from '../runtime.ts'
import { annotationFor, cpuUsageAnnotation, memoryUsageAnnotation } from './simulated-annotations.ts'
import { podUIDOf, type SimulatedContainer } from './simulated-container.ts'

/** What a container uses that is not told to use anything. */
const idleCores = 0.001
const idleBytes = 1024 * 1024
/** What a node uses beside its containers. */
const idleNodeCores = 0.02
const idleNodeBytes = 256 * 1024 * 1024

/** Processor time and memory of simulated containers, as the annotations of their pods say from time to time. */
export interface UsageMeter {
  of(target: SimulatedContainer): ContainerStats
  ofNode(containers: readonly SimulatedContainer[]): NodeUsage
  /** A container goes; what it used stays used. */
  keep(target: SimulatedContainer): void
}

export interface UsageMeterOptions {
  readonly clock: Clock
  /** The annotations of the container's pod now. */
  readonly annotationsOf: (target: SimulatedContainer) => Readonly<Record<string, string>>
}

export function createUsageMeter({ clock, annotationsOf }: UsageMeterOptions): UsageMeter {
  const startedMs = clock.now()
  let goneNanoseconds = 0n

  function of(target: SimulatedContainer): ContainerStats {
    const { labels, name } = target.config
    const annotations = annotationsOf(target)
    const amount = (annotation: string, unset: number) => {
      const text = annotationFor(name, annotations, annotation)
      return text !== undefined && isQuantity(text) ? quantityToFloat(text) : unset
    }
    const now = clock.now()
    const sinceMs = Math.max(target.cpu.atMs, target.status.startedAtMs)
    const isRunning = target.status.state === 'running'
    const usedNanoseconds = isRunning
      ? Math.max(0, now - sinceMs) * amount(cpuUsageAnnotation, idleCores) * 1e6
      : 0
    target.cpu = { nanoseconds: target.cpu.nanoseconds + usedNanoseconds, atMs: now }
    const memoryBytes = Math.round(amount(memoryUsageAnnotation, idleBytes))
    return {
      containerID: target.status.id,
      name,
      podUID: podUIDOf(target),
      podName: labels['io.kubernetes.pod.name'] ?? '',
      podNamespace: labels['io.kubernetes.pod.namespace'] ?? '',
      timestampMs: now,
      cpuUsageNanoseconds: BigInt(Math.round(target.cpu.nanoseconds)),
      memoryWorkingSetBytes: memoryBytes,
      memoryUsageBytes: memoryBytes,
      memoryRSSBytes: memoryBytes,
    }
  }

  return {
    of,
    ofNode(containers) {
      const ownNanoseconds = BigInt(Math.round((clock.now() - startedMs) * idleNodeCores * 1e6))
      let cpuUsageNanoseconds = goneNanoseconds + ownNanoseconds
      let memoryWorkingSetBytes = idleNodeBytes
      for (const target of containers) {
        const usage = of(target)
        cpuUsageNanoseconds += usage.cpuUsageNanoseconds
        if (target.status.state === 'running') memoryWorkingSetBytes += usage.memoryWorkingSetBytes
      }
      return { cpuUsageNanoseconds, memoryWorkingSetBytes }
    },
    keep(target) {
      goneNanoseconds += BigInt(Math.round(target.cpu.nanoseconds))
    },
  }
}
