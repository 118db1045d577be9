import type { ConfigMap } from '../../api/generated/core.v1.ts'
import type { ClusterRole, ClusterRoleBinding, Role, RoleBinding } from '../../api/generated/rbac.v1.ts'

/*
 * What lets machines join by a bootstrap token, as kubeadm makes it: they find the cluster's address and authority, which
 * the bootstrap signer signs with each token, and ask for a kubelet's certificate, which is approved at once.
 */

const group = 'rbac.authorization.k8s.io'
const clusterInfoRole = 'kubeadm:bootstrap-signer-clusterinfo'
const namespace = 'kube-public'
/** The group that kubeadm's tokens name in auth-extra-groups. */
const joiningNodes = 'system:bootstrappers:kubeadm:default-node-token'

export function clusterInfo(server: string, authorityPem: string): ConfigMap {
  const cluster = { 'certificate-authority-data': Buffer.from(authorityPem).toString('base64'), server }
  const kubeconfig = {
    apiVersion: 'v1',
    clusters: [{ cluster, name: '' }],
    contexts: null,
    'current-context': '',
    kind: 'Config',
    preferences: {},
    users: null,
  }
  // JSON is YAML.
  const text = `${JSON.stringify(kubeconfig, null, 2)}\n`
  return {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name: 'cluster-info', namespace },
    data: { kubeconfig: text },
  }
}

export const clusterInfoReader: Role = {
  apiVersion: `${group}/v1`,
  kind: 'Role',
  metadata: { name: clusterInfoRole, namespace },
  rules: [{ apiGroups: [''], resources: ['configmaps'], resourceNames: ['cluster-info'], verbs: ['get'] }],
}

/** Who joins knows nothing yet to prove who it is by. */
export const clusterInfoReaders: RoleBinding = {
  apiVersion: `${group}/v1`,
  kind: 'RoleBinding',
  metadata: { name: clusterInfoRole, namespace },
  roleRef: { apiGroup: group, kind: 'Role', name: clusterInfoRole },
  subjects: [{ apiGroup: group, kind: 'User', name: 'system:anonymous' }],
}

export const joinBindings: readonly ClusterRoleBinding[] = [
  bindingOf('kubeadm:kubelet-bootstrap', 'system:node-bootstrapper', joiningNodes),
  bindingOf(
    'kubeadm:node-autoapprove-bootstrap',
    'system:certificates.k8s.io:certificatesigningrequests:nodeclient',
    joiningNodes,
  ),
  bindingOf(
    'kubeadm:node-autoapprove-certificate-rotation',
    'system:certificates.k8s.io:certificatesigningrequests:selfnodeclient',
    'system:nodes',
  ),
]

const approver = 'k8ts:node-requests-approver'

/** The approver of what nodes ask for beside their client certificates is not upstream's: it has a role of its own. */
export const approverRole: ClusterRole = {
  apiVersion: `${group}/v1`,
  kind: 'ClusterRole',
  metadata: { name: approver },
  rules: [
    {
      apiGroups: ['certificates.k8s.io'],
      resources: ['certificatesigningrequests'],
      verbs: ['get', 'list', 'watch'],
    },
    {
      apiGroups: ['certificates.k8s.io'],
      resources: ['certificatesigningrequests/approval'],
      verbs: ['update'],
    },
    {
      apiGroups: ['certificates.k8s.io'],
      resources: ['signers'],
      resourceNames: ['kubernetes.io/kubelet-serving', 'kubernetes.io/kube-apiserver-client'],
      verbs: ['approve'],
    },
  ],
}

export const approverBinding: ClusterRoleBinding = {
  apiVersion: `${group}/v1`,
  kind: 'ClusterRoleBinding',
  metadata: { name: approver },
  roleRef: { apiGroup: group, kind: 'ClusterRole', name: approver },
  subjects: [{ kind: 'ServiceAccount', name: 'node-requests-approver', namespace: 'kube-system' }],
}

/** Where kubeadm keeps it: joining nodes read the addresses of pods in it. */
export const proxyConfigurationName = { namespace: 'kube-system', name: 'kube-proxy' } as const

export function proxyConfiguration(clusterCIDR: string): ConfigMap {
  const configuration = {
    apiVersion: 'kubeproxy.config.k8s.io/v1alpha1',
    kind: 'KubeProxyConfiguration',
    clusterCIDR,
    mode: 'nftables',
  }
  return {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { ...proxyConfigurationName, labels: { app: 'kube-proxy' } },
    data: { 'config.conf': `${JSON.stringify(configuration, null, 2)}\n` },
  }
}

export const proxyConfigurationReader: Role = {
  apiVersion: `${group}/v1`,
  kind: 'Role',
  metadata: proxyConfigurationName,
  rules: [{ apiGroups: [''], resources: ['configmaps'], resourceNames: ['kube-proxy'], verbs: ['get'] }],
}

export const proxyConfigurationReaders: RoleBinding = {
  apiVersion: `${group}/v1`,
  kind: 'RoleBinding',
  metadata: proxyConfigurationName,
  roleRef: { apiGroup: group, kind: 'Role', name: proxyConfigurationName.name },
  subjects: [
    { apiGroup: group, kind: 'Group', name: joiningNodes },
    { apiGroup: group, kind: 'User', name: 'system:kube-proxy' },
  ],
}

function bindingOf(name: string, role: string, groupName: string): ClusterRoleBinding {
  return {
    apiVersion: `${group}/v1`,
    kind: 'ClusterRoleBinding',
    metadata: { name },
    roleRef: { apiGroup: group, kind: 'ClusterRole', name: role },
    subjects: [{ apiGroup: group, kind: 'Group', name: groupName }],
  }
}
