import type { PolicyRule } from '../../../api/generated/rbac.v1.ts'
import { matchesUrl } from './rules.ts'

/*
 * Comparing rules as what they allow, not as how they are written.
 * Source: k8s.io/component-helpers/auth/rbac/validation.
 */

/** The parts of `wanted` that no rule of `owned` allows, one verb and one resource each; empty when all is covered. */
export function missingRules(
  owned: readonly PolicyRule[],
  wanted: readonly PolicyRule[],
): readonly PolicyRule[] {
  return wanted.flatMap(breakDown).filter((part) => !owned.some((rule) => covers(rule, part)))
}

/** Each rule with exactly one verb, and one group, resource and name, or one path. */
function breakDown(rule: PolicyRule): readonly PolicyRule[] {
  const parts: PolicyRule[] = []
  const names = rule.resourceNames?.length ? rule.resourceNames.map((name) => [name]) : [undefined]
  for (const group of rule.apiGroups ?? []) {
    for (const resource of rule.resources ?? []) {
      for (const verb of rule.verbs) {
        for (const resourceNames of names) {
          const part = { apiGroups: [group], resources: [resource], verbs: [verb] }
          parts.push(resourceNames ? { ...part, resourceNames } : part)
        }
      }
    }
  }
  for (const url of rule.nonResourceURLs ?? []) {
    for (const verb of rule.verbs) parts.push({ nonResourceURLs: [url], verbs: [verb] })
  }
  return parts
}

function covers(rule: PolicyRule, part: PolicyRule): boolean {
  if (!containsAll(rule.verbs, part.verbs)) return false
  const [url] = part.nonResourceURLs ?? []
  if (url !== undefined) return matchesUrl(rule.nonResourceURLs, url)
  const ruleNames = rule.resourceNames ?? []
  const coversNames =
    ruleNames.length === 0 ||
    (!!part.resourceNames && part.resourceNames.every((name) => ruleNames.includes(name)))
  return (
    coversNames &&
    containsAll(rule.apiGroups ?? [], part.apiGroups ?? []) &&
    (part.resources ?? []).every((resource) => coversResource(rule.resources ?? [], resource))
  )
}

function containsAll(owned: readonly string[], wanted: readonly string[]): boolean {
  return owned.includes('*') || wanted.every((one) => owned.includes(one))
}

/** `*` covers everything; `*` before a slash covers that subresource of everything. */
function coversResource(owned: readonly string[], resource: string): boolean {
  if (owned.includes('*') || owned.includes(resource)) return true
  const slash = resource.indexOf('/')
  return slash >= 0 && owned.includes(`*/${resource.slice(slash + 1)}`)
}

/** Joins rules that differ in nothing but their verbs. Rules about more than one resource stay as they are. */
export function compactRules(rules: readonly PolicyRule[]): readonly PolicyRule[] {
  const verbsByRule = new Map<string, { readonly rule: PolicyRule; readonly verbs: string[] }>()
  const others: PolicyRule[] = []
  for (const rule of rules) {
    const { verbs, ...rest } = rule
    if (rest.resources?.length !== 1 || rest.apiGroups?.length !== 1 || rest.nonResourceURLs?.length) {
      others.push(rule)
      continue
    }
    const key = JSON.stringify([rest.apiGroups, rest.resources, rest.resourceNames])
    const same = verbsByRule.get(key)
    if (same) same.verbs.push(...verbs)
    else verbsByRule.set(key, { rule, verbs: [...verbs] })
  }
  return [...others, ...[...verbsByRule.values()].map(({ rule, verbs }) => ({ ...rule, verbs }))]
}

/** `{APIGroups:["apps"], Resources:["deployments"], Verbs:["get" "list"]}`. */
export function describeRule(rule: PolicyRule): string {
  const part = (name: string, values: readonly string[] = []) =>
    values.length === 0 ? [] : [`${name}:[${values.map((value) => JSON.stringify(value)).join(' ')}]`]
  return `{${[
    ...part('APIGroups', rule.apiGroups),
    ...part('Resources', rule.resources),
    ...part('NonResourceURLs', rule.nonResourceURLs),
    ...part('ResourceNames', rule.resourceNames),
    ...part('Verbs', rule.verbs),
  ].join(', ')}}`
}
