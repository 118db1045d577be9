import { invalid, required, type FieldError, type FieldPath } from '../../../machinery/field-error.ts'
import { validateLabelName, validateLabelSelector } from '../../../machinery/validation/labels.ts'
import { dns1123LabelErrors } from '../../../machinery/validation/names.ts'
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
    errors.push(...weightErrors(weight, at), ...termErrors(preference, at.child('preference')))
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
  return nodeSelectorTerms.flatMap((term, index) => termErrors(term, terms.index(index)))
}

function termErrors(
  { matchExpressions = [], matchFields = [] }: NodeSelectorTerm,
  field: FieldPath,
): FieldError[] {
  return [
    ...matchExpressions.flatMap((requirement, index) =>
      requirementErrors(requirement, field.child('matchExpressions').index(index)),
    ),
    ...matchFields.flatMap((requirement, index) =>
      fieldErrors(requirement, field.child('matchFields').index(index)),
    ),
  ]
}

function requirementErrors(
  { key, operator, values = [] }: NodeSelectorRequirement,
  field: FieldPath,
): FieldError[] {
  const errors: FieldError[] = []
  switch (operator) {
    case 'In':
    case 'NotIn':
      if (values.length === 0)
        errors.push(required(field.child('values'), "must be specified when `operator` is 'In' or 'NotIn'"))
      break
    case 'Exists':
    case 'DoesNotExist':
      if (values.length > 0)
        errors.push({
          ...required(field.child('values')),
          type: 'FieldValueForbidden',
          message: "Forbidden: may not be specified when `operator` is 'Exists' or 'DoesNotExist'",
        })
      break
    case 'Gt':
    case 'Lt':
      if (values.length !== 1)
        errors.push(
          required(field.child('values'), "must be specified single value when `operator` is 'Lt' or 'Gt'"),
        )
      break
    default:
      errors.push(invalid(field.child('operator'), operator, 'not a valid selector operator'))
  }
  return [...errors, ...validateLabelName(key, field.child('key'))]
}

function fieldErrors(
  { key, operator, values = [] }: NodeSelectorRequirement,
  field: FieldPath,
): FieldError[] {
  const errors: FieldError[] = []
  if (operator !== 'In' && operator !== 'NotIn')
    errors.push(invalid(field.child('operator'), operator, 'not a valid selector operator'))
  else if (values.length !== 1)
    errors.push(
      required(
        field.child('values'),
        "must be only one value when `operator` is 'In' or 'NotIn' for node field selector",
      ),
    )
  if (key !== 'metadata.name') errors.push(invalid(field.child('key'), key, 'not a valid field selector key'))
  return errors
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

function podTermErrors(
  { topologyKey, labelSelector, namespaceSelector, namespaces = [] }: PodAffinityTerm,
  field: FieldPath,
): FieldError[] {
  const errors: FieldError[] = []
  if (labelSelector) errors.push(...validateLabelSelector(labelSelector, field.child('labelSelector')))
  if (namespaceSelector)
    errors.push(...validateLabelSelector(namespaceSelector, field.child('namespaceSelector')))
  for (const name of namespaces)
    errors.push(
      ...dns1123LabelErrors(name).map((message) => invalid(field.child('namespace'), name, message)),
    )
  if (!topologyKey) errors.push(required(field.child('topologyKey'), 'can not be empty'))
  else errors.push(...validateLabelName(topologyKey, field.child('topologyKey')))
  return errors
}
