import type { Pod } from '../../api/generated/core.v1.ts'

/** How long pods from this priority on have to end when the node goes down. As KubeletConfiguration names it. */
export interface ShutdownPeriod {
  readonly priority: number
  readonly shutdownGracePeriodSeconds: number
}

export interface ShutdownGroup extends ShutdownPeriod {
  readonly pods: readonly Pod[]
}

const systemCriticalPriority = 2_000_000_000

/** The periods of `shutdownGracePeriod` and `shutdownGracePeriodCriticalPods`, which is part of the former. */
export function periodsOf(wholeMs: number, criticalMs: number): readonly ShutdownPeriod[] {
  if (wholeMs === 0) return []
  return [
    { priority: 0, shutdownGracePeriodSeconds: Math.floor((wholeMs - criticalMs) / 1000) },
    { priority: systemCriticalPriority, shutdownGracePeriodSeconds: Math.floor(criticalMs / 1000) },
  ]
}

/** Pods in the order in which they end: each with the highest period that it reaches, or else with the lowest. */
export function groupByPriority(
  periods: readonly ShutdownPeriod[],
  pods: readonly Pod[],
): readonly ShutdownGroup[] {
  const sorted = periods.toSorted((a, b) => a.priority - b.priority)
  const indexOf = (pod: Pod) =>
    Math.max(
      0,
      sorted.findLastIndex(({ priority }) => priority <= (pod.spec?.priority ?? 0)),
    )
  return sorted.map((period, index) => ({ ...period, pods: pods.filter((pod) => indexOf(pod) === index) }))
}
