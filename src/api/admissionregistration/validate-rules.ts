import { duplicate, invalid, notSupported, required, type FieldError } from '../../machinery/field-error.ts'
import type { FieldPath } from '../../machinery/field-path.ts'
import { pathSegmentNameErrors } from '../../machinery/validation/names.ts'
import type { NamedRuleWithOperations, RuleWithOperations } from '../generated/admissionregistration.v1.ts'

const operations = ['*', 'CONNECT', 'CREATE', 'DELETE', 'UPDATE']
const scopes = ['*', 'Cluster', 'Namespaced']

/** Which requests are meant. Source: kubernetes/pkg/apis/admissionregistration/validation. */
export function validateRule(
  rule: RuleWithOperations,
  at: FieldPath,
  supportedOperations: readonly string[] = operations,
): FieldError[] {
  const { operations: wanted = [], apiGroups = [], apiVersions = [], resources = [], scope } = rule
  return [
    ...validateOperations(wanted, at.child('operations'), supportedOperations),
    ...needsSome(apiGroups, at.child('apiGroups')),
    ...wildcardAlone(apiGroups, at.child('apiGroups'), 'API groups'),
    ...needsSome(apiVersions, at.child('apiVersions')),
    ...wildcardAlone(apiVersions, at.child('apiVersions'), 'API versions'),
    ...apiVersions.flatMap((version, index) =>
      version === '' ? [required(at.child('apiVersions').index(index))] : [],
    ),
    ...validateResources(resources, at.child('resources')),
    ...(scope !== undefined && !scopes.includes(scope)
      ? [notSupported(at.child('scope'), scope, scopes)]
      : []),
  ]
}

/** The same, with names of objects. */
export function validateNamedRule(
  rule: NamedRuleWithOperations,
  at: FieldPath,
  supportedOperations?: readonly string[],
): FieldError[] {
  const { resourceNames = [] } = rule
  const errors = resourceNames.flatMap((name, index) => [
    ...pathSegmentNameErrors(name).map((detail) =>
      invalid(at.child('resourceNames').index(index), name, detail),
    ),
    ...(resourceNames.indexOf(name) < index ? [duplicate(at.child('resourceNames').index(index), name)] : []),
  ])
  return [...errors, ...validateRule(rule, at, supportedOperations)]
}

function validateOperations(
  wanted: readonly string[],
  at: FieldPath,
  supported: readonly string[],
): FieldError[] {
  return [
    ...needsSome(wanted, at),
    ...wildcardAlone(wanted, at, 'operations'),
    ...wanted.flatMap((operation, index) =>
      supported.includes(operation) ? [] : [notSupported(at.index(index), operation, supported)],
    ),
  ]
}

function needsSome(list: readonly string[], at: FieldPath): FieldError[] {
  return list.length === 0 ? [required(at)] : []
}

function wildcardAlone(list: readonly string[], at: FieldPath, others: string): FieldError[] {
  return list.length > 1 && list.includes('*')
    ? [invalid(at, list, `if '*' is present, must not specify other ${others}`)]
    : []
}

function validateResources(resources: readonly string[], at: FieldPath): FieldError[] {
  const errors = needsSome(resources, at)
  const withAllSubresources = new Set<string>()
  const ofAllResources = new Set<string>()
  // Upstream looks at the last resource without a subresource only.
  let lastIsNamed = false
  for (const [index, resource] of resources.entries()) {
    if (resource === '') {
      errors.push(required(at.index(index)))
      continue
    }
    const slash = resource.indexOf('/')
    if (slash < 0) {
      lastIsNamed = resource !== '*'
      continue
    }
    const [name, subresource] = [resource.slice(0, slash), resource.slice(slash + 1)]
    if (withAllSubresources.has(name)) {
      const detail = `if '${name}/*' is present, must not specify ${resource}`
      errors.push(invalid(at.index(index), resource, detail))
    }
    if (ofAllResources.has(subresource)) {
      const detail = `if '*/${subresource}' is present, must not specify ${resource}`
      errors.push(invalid(at.index(index), resource, detail))
    }
    if (subresource === '*') withAllSubresources.add(name)
    if (name === '*') ofAllResources.add(subresource)
  }
  if (resources.length > 1 && resources.includes('*/*')) {
    errors.push(invalid(at, resources, "if '*/*' is present, must not specify other resources"))
  }
  if (resources.includes('*') && lastIsNamed) {
    const detail = "if '*' is present, must not specify other resources without subresources"
    errors.push(invalid(at, resources, detail))
  }
  return errors
}
