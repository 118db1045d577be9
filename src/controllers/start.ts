import type { Client } from '../client/client.ts'
import type { ComponentContext, RunningComponent } from '../client/component.ts'
import type { Reconciler } from '../client/reconciler.ts'
import { joinComponents, startReconciler } from '../client/runner.ts'
import type { Metrics } from '../machinery/metrics.ts'
import type { CertificateAuthority } from '../machinery/pki/certificate.ts'
import { bootstrapSignerReconciler } from './bootstrap/bootstrap-signer.ts'
import { tokenCleanerReconciler } from './bootstrap/token-cleaner.ts'
import { csrApprovingReconciler } from './certificates/csr-approving.ts'
import { nodeRequestsApprovingReconciler } from './certificates/node-requests-approving.ts'
import { csrCleanerReconciler } from './certificates/csr-cleaner.ts'
import { csrSigningReconciler } from './certificates/csr-signing.ts'
import { startTrustBundlePublisher, trustBundlePublisherName } from './certificates/trust-bundle-publisher.ts'
import { daemonSetReconciler } from './daemonset/daemonset.ts'
import { cronJobReconciler } from './cronjob/cronjob.ts'
import { clusterRoleAggregationReconciler } from './clusterrole-aggregation/clusterrole-aggregation.ts'
import { deploymentReconciler } from './deployment/deployment.ts'
import { disruptionReconciler, stalePodDisruptionReconciler } from './disruption/disruption.ts'
import { endpointsReconciler } from './endpoints/endpoints.ts'
import { endpointSliceMirroringReconciler } from './endpoints/endpointslice-mirroring.ts'
import { endpointSliceReconciler } from './endpoints/endpointslice.ts'
import { deviceTaintEvictionReconciler } from './devices/device-taint-eviction.ts'
import { startGarbageCollector } from './garbage-collector/garbage-collector.ts'
import {
  horizontalPodAutoscalerReconciler,
  type HorizontalPodAutoscalerOptions,
} from './horizontal-pod-autoscaler/horizontal-pod-autoscaler.ts'
import { jobReconciler } from './job/job.ts'
import { jobOrphanPodReconciler } from './job/orphan-pods.ts'
import { loadBalancersReconciler, type LoadBalancersOptions } from './load-balancers/load-balancers.ts'
import { namespaceReconciler } from './namespace/namespace.ts'
import { nodeIpamReconciler, type NodeIpamOptions } from './nodes/node-ipam.ts'
import { nodeLifecycleReconciler, type NodeLifecycleOptions } from './nodes/node-lifecycle.ts'
import { nodeTtlReconciler } from './nodes/node-ttl.ts'
import { podGarbageCollector, terminatedPodCollector } from './nodes/pod-gc.ts'
import { taintEvictionReconciler } from './nodes/taint-eviction.ts'
import { pvProtectionReconciler } from './protection/pv-protection.ts'
import { pvcProtectionReconciler } from './protection/pvc-protection.ts'
import { vacProtectionReconciler } from './protection/vac-protection.ts'
import { replicaSetReconciler } from './replicaset/replicaset.ts'
import { replicationControllerReconciler } from './replicaset/replicationcontroller.ts'
import { resourceClaimReconciler } from './resourceclaim/resourceclaim.ts'
import { startResourceQuota } from './resourcequota/resourcequota.ts'
import { serviceAccountOf } from './service-account-of.ts'
import { controllerAccountsReconciler } from './serviceaccount/controller-accounts.ts'
import { legacyTokenCleaner } from './serviceaccount/legacy-token-cleaner.ts'
import { legacyTokenSigner, tokenSecretsReconciler } from './serviceaccount/token-secrets.ts'
import { rootCaPublisher } from './serviceaccount/root-ca-publisher.ts'
import { serviceCidrsReconciler } from './servicecidrs/service-cidrs.ts'
import { serviceAccountReconciler } from './serviceaccount/serviceaccount.ts'
import { statefulSetReconciler } from './statefulset/statefulset.ts'
import { ttlAfterFinishedReconciler } from './ttl-after-finished/ttl-after-finished.ts'
import { attachDetachReconciler } from './volume/attach-detach.ts'
import { persistentVolumeBinder } from './volume/binder.ts'
import { ephemeralVolumeReconciler } from './volume/ephemeral-volume.ts'
import { expandReconciler } from './volume/expand.ts'

export interface ControllersOptions {
  /**
   * The client of a service account in kube-system: each controller acts as its own. All act as the context's client
   * when absent. Caches are always the context's.
   */
  readonly clientOf?: (serviceAccount: string) => Client
  /** PEM of the authority that pods verify the API server by; nothing is published when absent. */
  readonly rootCa?: string
  /** Whether that authority is published as a ClusterTrustBundle too, where those are served. Default false. */
  readonly publishTrustBundle?: boolean
  /** PEM of the key that service accounts' tokens are signed with; secrets are not filled with tokens when absent. */
  readonly serviceAccountPrivateKey?: string
  /** Tokens that came with service accounts are taken away when nobody used them for so long. Default a year. */
  readonly legacyTokenCleanUpPeriodMs?: number
  /** Signs certificates for the built-in signers; nothing is signed when absent. */
  readonly certificateAuthority?: CertificateAuthority
  /** How long what it signs is good, at most. Default a year. */
  readonly certificateLifetimeMs?: number
  /** Whether nodes are given certificates for their own addresses and components. Default false, as upstream. */
  readonly approveNodeRequests?: boolean
  /** How nodes are given the networks of their pods; they are not when absent. */
  readonly nodeIpam?: NodeIpamOptions
  readonly nodeLifecycle?: NodeLifecycleOptions
  /** How Services are given load balancers; they are not when absent. */
  readonly loadBalancers?: LoadBalancersOptions
  /** Endpoints in a slice. Default 100. */
  readonly maxEndpointsPerSlice?: number
  /** Addresses of a subset that are copied into slices. Default 1000. */
  readonly mirroringMaxEndpointsPerSubset?: number
  /** How many keys each of these reconcilers works on at once, by its name; the others do as they say themselves. */
  readonly concurrency?: Readonly<Record<string, number>>
  /** Ended pods beyond this number are deleted. Default 12500. */
  readonly terminatedPodThreshold?: number
  readonly horizontalPodAutoscaler?: HorizontalPodAutoscalerOptions
}

/** Every reconciler that runs, in the order in which they start. */
function reconcilers(options: ControllersOptions, metrics: Metrics): readonly Reconciler[] {
  const { rootCa, certificateAuthority, nodeIpam, nodeLifecycle, loadBalancers, terminatedPodThreshold } =
    options
  return [
    clusterRoleAggregationReconciler,
    serviceAccountReconciler,
    legacyTokenCleaner(options.legacyTokenCleanUpPeriodMs),
    ...(rootCa === undefined ? [] : [rootCaPublisher(rootCa)]),
    csrApprovingReconciler,
    ...(options.approveNodeRequests ? [nodeRequestsApprovingReconciler] : []),
    ...(certificateAuthority === undefined
      ? []
      : [csrSigningReconciler(certificateAuthority, options.certificateLifetimeMs)]),
    csrCleanerReconciler,
    bootstrapSignerReconciler,
    tokenCleanerReconciler,
    ...(nodeIpam === undefined ? [] : [nodeIpamReconciler(nodeIpam)]),
    nodeLifecycleReconciler(nodeLifecycle),
    nodeTtlReconciler(),
    taintEvictionReconciler(),
    podGarbageCollector(),
    terminatedPodCollector(terminatedPodThreshold),
    deploymentReconciler,
    replicaSetReconciler,
    replicationControllerReconciler,
    jobReconciler(),
    jobOrphanPodReconciler(),
    cronJobReconciler(),
    statefulSetReconciler,
    daemonSetReconciler(),
    endpointsReconciler(),
    endpointSliceReconciler(options.maxEndpointsPerSlice),
    endpointSliceMirroringReconciler(options.mirroringMaxEndpointsPerSubset),
    ...(loadBalancers === undefined ? [] : [loadBalancersReconciler(loadBalancers)]),
    disruptionReconciler,
    stalePodDisruptionReconciler,
    ttlAfterFinishedReconciler,
    horizontalPodAutoscalerReconciler(options.horizontalPodAutoscaler),
    persistentVolumeBinder,
    ephemeralVolumeReconciler,
    expandReconciler,
    attachDetachReconciler(),
    pvcProtectionReconciler,
    pvProtectionReconciler,
    vacProtectionReconciler,
    resourceClaimReconciler(metrics),
    deviceTaintEvictionReconciler(metrics),
    serviceCidrsReconciler,
    namespaceReconciler,
  ]
}

/** Starts all controllers as one component. */
export async function startControllers(
  context: ComponentContext,
  options: ControllersOptions = {},
): Promise<RunningComponent> {
  const { clientOf, rootCa, serviceAccountPrivateKey } = options
  const trustBundle = options.publishTrustBundle ? rootCa : undefined
  const as = (controller: string): ComponentContext =>
    clientOf ? { ...context, client: clientOf(serviceAccountOf(controller)) } : context
  const horizontalPodAutoscaler = { metrics: context.metrics, ...options.horizontalPodAutoscaler }
  const all = reconcilers({ ...options, horizontalPodAutoscaler }, context.metrics)
  const start = (reconciler: Reconciler, within: ComponentContext) => {
    const concurrency = options.concurrency?.[reconciler.name]
    return startReconciler({ ...reconciler, ...(concurrency !== undefined && { concurrency }) }, within)
  }
  const names = [
    ...all.map(({ name }) => name),
    ...(trustBundle === undefined ? [] : [trustBundlePublisherName]),
    'resourcequota',
    'garbage-collector',
  ]
  const accounts = controllerAccountsReconciler(new Set(names.map(serviceAccountOf)))
  return joinComponents('kube-controller-manager', [
    ...(clientOf ? [startReconciler(accounts, context)] : []),
    ...all.map((reconciler) => start(reconciler, as(reconciler.name))),
    ...(serviceAccountPrivateKey === undefined
      ? []
      : // No account of its own: it makes what accounts are known by.
        [start(tokenSecretsReconciler(legacyTokenSigner(serviceAccountPrivateKey), rootCa), context)]),
    ...(trustBundle === undefined
      ? []
      : [startTrustBundlePublisher(as(trustBundlePublisherName), trustBundle)]),
    startResourceQuota(as('resourcequota')),
    startGarbageCollector(as('garbage-collector')),
  ])
}
