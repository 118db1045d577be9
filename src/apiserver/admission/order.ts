import type { Clock } from '../../machinery/clock.ts'
import type { Random } from '../../machinery/random.ts'
import type { Authorizer } from '../authorization/authorizer.ts'
import type { Objects } from '../objects.ts'
import { createCertificateApproval } from './certificates/certificate-approval.ts'
import { createCertificateSigning } from './certificates/certificate-signing.ts'
import { certificateSubjectRestriction } from './certificates/certificate-subject-restriction.ts'
import { createDefaultIngressClass } from './default-ingress-class.ts'
import { createDefaultStorageClass } from './default-storage-class.ts'
import { defaultTolerationSeconds } from './default-toleration-seconds.ts'
import { createLimitRanger } from './limit-ranger/limit-ranger.ts'
import { createNamespaceLifecycle } from './namespace-lifecycle.ts'
import { createNodeRestriction } from './node-restriction/node-restriction.ts'
import { alwaysPullImages } from './optional/always-pull-images.ts'
import { denyServiceExternalIps } from './optional/deny-service-external-ips.ts'
import { extendedResourceToleration } from './optional/extended-resource-toleration.ts'
import { limitPodHardAntiAffinityTopology } from './optional/limit-pod-hard-anti-affinity-topology.ts'
import { createPersistentVolumeClaimResize } from './persistent-volume-claim-resize.ts'
import type { AdmissionPlugin } from './plugin.ts'
import { createPodSecurity } from './pod-security/pod-security.ts'
import { createPodTopologyLabels } from './pod-topology-labels.ts'
import { createPriority } from './priority.ts'
import { createResourceQuota } from './resource-quota/resource-quota.ts'
import { createRuntimeClass } from './runtime-class.ts'
import { createServiceAccount } from './service-account/service-account.ts'
import { storageObjectInUseProtection } from './storage-object-in-use-protection.ts'
import { taintNodesByCondition } from './taint-nodes-by-condition.ts'

/** What the plugins work with. */
export interface AdmissionContext {
  readonly objects: Objects
  readonly authorizer: Authorizer
  readonly clock: Clock
  readonly random: Random
}

/** What clusters add themselves: policies and webhooks, in the places that upstream gives them. */
export interface AdmissionExtensions {
  readonly mutatingPolicies?: AdmissionPlugin
  readonly mutatingWebhooks?: AdmissionPlugin
  readonly validatingPolicies?: AdmissionPlugin
  readonly validatingWebhooks?: AdmissionPlugin
}

/** As `--enable-admission-plugins` and `--disable-admission-plugins`: by name. */
export interface AdmissionChoice {
  readonly enable?: readonly string[]
  readonly disable?: readonly string[]
}

/** There, but not on unless chosen. */
const offByDefault: ReadonlySet<string> = new Set(
  [
    limitPodHardAntiAffinityTopology,
    alwaysPullImages,
    extendedResourceToleration,
    denyServiceExternalIps,
  ].map(({ name }) => name),
)

/**
 * The admission plugins in upstream's order: those that are on by default, NodeRestriction, and what is chosen.
 * Throws when a choice names a plugin that does not exist. What clusters add comes
 * after what Kubernetes says itself, and quotas last, when nothing else can refuse any more.
 * Source: kubernetes/pkg/kubeapiserver/options/plugins.go.
 */
export function createAdmissionPlugins(
  { objects, authorizer, clock, random }: AdmissionContext,
  extensions: AdmissionExtensions = {},
  choice: AdmissionChoice = {},
): readonly AdmissionPlugin[] {
  const plugins: readonly (AdmissionPlugin | undefined)[] = [
    createNamespaceLifecycle(objects, clock),
    limitPodHardAntiAffinityTopology,
    createLimitRanger(objects),
    createServiceAccount(objects, clock, random),
    createNodeRestriction(objects, authorizer),
    taintNodesByCondition,
    alwaysPullImages,
    createPodSecurity(objects),
    createPriority(objects),
    defaultTolerationSeconds,
    extendedResourceToleration,
    createDefaultStorageClass(objects),
    storageObjectInUseProtection,
    createPersistentVolumeClaimResize(objects),
    createRuntimeClass(objects),
    createCertificateApproval(authorizer),
    createCertificateSigning(authorizer),
    certificateSubjectRestriction,
    createDefaultIngressClass(objects),
    denyServiceExternalIps,
    createPodTopologyLabels(objects),
    extensions.mutatingPolicies,
    extensions.mutatingWebhooks,
    extensions.validatingPolicies,
    extensions.validatingWebhooks,
    createResourceQuota(objects, clock),
  ]
  return choose(
    plugins.filter((plugin) => plugin !== undefined),
    choice,
  )
}

function choose(
  plugins: readonly AdmissionPlugin[],
  { enable = [], disable = [] }: AdmissionChoice,
): readonly AdmissionPlugin[] {
  const known = new Set(plugins.map(({ name }) => name))
  const unknown = [...enable, ...disable].filter((name) => !known.has(name))
  if (unknown.length > 0) throw new Error(`unknown admission plugins: ${unknown.join(', ')}`)
  return plugins.filter(
    ({ name }) => !disable.includes(name) && (!offByDefault.has(name) || enable.includes(name)),
  )
}
