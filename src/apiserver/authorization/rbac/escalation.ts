import type {
  ClusterRole,
  ClusterRoleBinding,
  PolicyRule,
  Role,
  RoleBinding,
} from '../../../api/generated/rbac.v1.ts'
import { clusterRoles, roles } from '../../../api/generated/resources.ts'
import { jsonEqual } from '../../../machinery/equal.ts'
import { forbidden, notFound } from '../../../machinery/status-errors.ts'
import type { User } from '../../authentication/authenticator.ts'
import { mastersGroup } from '../../authentication/known-users.ts'
import type { Objects } from '../../objects.ts'
import type { Authorizer } from '../authorizer.ts'
import type { RuleResolver } from '../rule-resolver.ts'
import { compactRules, describeRule, missingRules } from './covers.ts'

const group = 'rbac.authorization.k8s.io'
const fullAuthority: readonly PolicyRule[] = [
  { verbs: ['*'], apiGroups: ['*'], resources: ['*'] },
  { verbs: ['*'], nonResourceURLs: ['*'] },
]

export interface EscalationContext {
  readonly objects: Objects
  readonly authorizer: Authorizer
  readonly rules: RuleResolver
}

/**
 * Nobody gives others rights that he does not have, unless he may `escalate` the role. Throws Forbidden.
 * Source: kubernetes/pkg/registry/rbac/role/policybased, .../clusterrole/policybased.
 */
export async function checkRoleEscalation(
  context: EscalationContext,
  user: User,
  role: Role | ClusterRole,
  previous: Role | ClusterRole | undefined,
  resource: 'roles' | 'clusterroles',
): Promise<void> {
  if (isMaster(user)) return
  if (previous && sameGrants(role, previous)) return
  const { name = '', namespace = '' } = role.metadata ?? {}
  // As upstream: a create has no name yet that rights could be limited to.
  if (await mayUse(context, user, 'escalate', resource, namespace, previous ? name : '')) return
  const aggregates = [role, previous].some((one) => one && 'aggregationRule' in one && one.aggregationRule)
  if (aggregates && escalationFault(context.rules, user, '', fullAuthority) !== undefined) {
    throw forbidden(
      { group, resource },
      name,
      'must have cluster-admin privileges to use the aggregationRule',
    )
  }
  const fault = escalationFault(context.rules, user, namespace, role.rules ?? [])
  if (fault !== undefined) throw forbidden({ group, resource }, name, fault)
}

/**
 * Nobody binds others to a role that has rights he does not have, unless he may `bind` the role. Throws Forbidden, or
 * NotFound when the role is missing. Source: kubernetes/pkg/registry/rbac/rolebinding/policybased.
 */
export async function checkBindingEscalation(
  context: EscalationContext,
  user: User,
  binding: RoleBinding | ClusterRoleBinding,
  previous: RoleBinding | ClusterRoleBinding | undefined,
  resource: 'rolebindings' | 'clusterrolebindings',
): Promise<void> {
  if (isMaster(user)) return
  if (previous && sameBinding(binding, previous)) return
  const { name = '', namespace = '' } = binding.metadata ?? {}
  const { roleRef } = binding
  const roleResource = roleRef.kind === 'ClusterRole' ? 'clusterroles' : 'roles'
  if (await mayUse(context, user, 'bind', roleResource, namespace, roleRef.name)) return
  const role = await findRole(context.objects, roleRef.kind, namespace, roleRef.name)
  const fault = escalationFault(context.rules, user, namespace, role.rules ?? [])
  if (fault !== undefined) throw forbidden({ group, resource }, name, fault)
}

/** Why `user` may not give away `rules`, or undefined. */
export function escalationFault(
  resolver: RuleResolver,
  user: User,
  namespace: string,
  rules: readonly PolicyRule[],
): string | undefined {
  const { rules: owned, errors } = resolver.rulesFor(user, namespace)
  const missing = missingRules(owned, rules)
  if (missing.length === 0) return undefined
  const descriptions = [...new Set(compactRules(missing).map(describeRule))].sort()
  const groups = user.groups.map((one) => JSON.stringify(one)).join(' ')
  return (
    `user ${JSON.stringify(user.name)} (groups=[${groups}]) is attempting to grant RBAC permissions not currently held:\n` +
    descriptions.join('\n') +
    (errors.length > 0 ? `; resolution errors: [${errors.join(' ')}]` : '')
  )
}

function isMaster(user: User): boolean {
  return user.groups.includes(mastersGroup)
}

async function mayUse(
  { authorizer }: EscalationContext,
  user: User,
  verb: 'escalate' | 'bind',
  resource: string,
  namespace: string,
  name: string,
): Promise<boolean> {
  const decision = await authorizer.authorize({
    user,
    verb,
    isResourceRequest: true,
    group,
    version: '*',
    resource,
    subresource: '',
    namespace,
    name,
    path: '',
  })
  return decision.type === 'allow'
}

async function findRole(
  objects: Objects,
  kind: string,
  namespace: string,
  name: string,
): Promise<Role | ClusterRole> {
  const isClusterRole = kind === 'ClusterRole'
  const role = isClusterRole
    ? await objects.getLatest(clusterRoles, { name })
    : await objects.getLatest(roles, { namespace, name })
  if (!role) throw notFound(isClusterRole ? clusterRoles : roles, name)
  return role
}

function sameGrants(role: Role | ClusterRole, previous: Role | ClusterRole): boolean {
  const content = (one: Role | ClusterRole) => [
    one.rules ?? [],
    'aggregationRule' in one ? one.aggregationRule : undefined,
  ]
  return jsonEqual(content(role), content(previous))
}

function sameBinding(
  binding: RoleBinding | ClusterRoleBinding,
  previous: RoleBinding | ClusterRoleBinding,
): boolean {
  return (
    jsonEqual(binding.roleRef, previous.roleRef) && jsonEqual(binding.subjects ?? [], previous.subjects ?? [])
  )
}
