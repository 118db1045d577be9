/** Who is bound to the cluster roles of cluster-roles.ts; each binding is called like its role. */
export interface BootstrapClusterRoleBinding {
  readonly groups?: readonly string[]
  readonly users?: readonly string[]
  /** In kube-system. */
  readonly serviceAccounts?: readonly string[]
}

/** Source: kubernetes/plugin/pkg/auth/authorizer/rbac/bootstrappolicy/policy.go. */
export const bootstrapClusterRoleBindings: Readonly<Record<string, BootstrapClusterRoleBinding>> = {
  'cluster-admin': { groups: ['system:masters'] },
  'system:monitoring': { groups: ['system:monitoring'] },
  'system:discovery': { groups: ['system:authenticated'] },
  'system:basic-user': { groups: ['system:authenticated'] },
  'system:public-info-viewer': { groups: ['system:authenticated', 'system:unauthenticated'] },
  'system:node-proxier': { users: ['system:kube-proxy'] },
  'system:kube-controller-manager': { users: ['system:kube-controller-manager'] },
  'system:kube-dns': { serviceAccounts: ['kube-dns'] },
  'system:kube-scheduler': { users: ['system:kube-scheduler'] },
  'system:volume-scheduler': { users: ['system:kube-scheduler'] },
  'system:service-account-issuer-discovery': { groups: ['system:serviceaccounts'] },
  // Nobody: nodes have the Node authoriser. The binding is there for clusters that add a subject.
  'system:node': {},
}
