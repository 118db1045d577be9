import type { PolicyRule } from '../../../api/generated/rbac.v1.ts'

/*
 * Short forms for writing rules as data. Words are separated by spaces; `core` is the group without a name.
 */

/** `rule('get list', 'core apps', 'pods deployments')`, optionally limited to objects of these names. */
export function rule(verbs: string, groups: string, resources: string, names = ''): PolicyRule {
  return {
    verbs: words(verbs),
    apiGroups: words(groups).map((group) => (group === 'core' ? '' : group)),
    resources: words(resources),
    ...(names !== '' && { resourceNames: words(names) }),
  }
}

/** `urls('get', '/healthz /livez')`. */
export function urls(verbs: string, paths: string): PolicyRule {
  return { verbs: words(verbs), nonResourceURLs: words(paths) }
}

/** In order, as upstream's helpers leave them. */
function words(text: string): readonly string[] {
  return text.split(' ').sort()
}

export const read = 'get list watch'
export const write = 'create update patch delete deletecollection'
export const readWrite = `${read} ${write}`
export const readUpdate = `${read} update patch`

/** What everybody who records events needs. */
export const events = rule('create update patch', 'core events.k8s.io', 'events')
