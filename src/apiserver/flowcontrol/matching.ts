import type { FlowSchema, ResourcePolicyRule, Subject } from '../../api/generated/flowcontrol.v1.ts'
import type { User } from '../authentication/authenticator.ts'
import type { RequestInfo } from '../request-info.ts'

/** A flow schema's rules in the form in which they are asked for each request. */
export type Matcher = (info: RequestInfo, user: User) => boolean

type UserMatcher = (user: User) => boolean

/** Source: k8s.io/apiserver/pkg/util/flowcontrol/rule.go. */
export function compileMatcher({ spec }: FlowSchema): Matcher {
  const rules = (spec?.rules ?? []).map(({ subjects, resourceRules = [], nonResourceRules = [] }) => ({
    isSubject: compileSubjects(subjects),
    resources: resourceRules.map(compileResourceRule),
    paths: nonResourceRules.map(({ verbs, nonResourceURLs }) => {
      const verb = oneOf(verbs)
      const urls = nonResourceURLs.map(compileUrl)
      return (info: RequestInfo) => verb(info.verb) && urls.some((matches) => matches(info.path))
    }),
  }))
  return (info, user) => {
    for (const { isSubject, resources, paths } of rules) {
      if (!isSubject(user)) continue
      for (const matches of info.isResourceRequest ? resources : paths) if (matches(info)) return true
    }
    return false
  }
}

function compileSubjects(subjects: readonly Subject[]): UserMatcher {
  const names = new Set<string>()
  const groups = new Set<string>()
  const prefixes: string[] = []
  for (const { kind, user, group, serviceAccount } of subjects) {
    if (kind === 'User' && user) names.add(user.name)
    else if (kind === 'Group' && group) groups.add(group.name)
    else if (kind === 'ServiceAccount' && serviceAccount) {
      const prefix = `system:serviceaccount:${serviceAccount.namespace}:`
      if (serviceAccount.name === '*') prefixes.push(prefix)
      else names.add(prefix + serviceAccount.name)
    }
  }
  if (names.has('*') || groups.has('*')) return () => true
  return (user) => {
    if (names.has(user.name)) return true
    for (const prefix of prefixes) if (user.name.startsWith(prefix)) return true
    if (groups.size > 0) for (const group of user.groups) if (groups.has(group)) return true
    return false
  }
}

function compileResourceRule(rule: ResourcePolicyRule): (info: RequestInfo) => boolean {
  const verb = oneOf(rule.verbs)
  const resource = oneOf(rule.resources)
  const group = oneOf(rule.apiGroups)
  const namespace = oneOf(rule.namespaces ?? [])
  return (info) =>
    verb(info.verb) &&
    resource(info.subresource === '' ? info.resource : `${info.resource}/${info.subresource}`) &&
    group(info.group) &&
    (info.namespace === '' ? rule.clusterScope === true : namespace(info.namespace))
}

/** The wildcard stands alone; among others it is a word like any. */
function oneOf(words: readonly string[]): (word: string) => boolean {
  if (words.length === 1 && words[0] === '*') return () => true
  return words.length === 1 ? (word) => word === words[0] : (word) => words.includes(word)
}

function compileUrl(url: string): (path: string) => boolean {
  if (url === '*') return () => true
  const bare = url.endsWith('*') ? url.slice(0, -1) : url
  const prefix = bare.endsWith('/') ? bare : `${bare}/`
  return (path) => path === url || path.startsWith(prefix)
}

/** In the order in which they are asked. */
export function inMatchingOrder(schemas: readonly FlowSchema[]): readonly FlowSchema[] {
  return schemas.toSorted((a, b) => {
    const difference = (a.spec?.matchingPrecedence ?? 0) - (b.spec?.matchingPrecedence ?? 0)
    if (difference !== 0) return difference
    return (a.metadata?.name ?? '') < (b.metadata?.name ?? '') ? -1 : 1
  })
}
