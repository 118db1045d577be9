import type { ClusterRole, ClusterRoleBinding, PolicyRule, RoleBinding } from '../../api/generated/rbac.v1.ts'
import { nodeComponentGroup, type NodeComponent } from '../../api/node/node-components.ts'
import { proxyConfigurationName } from './join-addon.ts'

/*
 * What the components of nodes may do beside what the Node authoriser lets kubelets do: no more than upstream's add-ons
 * of the same names may on every node. What a node's provisioner may write, the admission check node-volumes.ts limits
 * further, to volumes on that node.
 */

const apiGroup = 'rbac.authorization.k8s.io'

const events: PolicyRule = {
  apiGroups: ['', 'events.k8s.io'],
  resources: ['events'],
  verbs: ['create', 'patch', 'update'],
}

/** Without pods: a node sees its own only, and names of Services need none. */
const nameServer: readonly PolicyRule[] = [
  { apiGroups: [''], resources: ['services', 'namespaces'], verbs: ['get', 'list', 'watch'] },
  { apiGroups: ['discovery.k8s.io'], resources: ['endpointslices'], verbs: ['get', 'list', 'watch'] },
]

const provisioner: readonly PolicyRule[] = [
  { apiGroups: [''], resources: ['persistentvolumeclaims'], verbs: ['get', 'list', 'watch'] },
  {
    apiGroups: [''],
    resources: ['persistentvolumes'],
    verbs: ['get', 'list', 'watch', 'create', 'update', 'delete'],
  },
  { apiGroups: ['storage.k8s.io'], resources: ['storageclasses'], verbs: ['get'] },
  events,
]

export const nodeComponentRoles: readonly ClusterRole[] = [
  roleOf('coredns', nameServer),
  roleOf('local-path-provisioner', provisioner),
]

export const nodeComponentBindings: readonly ClusterRoleBinding[] = [
  bindingOf('kube-proxy', 'system:node-proxier'),
  bindingOf('coredns', nodeComponentGroup('coredns')),
  bindingOf('local-path-provisioner', nodeComponentGroup('local-path-provisioner')),
]

/** Proxies on nodes read the addresses of pods where kubeadm keeps them. */
export const proxyConfigurationOnNodes: RoleBinding = {
  apiVersion: `${apiGroup}/v1`,
  kind: 'RoleBinding',
  metadata: { namespace: proxyConfigurationName.namespace, name: nodeComponentGroup('kube-proxy') },
  roleRef: { apiGroup, kind: 'Role', name: proxyConfigurationName.name },
  subjects: [{ apiGroup, kind: 'Group', name: nodeComponentGroup('kube-proxy') }],
}

function roleOf(component: NodeComponent, rules: readonly PolicyRule[]): ClusterRole {
  return {
    apiVersion: `${apiGroup}/v1`,
    kind: 'ClusterRole',
    metadata: { name: nodeComponentGroup(component) },
    rules,
  }
}

function bindingOf(component: NodeComponent, role: string): ClusterRoleBinding {
  const group = nodeComponentGroup(component)
  return {
    apiVersion: `${apiGroup}/v1`,
    kind: 'ClusterRoleBinding',
    metadata: { name: group },
    roleRef: { apiGroup, kind: 'ClusterRole', name: role },
    subjects: [{ apiGroup, kind: 'Group', name: group }],
  }
}
