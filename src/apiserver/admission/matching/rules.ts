import type { RuleWithOperations } from '../../../api/generated/admissionregistration.v1.ts'
import type { Resource } from '../../../machinery/resource.ts'
import type { AdmissionRequest } from '../plugin.ts'

/** A version of the requested resource. */
export type VersionedResource = Pick<Resource, 'group' | 'version' | 'resource'>

/** Whether a rule means a request, taken as one for `resource`. Source: as exempt.ts. */
export function matchesRule(
  { operations = [], apiGroups = [], apiVersions = [], resources = [], scope = '*' }: RuleWithOperations,
  { operation, subresource, namespace }: AdmissionRequest,
  resource: VersionedResource,
): boolean {
  return (
    matchesScope(scope, resource, namespace) &&
    includes(operations, operation) &&
    includes(apiGroups, resource.group) &&
    includes(apiVersions, resource.version) &&
    resources.some((wanted) => matchesResource(wanted, resource.resource, subresource))
  )
}

function includes(wanted: readonly string[], found: string): boolean {
  return wanted.includes('*') || wanted.includes(found)
}

function matchesScope(scope: string, { group, resource }: VersionedResource, namespace: string): boolean {
  if (scope === '*') return true
  // Requests for a namespace count as in it, but it is in none.
  const isInNamespace = namespace !== '' && !(group === '' && resource === 'namespaces')
  return scope === 'Namespaced' ? isInNamespace : scope === 'Cluster' && !isInNamespace
}

function matchesResource(wanted: string, resource: string, subresource: string): boolean {
  const slash = wanted.indexOf('/')
  const name = slash < 0 ? wanted : wanted.slice(0, slash)
  const part = slash < 0 ? '' : wanted.slice(slash + 1)
  return (name === '*' || name === resource) && (part === '*' || part === subresource)
}
