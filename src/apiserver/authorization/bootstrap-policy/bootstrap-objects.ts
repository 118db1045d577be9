import type {
  ClusterRole,
  ClusterRoleBinding,
  PolicyRule,
  Role,
  RoleBinding,
  RoleRef,
  Subject,
} from '../../../api/generated/rbac.v1.ts'
import { bootstrapClusterRoleBindings, type BootstrapClusterRoleBinding } from './cluster-role-bindings.ts'
import { defaultFeatureGates, type FeatureGates } from '../../../machinery/feature-gates.ts'
import { bootstrapClusterRoles } from './cluster-roles.ts'
import { controllerRules } from './controller-roles.ts'
import { featurePolicy } from './feature-policy.ts'
import { bootstrapRoles } from './namespace-roles.ts'

const apiGroup = 'rbac.authorization.k8s.io'
const apiVersion = `${apiGroup}/v1`
const labels = { 'kubernetes.io/bootstrapping': 'rbac-defaults' }
export const autoUpdateAnnotation = 'rbac.authorization.kubernetes.io/autoupdate'
const annotations = { [autoUpdateAnnotation]: 'true' }

/** Everything that rights begin with in a new cluster. */
export interface BootstrapObjects {
  readonly clusterRoles: readonly ClusterRole[]
  readonly clusterRoleBindings: readonly ClusterRoleBinding[]
  readonly roles: readonly Role[]
  readonly roleBindings: readonly RoleBinding[]
}

export function bootstrapObjects(gates: FeatureGates = defaultFeatureGates): BootstrapObjects {
  const added = featurePolicy(gates)
  const ofControllers = { ...controllerRules, ...added.controllerRules }
  return {
    clusterRoles: [
      ...Object.entries({ ...bootstrapClusterRoles, ...added.clusterRoles }).map(
        ([name, { rules, aggregates, aggregateTo }]) =>
          clusterRole(name, rules ?? [], aggregates, aggregateTo),
      ),
      ...Object.entries(ofControllers).map(([name, rules]) => clusterRole(controllerRoleName(name), rules)),
    ],
    clusterRoleBindings: [
      ...Object.entries({ ...bootstrapClusterRoleBindings, ...added.clusterRoleBindings }).map(
        ([name, who]) => clusterRoleBinding(name, who),
      ),
      ...Object.keys(ofControllers).map((name) =>
        clusterRoleBinding(controllerRoleName(name), { serviceAccounts: [name] }),
      ),
    ],
    roles: bootstrapRoles.map(({ namespace, name, rules }) => ({
      apiVersion,
      kind: 'Role',
      metadata: { name, namespace, labels, annotations },
      rules,
    })),
    roleBindings: bootstrapRoles.map((role) => ({
      apiVersion,
      kind: 'RoleBinding',
      metadata: { name: role.bindingName ?? role.name, namespace: role.namespace, labels, annotations },
      subjects: subjectsOf(role),
      roleRef: { apiGroup, kind: 'Role', name: role.name } satisfies RoleRef,
    })),
  }
}

function controllerRoleName(name: string): string {
  return `system:controller:${name}`
}

function clusterRole(
  name: string,
  rules: readonly PolicyRule[],
  aggregates?: string,
  aggregateTo?: string,
): ClusterRole {
  const aggregationLabel = (role: string) => ({ [`${apiGroup}/aggregate-to-${role}`]: 'true' })
  return {
    apiVersion,
    kind: 'ClusterRole',
    metadata: { name, labels: { ...labels, ...(aggregateTo && aggregationLabel(aggregateTo)) }, annotations },
    ...(aggregates && {
      aggregationRule: { clusterRoleSelectors: [{ matchLabels: aggregationLabel(aggregates) }] },
    }),
    ...(!aggregates && { rules }),
  }
}

function clusterRoleBinding(name: string, who: BootstrapClusterRoleBinding): ClusterRoleBinding {
  const subjects = subjectsOf(who)
  return {
    apiVersion,
    kind: 'ClusterRoleBinding',
    metadata: { name, labels, annotations },
    ...(subjects.length > 0 && { subjects }),
    roleRef: { apiGroup, kind: 'ClusterRole', name },
  }
}

function subjectsOf({
  groups = [],
  users = [],
  serviceAccounts = [],
}: BootstrapClusterRoleBinding): Subject[] {
  return [
    ...groups.map((name) => ({ kind: 'Group', apiGroup, name })),
    ...users.map((name) => ({ kind: 'User', apiGroup, name })),
    ...serviceAccounts.map((name) => ({ kind: 'ServiceAccount', name, namespace: 'kube-system' })),
  ]
}
