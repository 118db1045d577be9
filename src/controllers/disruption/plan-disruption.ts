import type { Pod } from '../../api/generated/core.v1.ts'
import type { PodDisruptionBudget, PodDisruptionBudgetStatus } from '../../api/generated/policy.v1.ts'
import { setCondition } from '../../machinery/conditions.ts'
import { scaledValue } from '../../machinery/int-or-string.ts'
import type { Condition, Time } from '../../machinery/meta.ts'
import { parseTime } from '../../machinery/time.ts'
import { isReady } from '../pods/pod-state.ts'

/** An eviction that was allowed counts against the budget until the pod is gone, or for this long. */
export const disruptionTimeoutMs = 120_000

export interface Expectation {
  /** How many pods there should be. */
  readonly expectedPods: number
  /** How many of them must be healthy. */
  readonly desiredHealthy: number
}

/** What the budget demands. `scale` is asked only where a share of the controllers' sizes is meant. */
export function expectationOf(
  { spec = {} }: PodDisruptionBudget,
  podCount: number,
  scale: number,
): Expectation {
  const { minAvailable, maxUnavailable } = spec
  if (maxUnavailable !== undefined)
    return {
      expectedPods: scale,
      desiredHealthy: Math.max(0, scale - scaledValue(maxUnavailable, scale, true)),
    }
  if (typeof minAvailable === 'string')
    return { expectedPods: scale, desiredHealthy: scaledValue(minAvailable, scale, true) }
  return { expectedPods: podCount, desiredHealthy: minAvailable ?? 0 }
}

/** Whether the sizes of the pods' controllers are needed to know what the budget demands. */
export function needsScale({ spec = {} }: PodDisruptionBudget): boolean {
  return spec.maxUnavailable !== undefined || typeof spec.minAvailable === 'string'
}

export interface Disruptions {
  /** Allowed evictions whose pods are still there, with the time at which they were allowed. */
  readonly disruptedPods: Readonly<Record<string, Time>>
  /** Pods that should be gone long since: their eviction counts no longer. */
  readonly overdue: readonly Pod[]
  /** When the next of them runs out, milliseconds since the epoch. */
  readonly nextTimeoutMs: number | undefined
}

export function disruptionsOf(
  { status }: PodDisruptionBudget,
  pods: readonly Pod[],
  nowMs: number,
): Disruptions {
  const disruptedPods: Record<string, Time> = {}
  const overdue: Pod[] = []
  let nextTimeoutMs: number | undefined
  for (const pod of pods) {
    const { name = '', deletionTimestamp } = pod.metadata ?? {}
    const time = status?.disruptedPods?.[name]
    if (time === undefined || deletionTimestamp) continue
    const timeoutMs = (parseTime(time) ?? 0) + disruptionTimeoutMs
    if (timeoutMs < nowMs) {
      overdue.push(pod)
      continue
    }
    disruptedPods[name] = time
    nextTimeoutMs = Math.min(nextTimeoutMs ?? Infinity, timeoutMs)
  }
  return { disruptedPods, overdue, nextTimeoutMs }
}

/** The status that says how many pods may be evicted now. */
export function disruptionStatus(
  budget: PodDisruptionBudget,
  pods: readonly Pod[],
  { expectedPods, desiredHealthy }: Expectation,
  { disruptedPods }: Disruptions,
  nowMs: number,
): PodDisruptionBudgetStatus {
  const currentHealthy = pods.filter(
    (pod) =>
      !pod.metadata?.deletionTimestamp &&
      disruptedPods[pod.metadata?.name ?? ''] === undefined &&
      isReady(pod),
  ).length
  const disruptionsAllowed = expectedPods <= 0 ? 0 : Math.max(0, currentHealthy - desiredHealthy)
  const observedGeneration = budget.metadata?.generation ?? 0
  return {
    observedGeneration,
    ...(Object.keys(disruptedPods).length > 0 && { disruptedPods }),
    disruptionsAllowed,
    currentHealthy,
    desiredHealthy,
    expectedPods,
    conditions: allowedCondition(
      budget.status,
      observedGeneration,
      disruptionsAllowed > 0 ? 'SufficientPods' : 'InsufficientPods',
      '',
      nowMs,
    ),
  }
}

/** Nothing may be evicted while it is not known what may. */
export function failedStatus(
  budget: PodDisruptionBudget,
  message: string,
  nowMs: number,
): PodDisruptionBudgetStatus {
  const { status = {} } = budget
  return {
    ...status,
    disruptionsAllowed: 0,
    conditions: allowedCondition(status, status.observedGeneration ?? 0, 'SyncFailed', message, nowMs),
  }
}

function allowedCondition(
  status: PodDisruptionBudgetStatus | undefined,
  observedGeneration: number,
  reason: 'SufficientPods' | 'InsufficientPods' | 'SyncFailed',
  message: string,
  nowMs: number,
): readonly Condition[] {
  const value = reason === 'SufficientPods' ? 'True' : 'False'
  return setCondition<Condition>(
    status?.conditions,
    { type: 'DisruptionAllowed', status: value, reason, message, observedGeneration },
    nowMs,
  )
}
