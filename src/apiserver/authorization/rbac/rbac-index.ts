import type {
  ClusterRole,
  ClusterRoleBinding,
  PolicyRule,
  Role,
  RoleBinding,
  RoleRef,
  Subject,
} from '../../../api/generated/rbac.v1.ts'
import { clusterRoleBindings, clusterRoles, roleBindings, roles } from '../../../api/generated/resources.ts'
import { keyOf } from '../../../machinery/resource.ts'
import type { User } from '../../authentication/authenticator.ts'
import { serviceAccountUsername } from '../../authentication/known-users.ts'
import type { Objects } from '../../objects.ts'

/** One subject's share of a binding. */
export interface Grant {
  readonly subject: Subject
  readonly binding: ClusterRoleBinding | RoleBinding
  /** `''` for a ClusterRoleBinding. */
  readonly namespace: string
}

/** The roles and bindings, found by who they are for; kept up to date change by change. */
export interface RbacIndex {
  /** The grants to this user or to a group of his that hold in every namespace. */
  clusterGrants(user: User): Iterable<Grant>
  /** Those that hold in one namespace only. */
  namespaceGrants(user: User, namespace: string): Iterable<Grant>
  /** Undefined when the role is missing. */
  rulesOf(roleRef: RoleRef, namespace: string): readonly PolicyRule[] | undefined
  close(): void
}

/** By the subject (`u:jane`, `g:system:masters`), then by the binding's key. */
type GrantsBySubject = Map<string, Map<string, Grant>>

export function createRbacIndex(objects: Objects): RbacIndex {
  const clusterGrants: GrantsBySubject = new Map()
  const namespaceGrants = new Map<string, GrantsBySubject>()
  const clusterRoleRules = new Map<string, readonly PolicyRule[]>()
  const roleRules = new Map<string, readonly PolicyRule[]>()

  const grantsOf = (namespace: string): GrantsBySubject => {
    if (namespace === '') return clusterGrants
    let grants = namespaceGrants.get(namespace)
    if (!grants) namespaceGrants.set(namespace, (grants = new Map()))
    return grants
  }

  function remove(binding: ClusterRoleBinding | RoleBinding): void {
    const namespace = binding.metadata?.namespace ?? ''
    const grants = grantsOf(namespace)
    for (const subject of binding.subjects ?? []) {
      const subjectKey = keyOfSubject(subject, namespace)
      const bySubject = subjectKey === undefined ? undefined : grants.get(subjectKey)
      bySubject?.delete(keyOf(binding))
      if (bySubject?.size === 0) grants.delete(subjectKey!)
    }
    if (grants.size === 0) namespaceGrants.delete(namespace)
  }

  function add(binding: ClusterRoleBinding | RoleBinding): void {
    const namespace = binding.metadata?.namespace ?? ''
    const grants = grantsOf(namespace)
    for (const subject of binding.subjects ?? []) {
      const subjectKey = keyOfSubject(subject, namespace)
      if (subjectKey === undefined) continue
      let bySubject = grants.get(subjectKey)
      if (!bySubject) grants.set(subjectKey, (bySubject = new Map()))
      bySubject.set(keyOf(binding), { subject, binding, namespace })
    }
  }

  const onBinding = (change: BindingChange): void => {
    const gone = change.type === 'deleted' ? change.object : change.previous
    if (gone) remove(gone)
    if (change.type === 'set') add(change.object)
  }
  const onRole =
    (rules: Map<string, readonly PolicyRule[]>) =>
    (change: { readonly type: 'set' | 'deleted'; readonly object: Role | ClusterRole }): void => {
      if (change.type === 'deleted') rules.delete(keyOf(change.object))
      else rules.set(keyOf(change.object), change.object.rules ?? [])
    }

  const unsubscribe = [
    objects.onChange(clusterRoles, onRole(clusterRoleRules)),
    objects.onChange(roles, onRole(roleRules)),
    objects.onChange(clusterRoleBindings, onBinding),
    objects.onChange(roleBindings, onBinding),
  ]

  return {
    clusterGrants: (user) => grantsTo(user, clusterGrants),
    namespaceGrants(user, namespace) {
      const grants = namespaceGrants.get(namespace)
      return grants ? grantsTo(user, grants) : []
    },
    rulesOf({ kind, name }, namespace) {
      return kind === 'ClusterRole' ? clusterRoleRules.get(name) : roleRules.get(`${namespace}/${name}`)
    },
    close() {
      for (const one of unsubscribe) one()
    },
  }
}

type BindingChange =
  | {
      readonly type: 'set'
      readonly object: ClusterRoleBinding | RoleBinding
      readonly previous?: ClusterRoleBinding | RoleBinding
    }
  | { readonly type: 'deleted'; readonly object: ClusterRoleBinding | RoleBinding }

function* grantsTo(user: User, grants: GrantsBySubject): Generator<Grant> {
  const toUser = grants.get(`u:${user.name}`)
  if (toUser) yield* toUser.values()
  for (const group of user.groups) {
    const toGroup = grants.get(`g:${group}`)
    if (toGroup) yield* toGroup.values()
  }
}

/** A service account is the user of its name. Undefined for a subject that matches nobody. */
function keyOfSubject(subject: Subject, bindingNamespace: string): string | undefined {
  switch (subject.kind) {
    case 'User':
      return `u:${subject.name}`
    case 'Group':
      return `g:${subject.name}`
    case 'ServiceAccount': {
      const namespace = subject.namespace || bindingNamespace
      return namespace === '' ? undefined : `u:${serviceAccountUsername(namespace, subject.name)}`
    }
    default:
      return undefined
  }
}
