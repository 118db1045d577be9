import type {
  MetricSpec as MetricSpecV1,
  MetricStatus as MetricStatusV1,
} from '../generated/autoscaling.v1.ts'
import type {
  MetricSpec,
  MetricStatus,
  MetricTarget,
  MetricValueStatus,
} from '../generated/autoscaling.v2.ts'
import type { Quantity } from '../../machinery/meta.ts'
import { quantitySign } from '../../machinery/quantity.ts'

/** The metrics of autoscaling/v2 as autoscaling/v1 writes them into annotations, and back. */

export function specToV1(metric: MetricSpec): MetricSpecV1 {
  const { type, object, pods, resource, containerResource, external } = metric
  return {
    type: type as MetricSpecV1['type'],
    ...(object && {
      object: {
        target: object.describedObject,
        metricName: object.metric.name,
        targetValue: object.target.value ?? '0',
        ...optional('selector', object.metric.selector),
        ...optional('averageValue', object.target.averageValue),
      },
    }),
    ...(pods && {
      pods: {
        metricName: pods.metric.name,
        targetAverageValue: pods.target.averageValue ?? '0',
        ...optional('selector', pods.metric.selector),
      },
    }),
    ...(resource && { resource: { name: resource.name, ...utilizationToV1(resource.target) } }),
    ...(containerResource && {
      containerResource: {
        name: containerResource.name,
        ...utilizationToV1(containerResource.target),
        container: containerResource.container,
      },
    }),
    ...(external && {
      external: {
        metricName: external.metric.name,
        ...optional('metricSelector', external.metric.selector),
        ...optional('targetValue', external.target.value),
        ...optional('targetAverageValue', external.target.averageValue),
      },
    }),
  }
}

export function specFromV1(metric: MetricSpecV1): MetricSpec {
  const { type, object, pods, resource, containerResource, external } = metric
  return {
    type,
    ...(object && {
      object: {
        describedObject: object.target,
        target: valueTarget(nonZero(object.targetValue, object.averageValue), object.averageValue),
        metric: { name: object.metricName, ...optional('selector', object.selector) },
      },
    }),
    ...(pods && {
      pods: {
        metric: { name: pods.metricName, ...optional('selector', pods.selector) },
        target: { type: 'AverageValue', averageValue: pods.targetAverageValue },
      },
    }),
    ...(resource && { resource: { name: resource.name, target: utilizationFromV1(resource) } }),
    ...(containerResource && {
      containerResource: {
        name: containerResource.name,
        target: utilizationFromV1(containerResource),
        container: containerResource.container,
      },
    }),
    ...(external && {
      external: {
        metric: { name: external.metricName, ...optional('selector', external.metricSelector) },
        target: valueTarget(external.targetValue, external.targetAverageValue),
      },
    }),
  }
}

export function statusToV1(metric: MetricStatus): MetricStatusV1 {
  const { type, object, pods, resource, containerResource, external } = metric
  return {
    type: type as MetricStatusV1['type'],
    ...(object && {
      object: {
        target: object.describedObject,
        metricName: object.metric.name,
        currentValue: object.current.value ?? '0',
        ...optional('selector', object.metric.selector),
        ...optional('averageValue', object.current.averageValue),
      },
    }),
    ...(pods && {
      pods: {
        metricName: pods.metric.name,
        currentAverageValue: pods.current.averageValue ?? '0',
        ...optional('selector', pods.metric.selector),
      },
    }),
    ...(resource && { resource: { name: resource.name, ...currentToV1(resource.current) } }),
    ...(containerResource && {
      containerResource: {
        name: containerResource.name,
        ...currentToV1(containerResource.current),
        container: containerResource.container,
      },
    }),
    ...(external && {
      external: {
        metricName: external.metric.name,
        ...optional('metricSelector', external.metric.selector),
        currentValue: external.current.value ?? '0',
        ...optional('currentAverageValue', external.current.averageValue),
      },
    }),
  }
}

export function statusFromV1(metric: MetricStatusV1): MetricStatus {
  const { type, object, pods, resource, containerResource, external } = metric
  return {
    type,
    ...(object && {
      object: {
        metric: { name: object.metricName, ...optional('selector', object.selector) },
        current: { value: object.currentValue, ...optional('averageValue', object.averageValue) },
        describedObject: object.target,
      },
    }),
    ...(pods && {
      pods: {
        metric: { name: pods.metricName, ...optional('selector', pods.selector) },
        current: { averageValue: pods.currentAverageValue },
      },
    }),
    ...(resource && { resource: { name: resource.name, current: currentFromV1(resource) } }),
    ...(containerResource && {
      containerResource: {
        name: containerResource.name,
        current: currentFromV1(containerResource),
        container: containerResource.container,
      },
    }),
    ...(external && {
      external: {
        metric: { name: external.metricName, ...optional('selector', external.metricSelector) },
        current: { value: external.currentValue, ...optional('averageValue', external.currentAverageValue) },
      },
    }),
  }
}

function optional<K extends string, V>(key: K, value: V | undefined): { readonly [P in K]?: V } {
  return value === undefined ? {} : ({ [key]: value } as { readonly [P in K]?: V })
}

/** v1 cannot leave a value out: zero beside an average means that there is none. */
function nonZero(value: Quantity, average: Quantity | undefined): Quantity | undefined {
  return average !== undefined && quantitySign(value) === 0 ? undefined : value
}

function valueTarget(value: Quantity | undefined, averageValue: Quantity | undefined): MetricTarget {
  return {
    type: averageValue === undefined ? 'Value' : 'AverageValue',
    ...optional('value', value),
    ...optional('averageValue', averageValue),
  }
}

function utilizationToV1({ averageUtilization, averageValue }: MetricTarget) {
  return {
    ...optional('targetAverageUtilization', averageUtilization),
    ...optional('targetAverageValue', averageValue),
  }
}

function utilizationFromV1(source: {
  readonly targetAverageUtilization?: number
  readonly targetAverageValue?: Quantity
}): MetricTarget {
  const { targetAverageUtilization: utilization, targetAverageValue: value } = source
  return {
    type: utilization === undefined ? 'AverageValue' : 'Utilization',
    ...optional('averageValue', value),
    ...optional('averageUtilization', utilization),
  }
}

function currentToV1({ averageUtilization, averageValue }: MetricValueStatus) {
  return {
    ...optional('currentAverageUtilization', averageUtilization),
    currentAverageValue: averageValue ?? '0',
  }
}

function currentFromV1(source: {
  readonly currentAverageUtilization?: number
  readonly currentAverageValue: Quantity
}): MetricValueStatus {
  return {
    averageValue: source.currentAverageValue,
    ...optional('averageUtilization', source.currentAverageUtilization),
  }
}
