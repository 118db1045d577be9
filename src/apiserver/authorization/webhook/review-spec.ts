import type { FieldSelectorRequirement, LabelSelectorRequirement } from '../../../machinery/meta.ts'
import type { ResourceAttributes, SubjectAccessReviewSpec } from '../../../api/generated/authorization.v1.ts'
import { parseFieldSelector } from '../../../machinery/field-selector.ts'

import type { LabelOperator } from '../../../machinery/label-requirement.ts'
import { parseLabelSelector } from '../../../machinery/label-selector.ts'
import type { Attributes } from '../authorizer.ts'

/** What a webhook, and its match conditions, are asked. Source: k8s.io/apiserver/plugin/pkg/authorizer/webhook. */
export function reviewSpecOf(attributes: Attributes): SubjectAccessReviewSpec {
  const { user, isResourceRequest, path, verb } = attributes
  return {
    ...(isResourceRequest
      ? { resourceAttributes: resourceAttributesOf(attributes) }
      : { nonResourceAttributes: { path, verb } }),
    user: user.name,
    ...(user.groups.length > 0 && { groups: user.groups }),
    ...(user.extra && Object.keys(user.extra).length > 0 && { extra: user.extra }),
    ...(user.uid && { uid: user.uid }),
  }
}

function resourceAttributesOf(attributes: Attributes): ResourceAttributes {
  const { namespace, verb, group, version, resource, subresource, name } = attributes
  const all = { namespace, verb, group, version, resource, subresource, name }
  const given = Object.fromEntries(Object.entries(all).filter(([, value]) => value !== ''))
  const fields = fieldRequirements(attributes.fieldSelector)
  const labels = labelRequirements(attributes.labelSelector)
  return {
    ...given,
    ...(fields.length > 0 && { fieldSelector: { requirements: fields } }),
    ...(labels.length > 0 && { labelSelector: { requirements: labels } }),
  }
}

/** A selector that cannot be read narrows nothing. */
function fieldRequirements(selector = ''): readonly FieldSelectorRequirement[] {
  try {
    return parseFieldSelector(selector).requirements.map(({ field, operator, value }) => ({
      key: field,
      operator: operator === '=' ? 'In' : 'NotIn',
      values: [value],
    }))
  } catch {
    return []
  }
}

const labelOperators: Readonly<Partial<Record<LabelOperator, LabelSelectorRequirement['operator']>>> = {
  in: 'In',
  '=': 'In',
  '==': 'In',
  notin: 'NotIn',
  '!=': 'NotIn',
  exists: 'Exists',
  '!': 'DoesNotExist',
}

function labelRequirements(selector = ''): readonly LabelSelectorRequirement[] {
  try {
    return parseLabelSelector(selector).requirements.flatMap(({ key, operator, values }) => {
      const word = labelOperators[operator]
      return word ? [{ key, operator: word, ...(values.length > 0 && { values }) }] : []
    })
  } catch {
    return []
  }
}
