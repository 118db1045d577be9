import type {
  ClusterRole,
  ClusterRoleBinding,
  PolicyRule,
  Role,
  RoleBinding,
} from '../../../api/generated/rbac.v1.ts'
import { clusterRoles, roles } from '../../../api/generated/resources.ts'
import { forbidden, notFound } from '../../../machinery/status-errors.ts'
import type { User } from '../../authentication/authenticator.ts'
import { mastersGroup } from '../../authentication/known-users.ts'
import type { Objects } from '../../objects.ts'
import { changesOwnershipOnly } from '../../registry/ownership-change.ts'
import type { Authorizer } from '../authorizer.ts'
import { aggregateMessages, type RuleResolver } from '../rule-resolver.ts'
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
  { isUpsert = false }: { readonly isUpsert?: boolean | undefined } = {},
): Promise<void> {
  if (isMaster(user)) return
  if (previous && changesOwnershipOnly(role, previous)) return
  const { name = '', namespace = '' } = role.metadata ?? {}
  // As upstream: a create has no name yet that rights could be limited to, unless its path has.
  if (await mayUse(context, user, 'escalate', resource, namespace, previous || isUpsert ? name : '')) return
  const fault = escalationFault(context.rules, user, namespace, role.rules ?? [])
  if (fault !== undefined) throw forbidden({ group, resource }, name, fault)
  if (!aggregates(role) && !aggregates(previous)) return
  if (escalationFault(context.rules, user, '', fullAuthority) === undefined) return
  throw forbidden({ group, resource }, name, 'must have cluster-admin privileges to use the aggregationRule')
}

/** Whoever sets an aggregation rule, or could keep one from being tightened, gathers rights of any kind. */
function aggregates(role: Role | ClusterRole | undefined): boolean {
  const rule = role && 'aggregationRule' in role ? role.aggregationRule : undefined
  return (rule?.clusterRoleSelectors ?? []).length > 0
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
  if (previous && changesOwnershipOnly(binding, previous)) return
  const { name = '', namespace = '' } = binding.metadata ?? {}
  const { roleRef } = binding
  const roleResource = roleRef.kind === 'ClusterRole' ? 'clusterroles' : 'roles'
  if (await mayUse(context, user, 'bind', roleResource, namespace, roleRef.name)) return
  const role = await findRole(context.objects, roleRef.kind, namespace, roleRef.name)
  const fault = escalationFault(context.rules, user, namespace, role.rules ?? [])
  if (fault !== undefined) throw forbidden({ group, resource }, name, fault)
}

/** Why `user` may not give away `rules`, or undefined. */
function escalationFault(
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
    (errors.length > 0 ? `; resolution errors: [${aggregateMessages(errors)}]` : '')
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
