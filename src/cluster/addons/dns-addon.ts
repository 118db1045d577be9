import type { ConfigMap, Service, ServiceAccount } from '../../api/generated/core.v1.ts'
import type { ClusterRole, ClusterRoleBinding, Role, RoleBinding } from '../../api/generated/rbac.v1.ts'
import { nodeComponentGroup } from '../../api/node/node-components.ts'
import { corefileConfigMap, corefileKey, defaultCorefile } from '../../dns/default-corefile.ts'

const dnsLabels = {
  'k8s-app': 'kube-dns',
  'kubernetes.io/cluster-service': 'true',
  'kubernetes.io/name': 'CoreDNS',
}

/** The Service that pods ask for names: its address is in every pod's resolv.conf. As kubeadm makes it. */
export function dnsService(address: string): Service {
  return {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: {
      name: 'kube-dns',
      namespace: 'kube-system',
      labels: dnsLabels,
      annotations: { 'prometheus.io/port': '9153', 'prometheus.io/scrape': 'true' },
    },
    spec: {
      selector: { 'k8s-app': 'kube-dns' },
      clusterIP: address,
      ports: [
        { name: 'dns', port: 53, protocol: 'UDP', targetPort: 53 },
        { name: 'dns-tcp', port: 53, protocol: 'TCP', targetPort: 53 },
        { name: 'metrics', port: 9153, protocol: 'TCP', targetPort: 9153 },
      ],
    },
  }
}

/** Who cluster DNS is, and what it may read. As kubeadm makes them. */
export const dnsServiceAccount: ServiceAccount = {
  apiVersion: 'v1',
  kind: 'ServiceAccount',
  metadata: { name: 'coredns', namespace: 'kube-system' },
}

export const dnsRole: ClusterRole = {
  apiVersion: 'rbac.authorization.k8s.io/v1',
  kind: 'ClusterRole',
  metadata: { name: 'system:coredns' },
  rules: [
    {
      apiGroups: [''],
      resources: ['endpoints', 'services', 'pods', 'namespaces'],
      verbs: ['get', 'list', 'watch'],
    },
    { apiGroups: ['discovery.k8s.io'], resources: ['endpointslices'], verbs: ['get', 'list', 'watch'] },
  ],
}

export const dnsRoleBinding: ClusterRoleBinding = {
  apiVersion: 'rbac.authorization.k8s.io/v1',
  kind: 'ClusterRoleBinding',
  metadata: { name: 'system:coredns' },
  roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'system:coredns' },
  subjects: [{ kind: 'ServiceAccount', name: 'coredns', namespace: 'kube-system' }],
}

/** What cluster DNS does; who changes it changes that. */
export function dnsConfiguration(clusterDomain: string): ConfigMap {
  return {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: corefileConfigMap,
    data: { [corefileKey]: defaultCorefile(clusterDomain) },
  }
}

/** kubeadm mounts the ConfigMap into CoreDNS's pod; here cluster DNS reads it. */
export const dnsConfigurationReader: Role = {
  apiVersion: 'rbac.authorization.k8s.io/v1',
  kind: 'Role',
  metadata: { name: 'system:coredns', namespace: corefileConfigMap.namespace },
  rules: [
    {
      apiGroups: [''],
      resources: ['configmaps'],
      resourceNames: [corefileConfigMap.name],
      verbs: ['get', 'list', 'watch'],
    },
  ],
}

export const dnsConfigurationReaders: RoleBinding = {
  apiVersion: 'rbac.authorization.k8s.io/v1',
  kind: 'RoleBinding',
  metadata: { name: 'system:coredns', namespace: corefileConfigMap.namespace },
  roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'Role', name: 'system:coredns' },
  subjects: [
    { kind: 'ServiceAccount', name: 'coredns', namespace: 'kube-system' },
    { apiGroup: 'rbac.authorization.k8s.io', kind: 'Group', name: nodeComponentGroup('coredns') },
  ],
}
