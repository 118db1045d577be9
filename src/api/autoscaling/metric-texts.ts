import type {
  HorizontalPodAutoscaler,
  MetricSpec,
  MetricStatus,
  MetricTarget,
  MetricValueStatus,
} from '../generated/autoscaling.v2.ts'

const shownMetrics = 2

/** `cpu: 12%/80%`, for the first two metrics. Source: kubernetes/pkg/printers/internalversion, formatHPAMetrics. */
export function targetsText({ spec, status }: HorizontalPodAutoscaler): string {
  const { metrics = [] } = spec
  if (metrics.length === 0) return '<none>'
  const texts = metrics.map((metric, index) => metricText(metric, status?.currentMetrics?.[index]))
  const more = texts.length - shownMetrics
  return more > 0 ? `${texts.slice(0, shownMetrics).join(', ')} + ${more} more...` : texts.join(', ')
}

function metricText(metric: MetricSpec, status: MetricStatus | undefined): string {
  switch (metric.type) {
    case 'External': {
      const { target } = metric.external!
      return target.averageValue === undefined
        ? `${status?.external?.current.value ?? '<unknown>'}/${target.value}`
        : `${status?.external?.current.averageValue ?? '<unknown>'}/${target.averageValue} (avg)`
    }
    case 'Pods': {
      const { target } = metric.pods!
      return `${status?.pods?.current.averageValue ?? '<unknown>'}/${target.averageValue}`
    }
    case 'Object': {
      const { target } = metric.object!
      return target.averageValue === undefined
        ? `${status?.object?.current.value ?? '<unknown>'}/${target.value}`
        : `${status?.object?.current.averageValue ?? '<unknown>'}/${target.averageValue} (avg)`
    }
    case 'Resource':
      return resourceText(metric.resource!, status?.resource?.current)
    case 'ContainerResource':
      return resourceText(metric.containerResource!, status?.containerResource?.current)
    default:
      return '<unknown type>'
  }
}

function resourceText(
  { name, target }: { readonly name: string; readonly target: MetricTarget },
  current: MetricValueStatus | undefined,
): string {
  if (target.averageValue !== undefined)
    return `${name}: ${current?.averageValue ?? '<unknown>'}/${target.averageValue}`
  const now = current?.averageUtilization === undefined ? '<unknown>' : `${current.averageUtilization}%`
  const wanted = target.averageUtilization === undefined ? '<auto>' : `${target.averageUtilization}%`
  return `${name}: ${now}/${wanted}`
}
