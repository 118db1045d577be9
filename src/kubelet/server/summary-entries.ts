import { formatTime } from '../../machinery/time.ts'
import type { CgroupMemory, Pressure, PressureLine } from '../cgroups/cgroup-stats.ts'

/** Parts of /stats/summary that nodes, pods and containers share. Source: k8s.io/kubelet/pkg/apis/stats/v1alpha1. */
export function memoryEntry(
  timestampMs: number,
  memory: CgroupMemory | undefined,
  pressure: Pressure | undefined,
) {
  const time = formatTime(timestampMs)
  if (!memory) return { time, workingSetBytes: 0 }
  const { limitBytes, workingSetBytes } = memory
  return {
    time,
    ...(Number.isFinite(limitBytes) && { availableBytes: Math.max(0, limitBytes - workingSetBytes) }),
    usageBytes: memory.usageBytes,
    workingSetBytes,
    rssBytes: memory.rssBytes,
    pageFaults: memory.pageFaults,
    majorPageFaults: memory.majorPageFaults,
    ...pressureEntry(pressure),
  }
}

/** Nothing where the kernel does not count swap. */
export function swapEntry(timestampMs: number, memory: CgroupMemory | undefined) {
  if (memory?.swapBytes === undefined) return {}
  const { swapBytes, swapLimitBytes = Infinity } = memory
  return {
    swap: {
      time: formatTime(timestampMs),
      ...(Number.isFinite(swapLimitBytes) && {
        swapAvailableBytes: Math.max(0, swapLimitBytes - swapBytes),
      }),
      swapUsageBytes: swapBytes,
    },
  }
}

export function pressureEntry(pressure: Pressure | undefined) {
  return pressure ? { psi: { full: pressureData(pressure.full), some: pressureData(pressure.some) } } : {}
}

function pressureData({ totalMicroseconds, avg10, avg60, avg300 }: PressureLine) {
  return { total: totalMicroseconds, avg10, avg60, avg300 }
}
