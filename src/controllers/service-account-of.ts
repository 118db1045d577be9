/** Those whose account is not called like the controller itself. */
const accounts: Readonly<Record<string, string>> = {
  'bootstrap-signer': 'bootstrap-signer',
  csrapproving: 'certificate-controller',
  csrcleaner: 'certificate-controller',
  csrsigning: 'certificate-controller',
  daemonset: 'daemon-set-controller',
  'disruption-stale-pod': 'disruption-controller',
  'garbage-collector': 'generic-garbage-collector',
  'horizontal-pod-autoscaler': 'horizontal-pod-autoscaler',
  'job-orphan-pod': 'job-controller',
  'kube-apiserver-serving-clustertrustbundle-publisher':
    'kube-apiserver-serving-clustertrustbundle-publisher',
  'legacy-serviceaccount-token-cleaner': 'legacy-service-account-token-cleaner',
  'node-ipam': 'node-controller',
  'node-requests-approving': 'node-requests-approver',
  'node-lifecycle': 'node-controller',
  'persistentvolume-binder': 'persistent-volume-binder',
  'pod-garbage-collector': 'pod-garbage-collector',
  'pod-garbage-collector-terminated': 'pod-garbage-collector',
  replicationcontroller: 'replication-controller',
  'root-ca-cert-publisher': 'root-ca-cert-publisher',
  serviceaccount: 'service-account-controller',
  'taint-eviction-controller': 'node-controller',
  'token-cleaner': 'token-cleaner',
}

/**
 * The service account in kube-system as which a controller acts, and which the bootstrap roles give what it needs.
 * Source: kubernetes/cmd/kube-controller-manager, --use-service-account-credentials.
 */
export function serviceAccountOf(controller: string): string {
  return accounts[controller] ?? `${controller}-controller`
}
