import type { PolicyRule } from '../../../api/generated/rbac.v1.ts'
import type { FeatureGates } from '../../../machinery/feature-gates.ts'
import type { BootstrapClusterRoleBinding } from './cluster-role-bindings.ts'
import type { BootstrapClusterRole } from './cluster-roles.ts'
import { nodeRulesWith, readTrustBundles } from './node-rules.ts'
import { events, rule } from './policy-rules.ts'

/** What the default policy has more, or other, with features that are not on by default. */
export interface FeaturePolicy {
  readonly clusterRoles: Readonly<Record<string, BootstrapClusterRole>>
  readonly clusterRoleBindings: Readonly<Record<string, BootstrapClusterRoleBinding>>
  readonly controllerRules: Readonly<Record<string, readonly PolicyRule[]>>
}

/** Source: kubernetes/plugin/pkg/auth/authorizer/rbac/bootstrappolicy. */
export function featurePolicy(gates: FeatureGates): FeaturePolicy {
  if (!gates.ClusterTrustBundle) return { clusterRoles: {}, clusterRoleBindings: {}, controllerRules: {} }
  return {
    clusterRoles: {
      'system:node': { rules: nodeRulesWith(gates) },
      'system:cluster-trust-bundle-discovery': { rules: [readTrustBundles] },
    },
    clusterRoleBindings: {
      'system:cluster-trust-bundle-discovery': { groups: ['system:serviceaccounts'] },
    },
    controllerRules: {
      'kube-apiserver-serving-clustertrustbundle-publisher': [
        rule('attest', 'certificates.k8s.io', 'signers', 'kubernetes.io/kube-apiserver-serving'),
        rule('create update delete list watch', 'certificates.k8s.io', 'clustertrustbundles'),
        events,
      ],
    },
  }
}
