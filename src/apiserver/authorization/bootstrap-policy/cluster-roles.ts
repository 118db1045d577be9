import type { PolicyRule } from '../../../api/generated/rbac.v1.ts'
import { nodeRules } from './node-rules.ts'
import { events, read, readUpdate, readWrite, rule, urls, write } from './policy-rules.ts'

/** A role that every cluster has. */
export interface BootstrapClusterRole {
  readonly rules?: readonly PolicyRule[]
  /** Rules are gathered, by a controller, from the roles labelled `aggregate-to-<this>`. */
  readonly aggregates?: string
  /** Is gathered into the role of this name. */
  readonly aggregateTo?: string
}

const workloads =
  'statefulsets statefulsets/scale daemonsets deployments deployments/scale deployments/rollback ' +
  'replicasets replicasets/scale'
const legacyWorkloads =
  'daemonsets deployments deployments/scale deployments/rollback ingresses replicasets replicasets/scale ' +
  'replicationcontrollers/scale networkpolicies'
const delegatedChecks = [
  rule('create', 'authentication.k8s.io', 'tokenreviews'),
  rule('create', 'authorization.k8s.io', 'subjectaccessreviews'),
]
const signerApprover = (name: string): BootstrapClusterRole => ({
  rules: [rule('approve', 'certificates.k8s.io', 'signers', `kubernetes.io/${name}`)],
})

/**
 * Upstream's default cluster roles for v1.36 with its default features, without those of controllers.
 * Source: kubernetes/plugin/pkg/auth/authorizer/rbac/bootstrappolicy/policy.go.
 */
export const bootstrapClusterRoles: Readonly<Record<string, BootstrapClusterRole>> = {
  'cluster-admin': { rules: [rule('*', '*', '*'), urls('*', '*')] },
  'system:discovery': {
    rules: [
      urls('get', '/livez /readyz /healthz /version /version/ /openapi /openapi/* /api /api/* /apis /apis/*'),
    ],
  },
  'system:monitoring': {
    rules: [
      urls('get', '/metrics /metrics/slis /livez /readyz /healthz /livez/* /readyz/* /healthz/*'),
      rule('get', 'core', 'nodes/metrics'),
      urls('get', '/flagz'),
      urls('get', '/statusz'),
    ],
  },
  'system:basic-user': {
    rules: [
      rule('create', 'authorization.k8s.io', 'selfsubjectaccessreviews selfsubjectrulesreviews'),
      rule('create', 'authentication.k8s.io', 'selfsubjectreviews'),
    ],
  },
  'system:public-info-viewer': {
    rules: [urls('get', '/livez /readyz /healthz /version /version/')],
  },

  admin: { aggregates: 'admin' },
  edit: { aggregates: 'edit', aggregateTo: 'admin' },
  view: { aggregates: 'view', aggregateTo: 'edit' },
  'system:aggregate-to-admin': {
    aggregateTo: 'admin',
    rules: [
      rule('create', 'authorization.k8s.io', 'localsubjectaccessreviews'),
      rule(readWrite, 'rbac.authorization.k8s.io', 'roles rolebindings'),
    ],
  },
  'system:aggregate-to-edit': {
    aggregateTo: 'edit',
    rules: [
      rule(read, 'core', 'pods/attach pods/proxy pods/exec pods/portforward secrets services/proxy'),
      rule('impersonate', 'core', 'serviceaccounts'),
      rule(write, 'core', 'pods pods/attach pods/proxy pods/exec pods/portforward'),
      rule('create', 'core', 'pods/eviction'),
      rule(
        write,
        'core',
        'replicationcontrollers replicationcontrollers/scale serviceaccounts services services/proxy ' +
          'persistentvolumeclaims configmaps secrets',
      ),
      rule('create', 'core', 'serviceaccounts/token'),
      rule(write, 'core events.k8s.io', 'events'),
      rule(write, 'apps', workloads),
      rule(write, 'autoscaling', 'horizontalpodautoscalers'),
      rule(write, 'batch', 'jobs cronjobs'),
      rule(write, 'extensions', legacyWorkloads),
      rule(write, 'policy', 'poddisruptionbudgets'),
      rule(write, 'networking.k8s.io', 'networkpolicies ingresses'),
      rule(readWrite, 'coordination.k8s.io', 'leases'),
      rule(write, 'resource.k8s.io', 'resourceclaims resourceclaimtemplates'),
    ],
  },
  /** As metrics-server brings it: whoever may view pods may see what they use. */
  'system:aggregated-metrics-reader': {
    aggregateTo: 'view',
    rules: [rule('get list watch', 'metrics.k8s.io', 'pods nodes')],
  },
  'system:aggregate-to-view': {
    aggregateTo: 'view',
    rules: [
      rule(
        read,
        'core',
        'pods replicationcontrollers replicationcontrollers/scale serviceaccounts services services/status ' +
          'endpoints persistentvolumeclaims persistentvolumeclaims/status configmaps',
      ),
      rule(
        read,
        'core',
        'limitranges resourcequotas bindings pods/status resourcequotas/status namespaces/status ' +
          'replicationcontrollers/status pods/log',
      ),
      rule(read, 'core', 'namespaces'),
      rule(read, 'core events.k8s.io', 'events'),
      rule(read, 'discovery.k8s.io', 'endpointslices'),
      rule(
        read,
        'apps',
        'controllerrevisions statefulsets statefulsets/status statefulsets/scale daemonsets daemonsets/status ' +
          'deployments deployments/status deployments/scale replicasets replicasets/status replicasets/scale',
      ),
      rule(read, 'autoscaling', 'horizontalpodautoscalers horizontalpodautoscalers/status'),
      rule(read, 'batch', 'jobs jobs/status cronjobs cronjobs/status'),
      rule(
        read,
        'extensions',
        'daemonsets daemonsets/status deployments deployments/status deployments/scale ingresses ' +
          'ingresses/status replicasets replicasets/status replicasets/scale replicationcontrollers/scale ' +
          'networkpolicies',
      ),
      rule(read, 'policy', 'poddisruptionbudgets poddisruptionbudgets/status'),
      rule(read, 'networking.k8s.io', 'networkpolicies ingresses ingresses/status'),
      rule(read, 'resource.k8s.io', 'resourceclaims resourceclaims/status resourceclaimtemplates'),
    ],
  },

  'system:heapster': {
    rules: [rule(read, 'core', 'events pods nodes namespaces'), rule(read, 'extensions', 'deployments')],
  },
  'system:node': { rules: nodeRules },
  'system:node-problem-detector': {
    rules: [rule('get', 'core', 'nodes'), rule('patch', 'core', 'nodes/status'), events],
  },
  'system:node-proxier': {
    rules: [
      rule('list watch', 'core', 'services endpoints'),
      rule(read, 'core', 'nodes'),
      events,
      rule('list watch', 'networking.k8s.io', 'servicecidrs'),
      rule('list watch', 'discovery.k8s.io', 'endpointslices'),
    ],
  },
  'system:kubelet-api-admin': {
    rules: [
      rule(read, 'core', 'nodes'),
      rule('proxy', 'core', 'nodes'),
      rule('*', 'core', 'nodes/proxy nodes/metrics nodes/stats nodes/log'),
      rule('*', 'core', 'nodes/configz nodes/healthz nodes/pods'),
    ],
  },
  'system:node-bootstrapper': {
    rules: [rule(`create ${read}`, 'certificates.k8s.io', 'certificatesigningrequests')],
  },
  'system:auth-delegator': { rules: delegatedChecks },
  'system:kube-aggregator': { rules: [rule(read, 'core', 'services endpoints')] },
  'system:kube-controller-manager': {
    rules: [
      events,
      rule('create', 'coordination.k8s.io', 'leases'),
      rule('get update', 'coordination.k8s.io', 'leases', 'kube-controller-manager'),
      rule('create', 'core', 'secrets serviceaccounts'),
      rule('delete', 'core', 'secrets'),
      rule('get', 'core', 'namespaces secrets serviceaccounts configmaps'),
      rule('update', 'core', 'secrets serviceaccounts'),
      ...delegatedChecks,
      rule('list watch', '*', '*'),
      rule('create', 'core', 'serviceaccounts/token'),
    ],
  },
  'system:kube-dns': { rules: [rule('list watch', 'core', 'endpoints services')] },
  'system:kube-scheduler': {
    rules: [
      events,
      rule('create', 'coordination.k8s.io', 'leases'),
      rule('get list update watch', 'coordination.k8s.io', 'leases', 'kube-scheduler'),
      rule(readWrite, 'coordination.k8s.io', 'leasecandidates'),
      rule(read, 'core', 'nodes'),
      rule(`${read} delete`, 'core', 'pods'),
      rule('create', 'core', 'pods/binding bindings'),
      rule('patch update', 'core', 'pods/status'),
      rule(read, 'core', 'services replicationcontrollers'),
      rule(read, 'apps extensions', 'replicasets'),
      rule(read, 'apps', 'statefulsets'),
      rule(read, 'policy', 'poddisruptionbudgets'),
      rule(read, 'core', 'persistentvolumeclaims persistentvolumes'),
      ...delegatedChecks,
      rule(read, 'storage.k8s.io', 'csinodes'),
      rule(read, 'storage.k8s.io', 'volumeattachments'),
      rule(read, 'core', 'namespaces'),
      rule(read, 'storage.k8s.io', 'csidrivers'),
      rule(read, 'storage.k8s.io', 'csistoragecapacities'),
      rule(read, 'resource.k8s.io', 'deviceclasses'),
      rule(readUpdate, 'resource.k8s.io', 'resourceclaims'),
      rule(readUpdate, 'resource.k8s.io', 'resourceclaims/status'),
      rule('update', 'core', 'pods/finalizers'),
      rule(read, 'resource.k8s.io', 'resourceslices'),
      rule('create delete', 'resource.k8s.io', 'resourceclaims'),
      rule('patch update', 'resource.k8s.io', 'resourceclaims/binding'),
    ],
  },
  'system:persistent-volume-provisioner': {
    rules: [
      rule(`${read} create delete`, 'core', 'persistentvolumes'),
      rule(`${read} update`, 'core', 'persistentvolumeclaims'),
      rule(read, 'storage.k8s.io', 'storageclasses'),
      rule('watch', 'core', 'events'),
      events,
    ],
  },
  'system:volume-scheduler': {
    rules: [
      rule(readUpdate, 'core', 'persistentvolumes'),
      rule(read, 'storage.k8s.io', 'storageclasses'),
      rule(readUpdate, 'core', 'persistentvolumeclaims'),
    ],
  },
  'system:service-account-issuer-discovery': {
    rules: [
      urls(
        'get',
        '/.well-known/openid-configuration /.well-known/openid-configuration/ /openid/v1/jwks /openid/v1/jwks/',
      ),
    ],
  },

  'system:certificates.k8s.io:certificatesigningrequests:nodeclient': {
    rules: [rule('create', 'certificates.k8s.io', 'certificatesigningrequests/nodeclient')],
  },
  'system:certificates.k8s.io:certificatesigningrequests:selfnodeclient': {
    rules: [rule('create', 'certificates.k8s.io', 'certificatesigningrequests/selfnodeclient')],
  },
  'system:certificates.k8s.io:kube-apiserver-client-approver': signerApprover('kube-apiserver-client'),
  'system:certificates.k8s.io:kube-apiserver-client-kubelet-approver': signerApprover(
    'kube-apiserver-client-kubelet',
  ),
  'system:certificates.k8s.io:kubelet-serving-approver': signerApprover('kubelet-serving'),
  'system:certificates.k8s.io:legacy-unknown-approver': signerApprover('legacy-unknown'),
}
