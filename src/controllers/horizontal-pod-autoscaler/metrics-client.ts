import type { CrossVersionObjectReference } from '../../api/generated/autoscaling.v2.ts'
import { podMetrics } from '../../api/generated/resources.ts'
import type { Client } from '../../client/client.ts'
import { parseDuration } from '../../machinery/duration.ts'
import { formatLabelSelector, fromLabelSelector } from '../../machinery/label-selector.ts'
import type { LabelSelector, Quantity, Time } from '../../machinery/meta.ts'
import { quantityMilliValue } from '../../machinery/quantity.ts'
import { groupResource, parseApiVersion, type Resource } from '../../machinery/resource.ts'
import { parseTime } from '../../machinery/time.ts'
import { messageOf } from '../pods/pod-control.ts'
import { CalculationError, type PodMetricValues } from './replica-calculator.ts'

/** Metrics of pods, of other objects, and of things outside the cluster, from the APIs that serve them. */
export interface MetricsClient {
  /** Usage of the pods that `selector` (text) selects. `container`: of one container each. */
  resource(resource: string, container: string | undefined, where: PodsSelection): Promise<PodMetricValues>
  pods(metric: MetricName, where: PodsSelection): Promise<PodMetricValues>
  /** In thousandths. */
  object(metric: MetricName, namespace: string, described: CrossVersionObjectReference): Promise<number>
  /** In thousandths, of each series. */
  external(metric: MetricName, namespace: string): Promise<readonly number[]>
}

export interface PodsSelection {
  readonly namespace: string
  readonly selector: string
}

export interface MetricName {
  readonly name: string
  readonly selector?: LabelSelector
}

/** Answers of custom.metrics.k8s.io and external.metrics.k8s.io, as far as they are read. */
interface MetricValueList {
  readonly items?: readonly {
    readonly describedObject?: { readonly name?: string }
    readonly timestamp?: Time
    readonly windowSeconds?: number
    readonly window?: number
    readonly value: Quantity
  }[]
}

const customGroup = 'custom.metrics.k8s.io'
/** In the order in which they are liked. */
const customVersions = ['v1beta2', 'v1beta1']
const externalPath = '/apis/external.metrics.k8s.io/v1beta1'
/** Of metrics that do not say for how long they were measured. */
const defaultWindowMs = 60_000

/**
 * Source of paths and messages: k8s.io/metrics/pkg/client, kubernetes/pkg/controller/podautoscaler/metrics.
 * `find` names the resource of a kind.
 */
export function createMetricsClient(
  client: Client,
  find: (reference: CrossVersionObjectReference) => Promise<readonly Resource[]>,
): MetricsClient {
  async function customPath(): Promise<string> {
    const group = JSON.parse(await client.raw(`/apis/${customGroup}`)) as {
      readonly versions?: readonly { readonly version: string }[]
    }
    const served = group.versions?.map(({ version }) => version) ?? []
    const version = customVersions.find((candidate) => served.includes(candidate))
    if (version === undefined) throw new Error(`no known available metric versions found`)
    return `/apis/${customGroup}/${version}`
  }

  async function ask(what: string, path: () => Promise<string>): Promise<MetricValueList['items'] & {}> {
    let items: MetricValueList['items']
    try {
      items = (JSON.parse(await client.raw(await path())) as MetricValueList).items
    } catch (error) {
      throw new CalculationError(`unable to fetch metrics from ${what} metrics API: ${messageOf(error)}`)
    }
    if (!items?.length) throw new CalculationError(`no metrics returned from ${what} metrics API`)
    return items
  }

  return {
    async resource(resource, container, { namespace, selector }) {
      const list = await client
        .list(podMetrics, { namespace, labelSelector: selector })
        .catch((error: unknown) => {
          throw new CalculationError(`unable to fetch metrics from resource metrics API: ${messageOf(error)}`)
        })
      if (list.items.length === 0) throw new CalculationError('no metrics returned from resource metrics API')
      const values = new Map<string, { milliValue: number; timestampMs: number; windowMs: number }>()
      for (const { metadata, containers, timestamp, window } of list.items) {
        const own = containers.filter(({ name }) => container === undefined || name === container)
        if (container !== undefined && own.length === 0) {
          const pod = `${metadata?.namespace}/${metadata?.name}`
          throw new CalculationError(
            `failed to get container metrics: container ${container} not present in metrics for pod ${pod}`,
          )
        }
        const usages = own.map(({ usage }) => usage[resource])
        if (usages.some((usage) => usage === undefined)) continue
        values.set(metadata?.name ?? '', {
          milliValue: usages.reduce((sum, usage) => sum + quantityMilliValue(usage!), 0),
          timestampMs: parseTime(timestamp) ?? 0,
          windowMs: parseDuration(window),
        })
      }
      return values
    },

    async pods(metric, { namespace, selector }) {
      const items = await ask('custom', async () => {
        const query = queryOf({ labelSelector: selector, metricLabelSelector: selectorText(metric) })
        return `${await customPath()}/namespaces/${namespace}/pods/*/${encodeURIComponent(metric.name)}${query}`
      })
      return new Map(
        items.map(({ describedObject, timestamp, windowSeconds, window, value }) => {
          const seconds = windowSeconds ?? window
          return [
            describedObject?.name ?? '',
            {
              milliValue: quantityMilliValue(value),
              timestampMs: parseTime(timestamp) ?? 0,
              windowMs: seconds === undefined ? defaultWindowMs : seconds * 1000,
            },
          ]
        }),
      )
    },

    async object(metric, namespace, described) {
      const items = await ask('custom', async () => {
        const path = await customPath()
        const query = queryOf({ metricLabelSelector: selectorText(metric) })
        const name = encodeURIComponent(metric.name)
        const { group } = parseApiVersion(described.apiVersion ?? '') ?? { group: '' }
        if (described.kind === 'Namespace' && group === '') {
          return `${path}/namespaces/${described.name}/metrics/${name}${query}`
        }
        const [resource] = await find(described)
        if (!resource) throw new Error(`no matches for kind "${described.kind}" in group "${group}"`)
        return `${path}/namespaces/${namespace}/${groupResource(resource)}/${described.name}/${name}${query}`
      })
      return quantityMilliValue(items[0]!.value)
    },

    async external(metric, namespace) {
      const items = await ask('external', async () => {
        const query = queryOf({ labelSelector: selectorText(metric) })
        return `${externalPath}/namespaces/${namespace}/${encodeURIComponent(metric.name)}${query}`
      })
      return items.map(({ value }) => quantityMilliValue(value))
    },
  }
}

function selectorText({ selector }: MetricName): string {
  return selector ? formatLabelSelector(fromLabelSelector(selector)) : ''
}

function queryOf(parameters: Readonly<Record<string, string>>): string {
  const query = new URLSearchParams(Object.entries(parameters).filter(([, value]) => value !== '')).toString()
  return query && `?${query}`
}
