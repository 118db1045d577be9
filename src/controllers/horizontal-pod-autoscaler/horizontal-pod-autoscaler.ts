import type {
  HorizontalPodAutoscaler,
  HorizontalPodAutoscalerSpec,
  HorizontalPodAutoscalerStatus,
  MetricStatus,
} from '../../api/generated/autoscaling.v2.ts'
import { horizontalPodAutoscalers, pods } from '../../api/generated/resources.ts'
import { again, done, on, type ReconcileContext, type Reconciler } from '../../client/reconciler.ts'
import { setCondition } from '../../machinery/conditions.ts'
import { jsonEqual } from '../../machinery/equal.ts'
import { matchesLabels, parseLabelSelector } from '../../machinery/label-selector.ts'
import type { Metrics } from '../../machinery/metrics.ts'
import { quantityToFloat } from '../../machinery/quantity.ts'
import { keyOf, parseKey } from '../../machinery/resource.ts'
import { formatTime } from '../../machinery/time.ts'
import { messageOf } from '../pods/pod-control.ts'
import { sameOnceWritten } from '../same-once-written.ts'
import {
  createAutoscalerMetrics,
  type Action,
  type AutoscalerMetrics,
  type Fault,
} from './autoscaler-metrics.ts'
import { evaluateMetric, MetricError, type MetricProposal, type Scaled } from './evaluate-metric.ts'
import { limitChange, remember, type ScaleHistory } from './limit-change.ts'
import { createMetricsClient, type MetricsClient } from './metrics-client.ts'
import type { CalculatorOptions } from './replica-calculator.ts'
import { getScale, resourcesOfKind, type ScaleTarget } from './scale-target.ts'

/** Defaults are those of upstream's --horizontal-pod-autoscaler-... flags. */
export interface HorizontalPodAutoscalerOptions {
  readonly syncPeriodMs?: number
  readonly scaleDownStabilizationMs?: number
  readonly tolerance?: number
  readonly cpuInitializationPeriodMs?: number
  readonly initialReadinessDelayMs?: number
  readonly metrics?: Metrics
}

/** What is known of an autoscaler beside its object; lost with the process, as upstream's. */
interface Memory {
  readonly uid: string | undefined
  spec: HorizontalPodAutoscalerSpec | undefined
  /** When it is looked at again although nothing changed, milliseconds on the monotonic clock. */
  dueMs: number
  history: ScaleHistory
  /** Selects the pods of its target. */
  selector: string
}

/** One look at one autoscaler. */
interface Sync {
  readonly autoscaler: HorizontalPodAutoscaler
  readonly memory: Memory
  readonly metrics: MetricsClient
  readonly context: ReconcileContext
  status: HorizontalPodAutoscalerStatus
  /** Of the first thing that failed. */
  fault: Fault
}

/** Nothing more can be done this time; told already by conditions and events. */
class SyncError extends Error {}

/** The metrics do not say how many replicas there should be. */
class NoReplicaCountError extends SyncError {}

/** Keeps the scale of workloads such that their metrics are at their targets. */
export function horizontalPodAutoscalerReconciler(options: HorizontalPodAutoscalerOptions = {}): Reconciler {
  const { syncPeriodMs = 15_000, scaleDownStabilizationMs = 300_000 } = options
  const memories = new Map<string, Memory>()
  const measured = options.metrics && createAutoscalerMetrics(options.metrics)

  function memoryOf(key: string, { metadata }: HorizontalPodAutoscaler): Memory {
    const known = memories.get(key)
    if (known && known.uid === metadata?.uid) return known
    const history = { recommendations: [], scaleUps: [], scaleDowns: [] }
    const fresh = { uid: metadata?.uid, spec: undefined, dueMs: 0, history, selector: '' }
    memories.set(key, fresh)
    return fresh
  }

  function calculatorOptions({ spec }: HorizontalPodAutoscaler, nowMs: number): CalculatorOptions {
    const { cpuInitializationPeriodMs = 300_000, initialReadinessDelayMs = 30_000, tolerance = 0.1 } = options
    const { scaleUp, scaleDown } = spec.behavior ?? {}
    const toleranceOf = (own: string | undefined) => (own === undefined ? tolerance : quantityToFloat(own))
    const tolerances = {
      scaleUp: toleranceOf(scaleUp?.tolerance),
      scaleDown: toleranceOf(scaleDown?.tolerance),
    }
    return { cpuInitializationPeriodMs, initialReadinessDelayMs, tolerances, nowMs }
  }

  /** The scale of the target; a failure is told. */
  async function targetOf(sync: Sync): Promise<ScaleTarget> {
    const { autoscaler, context } = sync
    const { namespace = '' } = autoscaler.metadata ?? {}
    const { scaleTargetRef } = autoscaler.spec
    try {
      const resources = await resourcesOfKind(context.client, scaleTargetRef)
      return await getScale(context.client, resources, namespace, scaleTargetRef.name)
    } catch (error) {
      const detail = messageOf(error)
      context.events.event(autoscaler, 'Warning', 'FailedGetScale', detail)
      const message = `the HPA controller was unable to get the target's current scale: ${detail}`
      tell(sync, 'AbleToScale', 'False', 'FailedGetScale', message)
      await write(sync)
      throw new SyncError(message, { cause: error })
    }
  }

  /** What is scaled, where it is plain which pods that are. */
  function scaledOf(sync: Sync, { scale }: ScaleTarget): Scaled {
    const { autoscaler, memory, context } = sync
    const { namespace = '' } = autoscaler.metadata ?? {}
    const selector = scale.status?.selector ?? ''
    const refuse = (reason: string, detail: string, message: string, event = reason): never => {
      context.events.event(autoscaler, 'Warning', event, detail)
      tell(sync, 'ScalingActive', 'False', reason, message)
      throw new NoReplicaCountError(detail)
    }
    if (selector === '') {
      const message = "the HPA target's scale is missing a selector"
      refuse('InvalidSelector', 'selector is required', message, 'SelectorRequired')
    }
    let parsed
    try {
      parsed = parseLabelSelector(selector)
    } catch (error) {
      const message = `couldn't convert selector into a corresponding internal selector object: ${messageOf(error)}`
      return refuse('InvalidSelector', message, message)
    }
    memory.selector = selector
    const selected = context
      .cache(pods)
      .list(namespace)
      .filter(({ metadata }) => matchesLabels(parsed, metadata?.labels ?? {}))
    const rivals = [...memories]
      .filter(([key, { selector: other }]) => {
        if (other === '' || !key.startsWith(`${namespace}/`)) return false
        const otherParsed = parseLabelSelector(other)
        return selected.some(({ metadata }) => matchesLabels(otherParsed, metadata?.labels ?? {}))
      })
      .map(([key]) => key)
      .sort()
    if (rivals.length > 1) {
      const message = `pods by selector ${selector} are controlled by multiple HPAs: [${rivals.join(' ')}]`
      refuse('AmbiguousSelector', message, message)
    }
    const specReplicas = scale.spec?.replicas ?? 0
    const statusReplicas = scale.status?.replicas ?? 0
    return { namespace, selector, pods: selected, specReplicas, statusReplicas }
  }

  /** What the metric asks for that asks for most. Metrics that fail stand in the way of scaling down only. */
  async function wantedOf(sync: Sync, scaled: Scaled): Promise<MetricProposal> {
    const { autoscaler, context } = sync
    const specs = autoscaler.spec.metrics ?? []
    const calculator = calculatorOptions(autoscaler, context.clock.now())
    const found: MetricProposal[] = []
    // One for each metric of the spec, in its order; readers go by the place.
    const currentMetrics: MetricStatus[] = []
    const failures: MetricError[] = []
    for (const spec of specs) {
      const finished = measured?.metricStarted(spec.type, context.clock)
      try {
        const proposal = await evaluateMetric(spec, scaled, sync.metrics, calculator)
        found.push(proposal)
        currentMetrics.push(proposal.status)
        finished?.(actionOf(scaled.specReplicas, proposal.replicas), 'none')
      } catch (error) {
        if (!(error instanceof MetricError)) throw error
        const fault = error.isOfSpec ? 'spec' : 'internal'
        if (sync.fault === 'none') sync.fault = fault
        finished?.('none', fault)
        context.events.event(autoscaler, 'Warning', error.reason, error.detail)
        failures.push(error)
        currentMetrics.push({ type: '' })
      }
    }
    sync.status = { ...sync.status, currentMetrics }
    const [first] = failures
    const most = found.reduce<MetricProposal | undefined>(
      (best, next) => (best && best.replicas >= next.replicas ? best : next),
      undefined,
    )
    if (!most || (first && most.replicas < scaled.specReplicas)) {
      const detail = `the HPA was unable to compute the replica count: ${first?.detail ?? ''}`
      tell(sync, 'ScalingActive', 'False', first?.reason ?? '', detail)
      const invalid = `invalid metrics (${failures.length} invalid out of ${specs.length})`
      throw new NoReplicaCountError(first ? `${invalid}, first error is: ${first.message}` : '')
    }
    const message = `the HPA was able to successfully calculate a replica count from ${most.metricName}`
    tell(sync, 'ScalingActive', 'True', 'ValidMetricFound', message)
    return most
  }

  /** How many replicas there should be, and why. */
  async function desiredOf(sync: Sync, target: ScaleTarget): Promise<{ replicas: number; reason: string }> {
    const { autoscaler, memory, context } = sync
    const { minReplicas = 1, maxReplicas, behavior } = autoscaler.spec
    const currentReplicas = target.scale.spec?.replicas ?? 0
    const nowMs = context.clock.now()
    if (memory.history.recommendations.length === 0) {
      const recommendations = [{ atMs: nowMs, replicas: currentReplicas }]
      memory.history = { ...memory.history, recommendations }
    }
    if (currentReplicas === 0 && minReplicas !== 0) {
      const message = 'scaling is disabled since the replica count of the target is zero'
      tell(sync, 'ScalingActive', 'False', 'ScalingDisabled', message)
      return { replicas: 0, reason: '' }
    }
    if (currentReplicas > maxReplicas) {
      return { replicas: maxReplicas, reason: 'Current number of replicas above Spec.MaxReplicas' }
    }
    if (currentReplicas < minReplicas) {
      return { replicas: minReplicas, reason: 'Current number of replicas below Spec.MinReplicas' }
    }
    const wanted = await wantedOf(sync, scaledOf(sync, target))
    const limited = limitChange({
      behavior,
      minReplicas,
      maxReplicas,
      currentReplicas,
      wantedReplicas: wanted.replicas,
      history: memory.history,
      nowMs,
      scaleDownStabilizationMs,
    })
    memory.history = { ...memory.history, recommendations: limited.recommendations }
    for (const { type, status, reason = '', message = '' } of limited.conditions) {
      tell(sync, type, status, reason, message)
    }
    const isAbove = wanted.replicas > currentReplicas
    return {
      replicas: limited.replicas,
      reason: isAbove ? `${wanted.metricName} above target` : 'All metrics below target',
    }
  }

  /** Sets the scale; says so. */
  async function rescale(sync: Sync, target: ScaleTarget, replicas: number, reason: string): Promise<void> {
    const { autoscaler, memory, context } = sync
    const { namespace = '' } = autoscaler.metadata ?? {}
    const { name } = autoscaler.spec.scaleTargetRef
    const before = target.scale.spec?.replicas ?? 0
    const scale = { ...target.scale, spec: { ...target.scale.spec, replicas } }
    try {
      await context.client.updateSubresource(target.resource, { namespace, name }, 'scale', scale)
    } catch (error) {
      const detail = messageOf(error)
      const event = `New size: ${replicas}; reason: ${reason}; error: ${detail}`
      context.events.event(autoscaler, 'Warning', 'FailedRescale', event)
      const message = `the HPA controller was unable to update the target scale: ${detail}`
      tell(sync, 'AbleToScale', 'False', 'FailedUpdateScale', message)
      throw new SyncError(message, { cause: error })
    }
    const message = `the HPA controller was able to update the target scale to ${replicas}`
    tell(sync, 'AbleToScale', 'True', 'SucceededRescale', message)
    const event = `New size: ${replicas}; reason: ${reason}`
    context.events.event(autoscaler, 'Normal', 'SuccessfulRescale', event)
    const nowMs = context.clock.now()
    memory.history = remember(memory.history, autoscaler.spec.behavior, before, replicas, nowMs)
    sync.status = { ...sync.status, lastScaleTime: formatTime(nowMs) }
  }

  async function syncNow(sync: Sync, finished: ReturnType<AutoscalerMetrics['started']> | undefined) {
    const target = await targetOf(sync)
    const message = "the HPA controller was able to get the target's current scale"
    tell(sync, 'AbleToScale', 'True', 'SucceededGetScale', message)
    const currentReplicas = target.scale.spec?.replicas ?? 0
    sync.status = { ...sync.status, currentReplicas }
    try {
      const { currentMetrics: _old, ...rest } = sync.status
      sync.status = rest
      const { replicas, reason } = await desiredOf(sync, target)
      if (replicas !== currentReplicas) await rescale(sync, target, replicas, reason)
      sync.status = { ...sync.status, desiredReplicas: replicas }
      finished?.(actionOf(currentReplicas, replicas), sync.fault)
      const { namespace = '', name = '' } = sync.autoscaler.metadata ?? {}
      measured?.tellDesired(namespace, name, replicas)
    } catch (error) {
      if (!(error instanceof SyncError)) throw error
      if (error instanceof NoReplicaCountError) {
        sync.context.events.event(sync.autoscaler, 'Warning', 'FailedComputeMetricsReplicas', error.message)
      }
      await write(sync)
      throw error
    }
    await write(sync)
  }

  return {
    name: 'horizontal-pod-autoscaler',
    queueName: 'horizontalpodautoscaler',
    eventSource: 'horizontal-pod-autoscaler',
    watches: [on(horizontalPodAutoscalers, (autoscaler) => [keyOf(autoscaler)]), on(pods, () => [])],

    async reconcile(key, context) {
      const autoscaler = context.cache(horizontalPodAutoscalers).get(key)
      if (!autoscaler) {
        memories.delete(key)
        const { namespace = '', name } = parseKey(key)
        measured?.tellDesired(namespace, name, undefined)
        measured?.tellCount(memories.size)
        return done
      }
      const memory = memoryOf(key, autoscaler)
      measured?.tellCount(memories.size)
      const waitMs = memory.dueMs - context.clock.monotonic()
      // Its own status is no reason to look again.
      if (waitMs > 0 && jsonEqual(memory.spec, autoscaler.spec)) return again(waitMs)
      memory.spec = autoscaler.spec
      memory.dueMs = context.clock.monotonic() + syncPeriodMs
      const metrics = createMetricsClient(context.client, (kind) => resourcesOfKind(context.client, kind))
      const status = autoscaler.status ?? { desiredReplicas: 0 }
      const finished = measured?.started(context.clock)
      const sync: Sync = { autoscaler, memory, metrics, context, status, fault: 'none' }
      try {
        await syncNow(sync, finished)
      } catch (error) {
        finished?.('none', sync.fault === 'none' ? 'internal' : sync.fault)
        if (!(error instanceof SyncError)) {
          memory.dueMs = 0
          throw error
        }
        context.log.warn('Autoscaling failed', { key, error: error.message })
      }
      return again(syncPeriodMs)
    },
  }
}

function actionOf(before: number, after: number): Action {
  if (after === before) return 'none'
  return after > before ? 'scale_up' : 'scale_down'
}

function tell(sync: Sync, type: string, status: string, reason: string, message: string): void {
  const condition = { type, status, reason, message }
  const conditions = setCondition(sync.status.conditions, condition, sync.context.clock.now())
  sync.status = { ...sync.status, conditions }
}

async function write({ autoscaler, status, context }: Sync): Promise<void> {
  if (sameOnceWritten(autoscaler.status, status)) return
  await context.client.update(horizontalPodAutoscalers, { ...autoscaler, status }, { subresource: 'status' })
}
