import type { PolicyRule } from '../../../api/generated/rbac.v1.ts'
import type { Attributes } from '../authorizer.ts'

/**
 * Whether one rule allows a request.
 * Source: kubernetes/pkg/apis/rbac/v1/evaluation_helpers.go.
 */
function ruleAllows(rule: PolicyRule, attributes: Attributes): boolean {
  const { verb, group, resource, subresource, name, path } = attributes
  if (!contains(rule.verbs, verb)) return false
  if (!attributes.isResourceRequest) return matchesUrl(rule.nonResourceURLs, path)
  return (
    contains(rule.apiGroups, group) &&
    matchesResource(rule.resources, resource, subresource) &&
    matchesName(rule.resourceNames, name)
  )
}

export function rulesAllow(rules: readonly PolicyRule[], attributes: Attributes): boolean {
  return rules.some((rule) => ruleAllows(rule, attributes))
}

function contains(values: readonly string[] | undefined, wanted: string): boolean {
  return values !== undefined && (values.includes('*') || values.includes(wanted))
}

/** `*` is every resource and subresource; `*` before a slash is every resource's subresource of that name. */
export function matchesResource(
  values: readonly string[] | undefined,
  resource: string,
  subresource: string,
): boolean {
  if (!values) return false
  if (values.includes('*')) return true
  if (subresource === '') return values.includes(resource)
  return values.includes(`${resource}/${subresource}`) || values.includes(`*/${subresource}`)
}

function matchesName(values: readonly string[] | undefined, name: string): boolean {
  return !values || values.length === 0 || values.includes(name)
}

/** A trailing `*` stands for any rest. */
export function matchesUrl(values: readonly string[] | undefined, path: string): boolean {
  if (!values) return false
  return values.some(
    (value) =>
      value === '*' || value === path || (value.endsWith('*') && path.startsWith(value.replace(/\*+$/, ''))),
  )
}
