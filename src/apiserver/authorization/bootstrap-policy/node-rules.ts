import type { PolicyRule } from '../../../api/generated/rbac.v1.ts'
import type { FeatureGates } from '../../../machinery/feature-gates.ts'
import { events, read, rule } from './policy-rules.ts'

/** What every kubelet may do, before the Node authoriser looks at pods. Also the cluster role system:node. */
export const nodeRules: readonly PolicyRule[] = [
  rule('create', 'authentication.k8s.io', 'tokenreviews'),
  rule('create', 'authorization.k8s.io', 'subjectaccessreviews localsubjectaccessreviews'),
  rule(read, 'core', 'services'),
  rule(`create ${read}`, 'core', 'nodes'),
  rule('update patch', 'core', 'nodes/status'),
  rule('update patch', 'core', 'nodes'),
  events,
  rule(read, 'core', 'pods'),
  rule('create delete', 'core', 'pods'),
  rule('update patch', 'core', 'pods/status'),
  rule('create', 'core', 'pods/eviction'),
  rule(read, 'core', 'secrets configmaps'),
  rule('get', 'core', 'persistentvolumeclaims persistentvolumes'),
  rule('get', 'core', 'endpoints'),
  rule(`create ${read}`, 'certificates.k8s.io', 'certificatesigningrequests'),
  rule('get create update patch delete', 'coordination.k8s.io', 'leases'),
  rule('get', 'storage.k8s.io', 'volumeattachments'),
  rule('create', 'core', 'serviceaccounts/token'),
  rule('get update patch', 'core', 'persistentvolumeclaims/status'),
  rule(read, 'storage.k8s.io', 'csidrivers'),
  rule('get create update patch delete', 'storage.k8s.io', 'csinodes'),
  rule(read, 'node.k8s.io', 'runtimeclasses'),
  rule('get', 'resource.k8s.io', 'resourceclaims'),
  rule('deletecollection', 'resource.k8s.io', 'resourceslices'),
  rule('get', 'core', 'serviceaccounts'),
]

/** The same with what comes with features. */
export function nodeRulesWith({ ClusterTrustBundle }: FeatureGates): readonly PolicyRule[] {
  return ClusterTrustBundle
    ? [...nodeRules.slice(0, -1), readTrustBundles, ...nodeRules.slice(-1)]
    : nodeRules
}

export const readTrustBundles = rule(read, 'certificates.k8s.io', 'clustertrustbundles')
