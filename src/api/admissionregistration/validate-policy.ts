import { forbidden, invalid, notSupported, required, type FieldError } from '../../machinery/field-error.ts'
import type { FieldPath } from '../../machinery/field-path.ts'
import type { Writable } from '../../machinery/meta.ts'
import { parseApiVersion } from '../../machinery/resource.ts'
import { validateLabelSelector } from '../../machinery/validation/labels.ts'
import {
  dns1035LabelErrors,
  dns1123SubdomainErrors,
  pathSegmentNameErrors,
} from '../../machinery/validation/names.ts'
import type { MatchResources, ParamKind, ParamRef } from '../generated/admissionregistration.v1.ts'
import { validateNamedRule } from './validate-rules.ts'
import { failurePolicies, matchPolicies, oneOf } from './validate-webhooks.ts'

/** What validating and mutating policies have in common. Source: kubernetes/pkg/apis/admissionregistration/validation. */

export function defaultMatchResources(resources: Writable<MatchResources> | undefined): void {
  if (!resources) return
  resources.matchPolicy ??= 'Equivalent'
  resources.namespaceSelector ??= {}
  resources.objectSelector ??= {}
  for (const rule of resources.resourceRules ?? []) rule.scope ??= '*'
  for (const rule of resources.excludeResourceRules ?? []) rule.scope ??= '*'
}

export function validateFailurePolicy(value: string | undefined, at: FieldPath): FieldError[] {
  return value === undefined ? [required(at)] : oneOf(value, failurePolicies, at)
}

export function validateParamKind({ apiVersion = '', kind = '' }: ParamKind, at: FieldPath): FieldError[] {
  return [
    ...validateParamVersion(apiVersion, at.child('apiVersion')),
    ...validateParamKindName(kind, at.child('kind')),
  ]
}

function validateParamVersion(apiVersion: string, at: FieldPath): FieldError[] {
  if (apiVersion === '') return [required(at)]
  const parsed = parseApiVersion(apiVersion)
  if (!parsed) return [invalid(at, apiVersion, `unexpected GroupVersion string: ${apiVersion}`)]
  const { group, version } = parsed
  const groupFaults = group === '' ? [] : dns1123SubdomainErrors(group)
  const versionFaults = version === '' ? [] : dns1035LabelErrors(version)
  return [
    ...(groupFaults.length > 0 ? [invalid(at, group, groupFaults.join(','))] : []),
    ...(version === '' ? [invalid(at, apiVersion, 'version must be specified')] : []),
    ...(versionFaults.length > 0 ? [invalid(at, version, versionFaults.join(','))] : []),
  ]
}

function validateParamKindName(kind: string, at: FieldPath): FieldError[] {
  if (kind === '') return [required(at)]
  const faults = dns1035LabelErrors(kind.toLowerCase())
  if (faults.length === 0) return []
  return [invalid(at, kind, `may have mixed case, but should otherwise match: ${faults.join(',')}`)]
}

export function validateMatchConstraints(resources: MatchResources | undefined, at: FieldPath): FieldError[] {
  if (!resources) return [required(at)]
  return [
    ...validateMatchResources(resources, at),
    ...(resources.resourceRules?.length ? [] : [required(at.child('resourceRules'))]),
  ]
}

export function validateMatchResources(resources: MatchResources | undefined, at: FieldPath): FieldError[] {
  if (!resources) return []
  const { matchPolicy, namespaceSelector, objectSelector } = resources
  const rules = (field: 'resourceRules' | 'excludeResourceRules') =>
    (resources[field] ?? []).flatMap((rule, index) => validateNamedRule(rule, at.child(field).index(index)))
  return [
    ...(matchPolicy === undefined
      ? [required(at.child('matchPolicy'))]
      : oneOf(matchPolicy, matchPolicies, at.child('matchPolicy'))),
    ...(namespaceSelector
      ? validateLabelSelector(namespaceSelector, at.child('namespaceSelector'))
      : [required(at.child('namespaceSelector'))]),
    ...(objectSelector
      ? validateLabelSelector(objectSelector, at.child('objectSelector'))
      : [required(at.child('objectSelector'))]),
    ...rules('resourceRules'),
    ...rules('excludeResourceRules'),
  ]
}

const mutableOperations = ['*', 'CONNECT', 'CREATE', 'UPDATE']

/** What is deleted cannot be changed. */
export function validateMutableOperations(
  resources: MatchResources | undefined,
  at: FieldPath,
): FieldError[] {
  const operations = (resources?.resourceRules ?? []).flatMap(({ operations = [] }) => operations)
  return operations.flatMap((operation) => oneOf(operation, mutableOperations, at))
}

export function validatePolicyName(name: string | undefined, at: FieldPath): FieldError[] {
  if (!name) return [required(at)]
  return dns1123SubdomainErrors(name).map((detail) => invalid(at, name, detail))
}

export function validateParamRef(ref: ParamRef | undefined, at: FieldPath): FieldError[] {
  if (!ref) return []
  const { name = '', selector, parameterNotFoundAction: action } = ref
  const errors =
    name === '' ? [] : pathSegmentNameErrors(name).map((detail) => invalid(at.child('name'), name, detail))
  const both = 'name and selector are mutually exclusive'
  if (name !== '' && selector) errors.push(forbidden(at.child('name'), both))
  if (selector) errors.push(...validateLabelSelector(selector, at.child('selector')))
  if (name !== '' && selector) errors.push(forbidden(at.child('selector'), both))
  if (name === '' && !selector) errors.push(required(at, 'one of name or selector must be specified'))
  if (!action) errors.push(required(at.child('parameterNotFoundAction')))
  else if (action !== 'Deny' && action !== 'Allow') {
    errors.push(notSupported(at.child('parameterNotFoundAction'), action, ['Deny', 'Allow']))
  }
  return errors
}
