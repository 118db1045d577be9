import type { Pod } from '../../api/generated/core.v1.ts'
import type {
  MetricIdentifier,
  MetricSpec,
  MetricStatus,
  MetricTarget,
  MetricValueStatus,
} from '../../api/generated/autoscaling.v2.ts'
import type { Quantity } from '../../machinery/meta.ts'
import { formatQuantity, milliQuantityOf, quantityMilliValue } from '../../machinery/quantity.ts'
import { messageOf } from '../pods/pod-control.ts'
import { selectorText } from '../selector-text.ts'
import type { MetricsClient, PodsSelection } from './metrics-client.ts'
import {
  replicasForAverage,
  replicasForShare,
  replicasForUtilization,
  replicasForValue,
  type CalculatorOptions,
} from './replica-calculator.ts'

/** What is scaled, as it is. */
export interface Scaled extends PodsSelection {
  readonly pods: readonly Pod[]
  readonly specReplicas: number
  readonly statusReplicas: number
}

export interface MetricProposal {
  readonly replicas: number
  /** As events name the metric. */
  readonly metricName: string
  readonly status: MetricStatus
}

/** A metric that cannot be had. `reason` and `detail` are for the condition and its event, `message` for the log. */
export class MetricError extends Error {
  readonly reason: string
  readonly detail: string
  /** Whether the spec is at fault, not what it asks for. */
  readonly isOfSpec: boolean
  constructor(reason: string, detail: string, message: string, isOfSpec = false) {
    super(message)
    this.name = 'MetricError'
    this.reason = reason
    this.detail = detail
    this.isOfSpec = isOfSpec
  }
}

/** How many replicas one metric asks for. Throws a MetricError. Source: horizontal.go, computeReplicasForMetric. */
export async function evaluateMetric(
  spec: MetricSpec,
  scaled: Scaled,
  metrics: MetricsClient,
  options: CalculatorOptions,
): Promise<MetricProposal> {
  const evaluation = { scaled, metrics, options }
  switch (spec.type) {
    case 'Object':
      return told('FailedGetObjectMetric', 'object metric', () => objectProposal(spec.object!, evaluation))
    case 'Pods':
      return told('FailedGetPodsMetric', 'pods metric', () => podsProposal(spec.pods!, evaluation))
    case 'Resource': {
      const { name } = spec.resource!
      return told('FailedGetResourceMetric', `${name} resource metric`, async () => {
        const { current, ...proposal } = await usageProposal(spec.resource!, evaluation)
        return { ...proposal, status: { type: 'Resource', resource: { name, current } } }
      })
    }
    case 'ContainerResource': {
      const { name, container } = spec.containerResource!
      return told('FailedGetContainerResourceMetric', `${container} container metric`, async () => {
        const { current, ...proposal } = await usageProposal(spec.containerResource!, evaluation)
        const status = { type: 'ContainerResource', containerResource: { name, container, current } }
        return { ...proposal, status }
      })
    }
    case 'External': {
      const { name } = spec.external!.metric
      return told('FailedGetExternalMetric', `${name} external metric`, () =>
        externalProposal(spec.external!, evaluation),
      )
    }
    default: {
      const message = `unknown metric source type ${JSON.stringify(spec.type)}`
      throw new MetricError('InvalidMetricSourceType', message, message, true)
    }
  }
}

interface Evaluation {
  readonly scaled: Scaled
  readonly metrics: MetricsClient
  readonly options: CalculatorOptions
}

async function told(
  reason: string,
  what: string,
  evaluate: () => Promise<MetricProposal>,
): Promise<MetricProposal> {
  try {
    return await evaluate()
  } catch (error) {
    const detail = messageOf(error)
    const isOfSpec = error instanceof TargetError
    throw new MetricError(reason, detail, `failed to get ${what} value: ${detail}`, isOfSpec)
  }
}

/** Runs `step`; a failure of it is told with `prefix` in front. */
async function prefixed<T>(prefix: string, step: () => T | Promise<T>): Promise<T> {
  try {
    return await step()
  } catch (error) {
    throw new Error(`${prefix}: ${messageOf(error)}`, { cause: error })
  }
}

async function usageProposal(
  source: { readonly name: string; readonly container?: string; readonly target: MetricTarget },
  { scaled, metrics, options }: Evaluation,
): Promise<Omit<MetricProposal, 'status'> & { readonly current: MetricValueStatus }> {
  const { name, container, target } = source
  const usage = async () => ({
    pods: scaled.pods,
    currentReplicas: scaled.specReplicas,
    metrics: await prefixed(`unable to get metrics for resource ${name}`, () =>
      metrics.resource(name, container, scaled),
    ),
  })
  const { averageValue, averageUtilization } = target
  if (averageValue !== undefined) {
    return prefixed(`failed to get ${name} usage`, async () => {
      const proposal = replicasForAverage(await usage(), name, quantityMilliValue(averageValue), options)
      return {
        replicas: proposal.replicas,
        metricName: `${name} resource`,
        current: { averageValue: milli(proposal.averageMilliValue) },
      }
    })
  }
  if (averageUtilization === undefined) throw neitherTarget('resource', 'a utilization target nor a value')
  return prefixed(`failed to get ${name} utilization`, async () => {
    const proposal = replicasForUtilization(await usage(), name, container, averageUtilization, options)
    return {
      replicas: proposal.replicas,
      metricName: `${name} resource utilization (percentage of request)`,
      current: {
        averageUtilization: proposal.utilization!,
        averageValue: milli(proposal.averageMilliValue),
      },
    }
  })
}

async function podsProposal(
  { metric, target }: NonNullable<MetricSpec['pods']>,
  { scaled, metrics, options }: Evaluation,
): Promise<MetricProposal> {
  const values = await prefixed(`unable to get metric ${metric.name}`, () => metrics.pods(metric, scaled))
  const usage = { pods: scaled.pods, currentReplicas: scaled.specReplicas, metrics: values }
  const targetMilliValue = quantityMilliValue(target.averageValue ?? '0')
  const { replicas, averageMilliValue } = replicasForAverage(usage, undefined, targetMilliValue, options)
  return {
    replicas,
    metricName: `pods metric ${metric.name}`,
    status: { type: 'Pods', pods: { metric, current: { averageValue: milli(averageMilliValue) } } },
  }
}

async function objectProposal(
  { metric, target, describedObject }: NonNullable<MetricSpec['object']>,
  { scaled, metrics, options }: Evaluation,
): Promise<MetricProposal> {
  const { kind, name } = describedObject
  const value = async () => {
    try {
      return await metrics.object(metric, scaled.namespace, describedObject)
    } catch (error) {
      // Word for word as upstream, whose arguments are out of order.
      const where = `${kind} on ${scaled.namespace} ${name}/${messageOf(error)}`
      throw new Error(`unable to get metric ${metric.name}: ${where}`, { cause: error })
    }
  }
  const status = (current: MetricValueStatus): MetricStatus => ({
    type: 'Object',
    object: { metric, describedObject, current },
  })
  if (target.type === 'Value' && target.value !== undefined) {
    const milliValue = await value()
    return {
      replicas: replicasForScaled(scaled, milliValue, target.value, options),
      metricName: `${kind} metric ${metric.name}`,
      status: status({ value: milli(milliValue) }),
    }
  }
  if (target.type === 'AverageValue' && target.averageValue !== undefined) {
    const { averageValue } = target
    const milliValue = await prefixed(`failed to get ${metric.name} object metric`, value)
    const targetMilliValue = quantityMilliValue(averageValue)
    const proposal = replicasForShare(scaled.statusReplicas, milliValue, targetMilliValue, options)
    return {
      replicas: proposal.replicas,
      metricName: externalName(metric),
      status: status({ averageValue: milli(proposal.averageMilliValue) }),
    }
  }
  throw neitherTarget('object', 'a value target nor an average value')
}

async function externalProposal(
  { metric, target }: NonNullable<MetricSpec['external']>,
  { scaled, metrics, options }: Evaluation,
): Promise<MetricProposal> {
  const total = async () => {
    const where = `${scaled.namespace}/${metric.name}/${selectorText(metric.selector)}`
    const values = await prefixed(`unable to get external metric ${where}`, () =>
      metrics.external(metric, scaled.namespace),
    )
    return values.reduce((sum, value) => sum + value, 0)
  }
  const status = (current: MetricValueStatus): MetricStatus => ({
    type: 'External',
    external: { metric, current },
  })
  if (target.averageValue !== undefined) {
    const milliValue = await prefixed(`failed to get ${metric.name} external metric`, total)
    const targetMilliValue = quantityMilliValue(target.averageValue)
    const proposal = replicasForShare(scaled.statusReplicas, milliValue, targetMilliValue, options)
    return {
      replicas: proposal.replicas,
      metricName: externalName(metric),
      status: status({ averageValue: milli(proposal.averageMilliValue) }),
    }
  }
  if (target.value !== undefined) {
    const milliValue = await prefixed(`failed to get external metric ${metric.name}`, total)
    return {
      replicas: replicasForScaled(scaled, milliValue, target.value, options),
      metricName: externalName(metric),
      status: status({ value: milli(milliValue) }),
    }
  }
  throw neitherTarget('external', 'a value target nor an average value')
}

function replicasForScaled(
  { pods, specReplicas }: Scaled,
  milliValue: number,
  target: Quantity,
  options: CalculatorOptions,
): number {
  const usage = { pods, currentReplicas: specReplicas }
  return replicasForValue(usage, milliValue, quantityMilliValue(target), options)
}

/** The spec does not say what the metric should be. */
class TargetError extends Error {}

function neitherTarget(source: string, which: string): TargetError {
  return new TargetError(`invalid ${source} metric source: neither ${which} target was set`)
}

function milli(value: number): Quantity {
  return formatQuantity(milliQuantityOf(Math.trunc(value)))
}

function externalName({ name, selector }: MetricIdentifier): string {
  return `external metric ${name}(${selectorText(selector)})`
}
