import type { Container, Pod } from '../../api/generated/core.v1.ts'
import { quantityMilliValue } from '../../machinery/quantity.ts'
import { parseTime } from '../../machinery/time.ts'
import { podCondition } from '../pods/pod-state.ts'

/** What a pod uses, or measures, in thousandths. */
export interface PodMetric {
  readonly milliValue: number
  /** End of the time that was measured, milliseconds since the epoch. */
  readonly timestampMs: number
  readonly windowMs: number
}

/** By the pod's name. */
export type PodMetricValues = ReadonlyMap<string, PodMetric>

/** How much usage may differ from its target, as a share of it, before anything is done. */
export interface Tolerances {
  readonly scaleUp: number
  readonly scaleDown: number
}

export interface CalculatorOptions {
  /** For so long after a pod's start its CPU usage counts only while it is ready. */
  readonly cpuInitializationPeriodMs: number
  /** A pod that became unready within this time of its start has never been ready. */
  readonly initialReadinessDelayMs: number
  readonly tolerances: Tolerances
  readonly nowMs: number
}

export interface Usage {
  readonly pods: readonly Pod[]
  readonly metrics: PodMetricValues
  readonly currentReplicas: number
}

export interface ReplicaProposal {
  readonly replicas: number
  /** Percent of what is requested; where there is a target for that. */
  readonly utilization?: number
  /** Of each pod, in thousandths. */
  readonly averageMilliValue: number
}

/** Nothing can be calculated; worded as upstream. */
export class CalculationError extends Error {
  constructor(message: string) {
    super(message)
    this.name = 'CalculationError'
  }
}

/**
 * How many pods it takes for their usage to be `targetPercent` of what they request. `container`: that of one container
 * each only. Source: kubernetes/pkg/controller/podautoscaler/replica_calculator.go.
 */
export function replicasForUtilization(
  usage: Usage,
  resource: string,
  container: string | undefined,
  targetPercent: number,
  options: CalculatorOptions,
): ReplicaProposal {
  const groups = groupPods(usage, resource, options)
  const requests = new Map(
    usage.pods.map((pod) => [pod.metadata?.name ?? '', requestOf(pod, resource, container)]),
  )
  if (groups.counted.size === 0) throw noReadyMetrics()
  const measure = (metrics: ReadonlyMap<string, number>): Measurement => {
    let [total, requested, count] = [0, 0, 0]
    for (const [name, milliValue] of metrics) {
      const request = requests.get(name)
      if (request === undefined) continue
      total += milliValue
      requested += request
      count++
    }
    if (requested === 0) throw new CalculationError('no metrics returned matched known pods')
    const utilization = Math.trunc((total * 100) / requested)
    return { ratio: utilization / targetPercent, utilization, averageMilliValue: Math.trunc(total / count) }
  }
  const whenMissing = (name: string, ratio: number) => {
    if (ratio === 1) return undefined
    return ratio > 1 ? 0 : Math.trunc(((requests.get(name) ?? 0) * Math.max(100, targetPercent)) / 100)
  }
  return propose(usage, groups, measure, whenMissing, options)
}

/** How many pods it takes for each to have the target value. `resource`: that it is the usage of. */
export function replicasForAverage(
  usage: Usage,
  resource: string | undefined,
  targetMilliValue: number,
  options: CalculatorOptions,
): ReplicaProposal {
  const groups = groupPods(usage, resource, options)
  if (groups.counted.size === 0) throw noReadyMetrics()
  const measure = (metrics: ReadonlyMap<string, number>): Measurement => {
    const total = [...metrics.values()].reduce((sum, milliValue) => sum + milliValue, 0)
    const averageMilliValue = Math.trunc(total / metrics.size)
    return { ratio: averageMilliValue / targetMilliValue, averageMilliValue }
  }
  const whenMissing = (_name: string, ratio: number) => (ratio < 1 ? targetMilliValue : 0)
  return propose(usage, groups, measure, whenMissing, options)
}

/** How many pods it takes for a value that they share to be the target. */
export function replicasForValue(
  { pods, currentReplicas }: Pick<Usage, 'pods' | 'currentReplicas'>,
  milliValue: number,
  targetMilliValue: number,
  { tolerances }: CalculatorOptions,
): number {
  const ratio = milliValue / targetMilliValue
  if (currentReplicas === 0) return Math.ceil(ratio)
  if (isTolerable(ratio, tolerances)) return currentReplicas
  if (pods.length === 0) {
    throw new CalculationError(
      'unable to calculate ready pods: no pods returned by selector while calculating replica count',
    )
  }
  const ready = pods.filter(
    (pod) => pod.status?.phase === 'Running' && podCondition(pod, 'Ready')?.status === 'True',
  )
  return Math.ceil(ratio * ready.length)
}

/** How many pods it takes for each to have its share of a value. */
export function replicasForShare(
  statusReplicas: number,
  milliValue: number,
  targetMilliValue: number,
  { tolerances }: CalculatorOptions,
): ReplicaProposal {
  const ratio = milliValue / (targetMilliValue * statusReplicas)
  const replicas = isTolerable(ratio, tolerances) ? statusReplicas : Math.ceil(milliValue / targetMilliValue)
  const averageMilliValue = statusReplicas === 0 ? 0 : Math.ceil(milliValue / statusReplicas)
  return { replicas, averageMilliValue }
}

function isTolerable(ratio: number, { scaleUp, scaleDown }: Tolerances): boolean {
  return 1 - scaleDown <= ratio && ratio <= 1 + scaleUp
}

interface Measurement {
  /** Of what is used to what should be. */
  readonly ratio: number
  readonly utilization?: number
  readonly averageMilliValue: number
}

interface PodGroups {
  readonly readyCount: number
  /** Pods that are starting: they count as using nothing when more pods are wanted. */
  readonly unready: readonly string[]
  /** Pods without a metric: they count so that less happens. */
  readonly missing: readonly string[]
  /** The metrics that count, in thousandths. */
  readonly counted: ReadonlyMap<string, number>
}

function propose(
  { currentReplicas }: Usage,
  { readyCount, unready, missing, counted }: PodGroups,
  measure: (metrics: ReadonlyMap<string, number>) => Measurement,
  /** What a pod without a metric counts as, given the ratio without it; undefined for nothing at all. */
  whenMissing: (name: string, ratio: number) => number | undefined,
  { tolerances }: CalculatorOptions,
): ReplicaProposal {
  const measured = measure(counted)
  const { ratio, ...shown } = measured
  const unchanged = { replicas: currentReplicas, ...shown }
  const countsUnready = unready.length > 0 && ratio > 1
  if (!countsUnready && missing.length === 0) {
    if (isTolerable(ratio, tolerances)) return unchanged
    return { replicas: Math.ceil(ratio * readyCount), ...shown }
  }
  const assumed = new Map(counted)
  for (const name of missing) {
    const value = whenMissing(name, ratio)
    if (value !== undefined) assumed.set(name, value)
  }
  if (countsUnready) for (const name of unready) assumed.set(name, 0)
  const { ratio: assumedRatio } = measure(assumed)
  const turns = (ratio < 1 && assumedRatio > 1) || (ratio > 1 && assumedRatio < 1)
  if (isTolerable(assumedRatio, tolerances) || turns) return unchanged
  const replicas = Math.ceil(assumedRatio * assumed.size)
  const isContrary =
    (assumedRatio < 1 && replicas > currentReplicas) || (assumedRatio > 1 && replicas < currentReplicas)
  return isContrary ? unchanged : { replicas, ...shown }
}

function groupPods(
  { pods, metrics }: Usage,
  resource: string | undefined,
  options: CalculatorOptions,
): PodGroups {
  if (pods.length === 0) {
    throw new CalculationError('no pods returned by selector while calculating replica count')
  }
  let readyCount = 0
  const unready: string[] = []
  const missing: string[] = []
  const counted = new Map(Array.from(metrics, ([name, { milliValue }]) => [name, milliValue]))
  for (const pod of pods) {
    const { name = '', deletionTimestamp } = pod.metadata ?? {}
    const metric = metrics.get(name)
    if (deletionTimestamp !== undefined || pod.status?.phase === 'Failed') counted.delete(name)
    else if (pod.status?.phase === 'Pending') unready.push(name)
    else if (!metric) missing.push(name)
    else if (resource === 'cpu' && isStarting(pod, metric, options)) unready.push(name)
    else readyCount++
  }
  for (const name of unready) counted.delete(name)
  return { readyCount, unready, missing, counted }
}

/** Whether the pod's CPU usage is that of its start, which says nothing of its work. */
function isStarting(
  pod: Pod,
  { timestampMs, windowMs }: PodMetric,
  { cpuInitializationPeriodMs, initialReadinessDelayMs, nowMs }: CalculatorOptions,
): boolean {
  const condition = podCondition(pod, 'Ready')
  const startMs = parseTime(pod.status?.startTime)
  if (!condition || startMs === undefined) return true
  const changedMs = parseTime(condition.lastTransitionTime) ?? 0
  const isUnready = condition.status === 'False'
  if (startMs + cpuInitializationPeriodMs > nowMs) return isUnready || timestampMs < changedMs + windowMs
  return isUnready && startMs + initialReadinessDelayMs > changedMs
}

/** What the pod, or one container of it, requests, in thousandths. */
function requestOf({ metadata, spec }: Pod, resource: string, container: string | undefined): number {
  const ofPod = container === undefined ? spec?.resources?.requests : undefined
  if (ofPod?.[resource] !== undefined) return quantityMilliValue(ofPod[resource])
  const sidecars = (spec?.initContainers ?? []).filter(({ restartPolicy }) => restartPolicy === 'Always')
  const containers: readonly Container[] = [...(spec?.containers ?? []), ...sidecars]
  return containers
    .filter(({ name }) => container === undefined || name === container)
    .reduce((sum, { name, resources }) => {
      const request = resources?.requests?.[resource]
      // A pod that requests something as a whole need not say so for each container.
      if (request === undefined && Object.keys(ofPod ?? {}).length > 0) return sum
      if (request === undefined) {
        throw new CalculationError(
          `missing request for ${resource} in container ${name} of Pod ${metadata?.name}`,
        )
      }
      return sum + quantityMilliValue(request)
    }, 0)
}

function noReadyMetrics(): CalculationError {
  return new CalculationError('did not receive metrics for targeted pods (pods might be unready)')
}
