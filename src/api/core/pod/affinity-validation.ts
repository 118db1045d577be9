import {
  forbidden,
  invalid,
  invalidFor,
  required,
  type FieldError,
  type FieldPath,
} from '../../../machinery/field-error.ts'
import { validateLabelName, validateLabelSelector } from '../../../machinery/validation/labels.ts'
import {
  dns1123LabelErrors,
  dns1123SubdomainErrors,
  labelValueErrors,
} from '../../../machinery/validation/names.ts'
import type {
  Affinity,
  NodeSelector,
  NodeSelectorRequirement,
  NodeSelectorTerm,
  PodAffinity,
  PodAffinityTerm,
} from '../../generated/core.v1.ts'

/** Source: validateAffinity. */
export function validateAffinity(affinity: Affinity | undefined, field: FieldPath): FieldError[] {
  if (!affinity) return []
  const { nodeAffinity, podAffinity, podAntiAffinity } = affinity
  const errors: FieldError[] = []
  const node = field.child('nodeAffinity')
  const requiredTerms = nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution
  if (requiredTerms)
    errors.push(
      ...validateNodeSelector(requiredTerms, node.child('requiredDuringSchedulingIgnoredDuringExecution')),
    )
  for (const [index, { weight, preference }] of (
    nodeAffinity?.preferredDuringSchedulingIgnoredDuringExecution ?? []
  ).entries()) {
    const at = node.child('preferredDuringSchedulingIgnoredDuringExecution').index(index)
    // What is only preferred may name values that no label can have.
    errors.push(...weightErrors(weight, at), ...termErrors(preference, at.child('preference'), true))
  }
  return [
    ...errors,
    ...podErrors(podAffinity, field.child('podAffinity')),
    ...podErrors(podAntiAffinity, field.child('podAntiAffinity')),
  ]
}

export function validateNodeSelector({ nodeSelectorTerms }: NodeSelector, field: FieldPath): FieldError[] {
  const terms = field.child('nodeSelectorTerms')
  if (nodeSelectorTerms.length === 0) return [required(terms, 'must have at least one node selector term')]
  return nodeSelectorTerms.flatMap((term, index) => termErrors(term, terms.index(index), false))
}

function termErrors(
  { matchExpressions = [], matchFields = [] }: NodeSelectorTerm,
  field: FieldPath,
  allowsInvalidValues: boolean,
): FieldError[] {
  return [
    ...matchExpressions.flatMap((requirement, index) =>
      requirementErrors(requirement, field.child('matchExpressions').index(index), allowsInvalidValues),
    ),
    ...matchFields.flatMap((requirement, index) =>
      fieldErrors(requirement, field.child('matchFields').index(index)),
    ),
  ]
}

function requirementErrors(
  { key, operator, values = [] }: NodeSelectorRequirement,
  field: FieldPath,
  allowsInvalidValues: boolean,
): FieldError[] {
  const at = field.child('values')
  const errors: FieldError[] = []
  switch (operator) {
    case 'In':
    case 'NotIn':
      if (values.length === 0)
        errors.push(required(at, "must be specified when `operator` is 'In' or 'NotIn'"))
      break
    case 'Exists':
    case 'DoesNotExist':
      if (values.length > 0)
        errors.push(forbidden(at, "may not be specified when `operator` is 'Exists' or 'DoesNotExist'"))
      break
    case 'Gt':
    case 'Lt':
      if (values.length !== 1)
        errors.push(required(at, "must be specified single value when `operator` is 'Lt' or 'Gt'"))
      break
    default:
      errors.push(invalid(field.child('operator'), operator ?? '', 'not a valid selector operator'))
  }
  errors.push(...validateLabelName(key ?? '', field.child('key')))
  if (allowsInvalidValues) return errors
  return [
    ...errors,
    ...values.flatMap((value, index) => invalidFor(at.index(index), value, labelValueErrors(value))),
  ]
}

function fieldErrors(
  { key, operator, values = [] }: NodeSelectorRequirement,
  field: FieldPath,
): FieldError[] {
  const errors: FieldError[] = []
  if (operator !== 'In' && operator !== 'NotIn')
    errors.push(invalid(field.child('operator'), operator ?? '', 'not a valid selector operator'))
  else if (values.length !== 1)
    errors.push(
      required(
        field.child('values'),
        "must be only one value when `operator` is 'In' or 'NotIn' for node field selector",
      ),
    )
  if (key !== 'metadata.name')
    return [...errors, invalid(field.child('key'), key ?? '', 'not a valid field selector key')]
  return [
    ...errors,
    ...values.flatMap((value, index) =>
      invalidFor(field.child('values').index(index), value, dns1123SubdomainErrors(value)),
    ),
  ]
}

function weightErrors(weight: number, field: FieldPath): FieldError[] {
  return weight > 0 && weight <= 100
    ? []
    : [invalid(field.child('weight'), weight, 'must be in the range 1-100')]
}

function podErrors(affinity: PodAffinity | undefined, field: FieldPath): FieldError[] {
  const requiredTerms = affinity?.requiredDuringSchedulingIgnoredDuringExecution ?? []
  const preferredTerms = affinity?.preferredDuringSchedulingIgnoredDuringExecution ?? []
  return [
    ...requiredTerms.flatMap((term, index) =>
      podTermErrors(term, field.child('requiredDuringSchedulingIgnoredDuringExecution').index(index)),
    ),
    ...preferredTerms.flatMap(({ weight, podAffinityTerm }, index) => {
      const at = field.child('preferredDuringSchedulingIgnoredDuringExecution').index(index)
      return [...weightErrors(weight, at), ...podTermErrors(podAffinityTerm, at.child('podAffinityTerm'))]
    }),
  ]
}

function podTermErrors(term: PodAffinityTerm, field: FieldPath): FieldError[] {
  const { topologyKey, labelSelector, namespaceSelector, namespaces = [] } = term
  const errors = [
    ...validateLabelSelector(labelSelector, field.child('labelSelector')),
    ...validateLabelSelector(namespaceSelector, field.child('namespaceSelector')),
    ...namespaces.flatMap((name) => invalidFor(field.child('namespace'), name, dns1123LabelErrors(name))),
    ...labelKeysErrors(term, field),
  ]
  if (topologyKey === '') errors.push(required(field.child('topologyKey'), 'can not be empty'))
  return [...errors, ...validateLabelName(topologyKey, field.child('topologyKey'))]
}

/** Keys whose values come from the pod itself: of its labels, and not of the selector or of one another. */
function labelKeysErrors(
  { matchLabelKeys = [], mismatchLabelKeys = [], labelSelector }: PodAffinityTerm,
  field: FieldPath,
): FieldError[] {
  const errors: FieldError[] = []
  for (const [name, keys] of Object.entries({ matchLabelKeys, mismatchLabelKeys })) {
    const at = field.child(name)
    if (keys.length === 0) continue
    if (labelSelector) errors.push(...keys.flatMap((key, index) => validateLabelName(key, at.index(index))))
    else errors.push(forbidden(at, 'must not be specified when labelSelector is not set'))
  }
  // What matchLabelKeys stand for is in the selector already: a second mention is the author's own.
  const selected = new Set(Object.keys(labelSelector?.matchLabels ?? {}))
  for (const { key } of labelSelector?.matchExpressions ?? []) {
    const index = matchLabelKeys.lastIndexOf(key)
    if (index >= 0 && selected.has(key))
      errors.push(invalid(field.index(index), key, 'exists in both matchLabelKeys and labelSelector'))
    selected.add(key)
  }
  for (const [index, key] of matchLabelKeys.entries()) {
    const detail = 'exists in both matchLabelKeys and mismatchLabelKeys'
    if (mismatchLabelKeys.includes(key))
      errors.push(invalid(field.child('matchLabelKeys').index(index), key, detail))
  }
  return errors
}
