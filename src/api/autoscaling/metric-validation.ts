import {
  forbidden,
  invalid,
  invalidFor,
  notSupported,
  required,
  type FieldError,
  type FieldPath,
} from '../../machinery/field-error.ts'
import { quantitySign } from '../../machinery/quantity.ts'
import { dns1123LabelErrors, pathSegmentNameErrors } from '../../machinery/validation/names.ts'
import { validateResourceName } from '../core/pod/resources-validation.ts'
import type { MetricIdentifier, MetricSpec, MetricTarget } from '../generated/autoscaling.v2.ts'
import { validateObjectReference } from './object-reference.ts'

/** Each type of source with the field that holds it. */
const sources = {
  ContainerResource: 'containerResource',
  External: 'external',
  Object: 'object',
  Pods: 'pods',
  Resource: 'resource',
} as const
const sourceFields = ['object', 'external', 'pods', 'resource', 'containerResource'] as const
const targetTypes = ['Utilization', 'Value', 'AverageValue']

/** Only metrics that are there without pods can bring up the first one. */
export function validateMetrics(
  metrics: readonly MetricSpec[],
  minReplicas: number | undefined,
  at: FieldPath,
): FieldError[] {
  const errors = metrics.flatMap((metric, index) => validateMetric(metric, at.index(index)))
  if (minReplicas !== 0 || metrics.some(({ type }) => type === 'Object' || type === 'External')) return errors
  const detail = 'must specify at least one Object or External metric to support scaling to zero replicas'
  return [...errors, forbidden(at, detail)]
}

function validateMetric(metric: MetricSpec, at: FieldPath): FieldError[] {
  const errors: FieldError[] = []
  const { type } = metric
  if (!type) errors.push(required(at.child('type'), 'must specify a metric source type'))
  if (!Object.hasOwn(sources, type)) errors.push(notSupported(at.child('type'), type, Object.keys(sources)))
  const present = sourceFields.filter((field) => metric[field] !== undefined)
  if (present[0]) errors.push(...validateSource(metric, present[0], at.child(present[0])))
  const expected = type.slice(0, 1).toLowerCase() + type.slice(1)
  if (Object.hasOwn(sources, type) && !present.some((field) => field === expected))
    errors.push(required(at.child(expected), 'must populate information for the given metric source'))
  if (present.length === 1) return errors
  for (const field of present) {
    if (field !== expected)
      errors.push(forbidden(at.child(field), 'must populate the given metric source only'))
  }
  return errors
}

function validateSource(
  metric: MetricSpec,
  source: (typeof sourceFields)[number],
  at: FieldPath,
): FieldError[] {
  switch (source) {
    case 'object': {
      const { describedObject, metric: identifier, target } = metric.object!
      return [
        ...validateObjectReference(describedObject, at.child('describedObject')),
        ...validateIdentifier(identifier, at.child('metric')),
        ...validateTarget(target, at.child('target')),
        ...needsValue(target, at.child('target'), 'must set either a target value or averageValue'),
      ]
    }
    case 'external': {
      const { metric: identifier, target } = metric.external!
      const both = target?.value !== undefined && target.averageValue !== undefined
      return [
        ...validateIdentifier(identifier, at.child('metric')),
        ...validateTarget(target, at.child('target')),
        ...needsValue(
          target,
          at.child('target'),
          'must set either a target value for metric or a per-pod target',
        ),
        ...(both
          ? [
              forbidden(
                at.child('target', 'value'),
                'may not set both a target value for metric and a per-pod target',
              ),
            ]
          : []),
      ]
    }
    case 'pods': {
      const { metric: identifier, target } = metric.pods!
      return [
        ...validateIdentifier(identifier, at.child('metric')),
        ...validateTarget(target, at.child('target')),
        ...(target?.averageValue !== undefined
          ? []
          : [required(at.child('target', 'averageValue'), 'must specify a positive target averageValue')]),
      ]
    }
    case 'containerResource': {
      const { name, container, target } = metric.containerResource!
      return [
        ...(name
          ? validateResourceName(name, at.child('name'))
          : [required(at.child('name'), 'must specify a resource name')]),
        ...(container
          ? invalidFor(at.child('container'), container, dns1123LabelErrors(container))
          : [required(at.child('container'), 'must specify a container')]),
        ...validateTarget(target, at.child('target')),
        ...needsUtilization(target, at.child('target')),
      ]
    }
    case 'resource': {
      const { name, target } = metric.resource!
      return [
        ...(name ? [] : [required(at.child('name'), 'must specify a resource name')]),
        ...validateTarget(target, at.child('target')),
        ...needsUtilization(target, at.child('target')),
      ]
    }
  }
}

function validateIdentifier(identifier: MetricIdentifier | undefined, at: FieldPath): FieldError[] {
  const name = identifier?.name
  if (!name) return [required(at.child('name'), 'must specify a metric name')]
  return pathSegmentNameErrors(name).map((message) => invalid(at.child('name'), name, message))
}

function validateTarget(target: MetricTarget | undefined, at: FieldPath): FieldError[] {
  const { type = '', value, averageValue, averageUtilization } = target ?? {}
  const errors: FieldError[] = []
  if (!type) errors.push(required(at.child('type'), 'must specify a metric target type'))
  if (!targetTypes.includes(type))
    errors.push(invalid(at.child('type'), type, 'must be either Utilization, Value, or AverageValue'))
  if (value !== undefined && quantitySign(value) !== 1)
    errors.push(invalid(at.child('value'), value, 'must be positive'))
  if (averageValue !== undefined && quantitySign(averageValue) !== 1)
    errors.push(invalid(at.child('averageValue'), averageValue, 'must be positive'))
  if (averageUtilization !== undefined && averageUtilization < 1)
    errors.push(invalid(at.child('averageUtilization'), averageUtilization, 'must be greater than 0'))
  return errors
}

function needsValue(target: MetricTarget | undefined, at: FieldPath, detail: string): FieldError[] {
  if (target?.value !== undefined || target?.averageValue !== undefined) return []
  return [required(at.child('averageValue'), detail)]
}

function needsUtilization(target: MetricTarget | undefined, at: FieldPath): FieldError[] {
  const { averageUtilization, averageValue } = target ?? {}
  if (averageUtilization === undefined && averageValue === undefined) {
    const detail = 'must set either a target raw value or a target utilization'
    return [required(at.child('averageUtilization'), detail)]
  }
  if (averageUtilization === undefined || averageValue === undefined) return []
  const detail = 'may not set both a target raw value and a target utilization'
  return [forbidden(at.child('averageValue'), detail)]
}
