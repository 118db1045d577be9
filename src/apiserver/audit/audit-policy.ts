import { decodeConfiguration } from '../../api/configuration/decode-configuration.ts'
import { file, flag, listOf, optional, struct, text } from '../../api/configuration/configuration-schema.ts'
import type { Attributes } from '../authorization/authorizer.ts'

export const levels = ['None', 'Metadata', 'Request', 'RequestResponse'] as const
export type Level = (typeof levels)[number]
const stages = ['RequestReceived', 'ResponseStarted', 'ResponseComplete', 'Panic'] as const
export type Stage = (typeof stages)[number]

interface PolicyRule {
  readonly level: Level
  readonly users?: readonly string[]
  readonly userGroups?: readonly string[]
  readonly verbs?: readonly string[]
  readonly resources?: readonly {
    readonly group?: string
    readonly resources?: readonly string[]
    readonly resourceNames?: readonly string[]
  }[]
  readonly namespaces?: readonly string[]
  readonly nonResourceURLs?: readonly string[]
  readonly omitStages?: readonly Stage[]
  readonly omitManagedFields?: boolean
}

/** Policy of audit.k8s.io/v1: what is recorded of which request. */
export interface AuditPolicy {
  readonly rules: readonly PolicyRule[]
  readonly omitStages?: readonly Stage[]
  readonly omitManagedFields?: boolean
}

/** What is recorded of one request. */
export interface Recording {
  readonly level: Level
  readonly omitStages: readonly Stage[]
  readonly omitManagedFields: boolean
}

const names = listOf(text)
const schema = file({
  metadata: struct({ name: text }),
  rules: listOf(
    struct({
      level: text,
      users: names,
      userGroups: names,
      verbs: names,
      resources: listOf(struct({ group: text, resources: names, resourceNames: names })),
      namespaces: names,
      nonResourceURLs: names,
      omitStages: names,
      omitManagedFields: optional(flag),
    }),
  ),
  omitStages: names,
  omitManagedFields: flag,
})

/**
 * Reads a policy file; throws an Error that says what is wrong. Unknown and duplicate fields are only told to `warn`, as
 * upstream has it.
 */
export function decodeAuditPolicy(given: string, warn: (message: string) => void = () => {}): AuditPolicy {
  const kind = { group: 'audit.k8s.io', version: 'v1', kind: 'Policy', schema }
  const policy = decodeConfiguration(given, [kind], warn) as Partial<AuditPolicy>
  if (!policy.rules?.length) throw new Error('the audit policy has no rules')
  for (const [index, rule] of policy.rules.entries()) {
    const at = `rules[${index}]`
    if (!levels.includes(rule.level)) throw new Error(`${at}.level: must be one of ${levels.join(', ')}`)
    checkStages(`${at}.omitStages`, rule.omitStages)
    if (rule.nonResourceURLs?.length && (rule.resources?.length || rule.namespaces?.length)) {
      throw new Error(`${at}: rules cannot apply to both regular resources and non-resource URLs`)
    }
    for (const url of rule.nonResourceURLs ?? []) {
      if (url !== '*' && !url.startsWith('/')) throw new Error(`${at}.nonResourceURLs: must begin with '/'`)
      if (url.slice(0, -1).includes('*'))
        throw new Error(`${at}.nonResourceURLs: '*' must be the last character`)
    }
    for (const { resourceNames = [], resources = [] } of rule.resources ?? []) {
      if (resourceNames.length > 0 && resources.length === 0) {
        throw new Error(`${at}.resources: resourceNames need resources`)
      }
    }
  }
  checkStages('omitStages', policy.omitStages)
  return policy as AuditPolicy
}

function checkStages(at: string, given: readonly Stage[] = []): void {
  for (const stage of given) {
    if (!stages.includes(stage)) throw new Error(`${at}: must be of ${stages.join(', ')}`)
  }
}

/** What the first rule that matches says; nothing is recorded without one. Source: k8s.io/apiserver/pkg/audit/policy. */
export function recordingOf(policy: AuditPolicy, attributes: Attributes): Recording {
  const { omitStages = [], omitManagedFields = false } = policy
  const rule = policy.rules.find((each) => matches(each, attributes))
  if (!rule) return { level: 'None', omitStages, omitManagedFields }
  return {
    level: rule.level,
    omitStages: [...omitStages, ...(rule.omitStages ?? [])],
    omitManagedFields: rule.omitManagedFields ?? omitManagedFields,
  }
}

function matches(rule: PolicyRule, attributes: Attributes): boolean {
  const { user, verb } = attributes
  if (rule.users?.length && !rule.users.includes(user.name)) return false
  if (rule.userGroups?.length && !rule.userGroups.some((group) => user.groups.includes(group))) return false
  if (rule.verbs?.length && !rule.verbs.includes(verb)) return false
  if (rule.namespaces?.length || rule.resources?.length) return matchesResource(rule, attributes)
  return rule.nonResourceURLs?.length ? matchesPath(rule.nonResourceURLs, attributes) : true
}

function matchesPath(urls: readonly string[], { isResourceRequest, path }: Attributes): boolean {
  if (isResourceRequest) return false
  return urls.some((url) => url === path || (url.endsWith('*') && path.startsWith(url.slice(0, -1))))
}

function matchesResource(rule: PolicyRule, attributes: Attributes): boolean {
  const { isResourceRequest, namespace, group, resource, subresource, name } = attributes
  if (!isResourceRequest) return false
  if (rule.namespaces?.length && !rule.namespaces.includes(namespace)) return false
  if (!rule.resources?.length) return true
  const whole = subresource === '' ? resource : `${resource}/${subresource}`
  return rule.resources.some((each) => {
    const { resources = [], resourceNames = [] } = each
    if (each.group !== '*' && (each.group ?? '') !== group) return false
    if (resources.length === 0) return true
    if (resourceNames.length > 0 && !resourceNames.includes(name)) return false
    return resources.some(
      (wanted) =>
        wanted === '*' ||
        wanted === whole ||
        (subresource !== '' && wanted === `*/${subresource}`) ||
        wanted === `${resource}/*`,
    )
  })
}
