import type { Clock } from '../../machinery/clock.ts'
import type { Metrics } from '../../machinery/metrics.ts'
import type { Random } from '../../machinery/random.ts'
import type { IdentityFor } from '../webhook/webhook-identity.ts'
import type { Authorizer } from '../authorization/authorizer.ts'
import type { Objects } from '../objects.ts'
import { createCertificateApproval } from './certificates/certificate-approval.ts'
import { createCertificateSigning } from './certificates/certificate-signing.ts'
import { createClusterTrustBundleAttest } from './certificates/cluster-trust-bundle-attest.ts'
import { certificateSubjectRestriction } from './certificates/certificate-subject-restriction.ts'
import { createDefaultIngressClass } from './default-ingress-class.ts'
import { createDefaultStorageClass } from './default-storage-class.ts'
import { createDefaultTolerationSeconds, type TolerationSeconds } from './default-toleration-seconds.ts'
import { createLimitRanger } from './limit-ranger/limit-ranger.ts'
import { createNamespaceLifecycle } from './namespace-lifecycle.ts'
import { createNodeDeclaredFeatureValidator } from './node-declared-feature-validator.ts'
import { createNodeRestriction } from './node-restriction/node-restriction.ts'
import { createPersistentVolumeClaimResize } from './persistent-volume-claim-resize.ts'
import type { PluginFiles } from './configuration/admission-configuration.ts'
import type { OptionalPlugins } from './optional/optional-plugins.ts'
import type { FindKind } from './optional/owner-references-permission-enforcement.ts'
import type { AdmissionPlugin } from './plugin.ts'
import { idlePluginNames, offByDefault, orderedPluginNames } from './plugin-names.ts'
import type { PodSecurityConfiguration } from './pod-security/pod-security-configuration.ts'
import type { LimitedResource } from './resource-quota/limited-resources.ts'
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
  readonly servedKind: FindKind
  readonly metrics: Metrics
}

/** What clusters add themselves: policies and webhooks, in the places that upstream gives them. */
export interface AdmissionExtensions {
  readonly mutatingPolicies?: AdmissionPlugin
  readonly mutatingWebhooks?: AdmissionPlugin
  readonly validatingPolicies?: AdmissionPlugin
  readonly validatingWebhooks?: AdmissionPlugin
}

/** As `--enable-admission-plugins`, `--disable-admission-plugins` and `--admission-control-config-file`: by name. */
export interface AdmissionChoice {
  readonly enable?: readonly string[]
  readonly disable?: readonly string[]
  /** How plugins are made that are off by default. */
  readonly optional?: OptionalPlugins
  readonly files?: PluginFiles
  readonly podSecurity?: PodSecurityConfiguration
  /** As whom the webhooks of a plugin are called, by its name. */
  readonly webhookIdentities?: Readonly<Record<string, IdentityFor>>
  readonly limitedResources?: readonly LimitedResource[]
  readonly tolerationSeconds?: TolerationSeconds
}

/**
 * The admission plugins in upstream's order: those that are on by default, NodeRestriction, and what is chosen.
 * Throws when a choice names a plugin that does not exist, or one whose configuration is wrong.
 */
export function createAdmissionPlugins(
  context: AdmissionContext,
  extensions: AdmissionExtensions = {},
  choice: AdmissionChoice = {},
): readonly AdmissionPlugin[] {
  const plugins = chosen(
    [...defaultPlugins(context, extensions, choice), ...addedPlugins(context, choice)],
    choice,
  )
  const order: readonly string[] = orderedPluginNames
  return plugins.toSorted((a, b) => order.indexOf(a.name) - order.indexOf(b.name))
}

function defaultPlugins(
  { objects, authorizer, clock, random, metrics }: AdmissionContext,
  extensions: AdmissionExtensions,
  { podSecurity, limitedResources, tolerationSeconds }: AdmissionChoice,
): readonly AdmissionPlugin[] {
  const plugins: readonly (AdmissionPlugin | undefined)[] = [
    createNamespaceLifecycle(objects, clock),
    createLimitRanger(objects),
    createServiceAccount(objects, clock, random),
    createNodeRestriction(objects, authorizer),
    taintNodesByCondition,
    createPodSecurity(objects, podSecurity, metrics),
    createPriority(objects),
    createDefaultTolerationSeconds(tolerationSeconds),
    createDefaultStorageClass(objects),
    storageObjectInUseProtection,
    createPersistentVolumeClaimResize(objects),
    createRuntimeClass(objects),
    createCertificateApproval(authorizer),
    createCertificateSigning(authorizer),
    createClusterTrustBundleAttest(authorizer),
    certificateSubjectRestriction,
    createDefaultIngressClass(objects),
    createPodTopologyLabels(objects),
    createNodeDeclaredFeatureValidator(objects),
    extensions.mutatingPolicies,
    extensions.mutatingWebhooks,
    extensions.validatingPolicies,
    extensions.validatingWebhooks,
    createResourceQuota(objects, clock, limitedResources),
  ]
  return plugins.filter((plugin) => plugin !== undefined)
}

/** Those that are chosen of those that are off by default. */
function addedPlugins(
  context: AdmissionContext,
  { enable = [], optional = {}, files }: AdmissionChoice,
): readonly AdmissionPlugin[] {
  const wanted = new Set(enable.filter((name) => offByDefault.has(name) && optional[name]))
  return Array.from(wanted, (name) => optional[name]!(context, files?.get(name)))
}

function chosen(
  plugins: readonly AdmissionPlugin[],
  { enable = [], disable = [] }: AdmissionChoice,
): readonly AdmissionPlugin[] {
  const known = new Set([...plugins.map(({ name }) => name), ...idlePluginNames])
  const unknown = enable.filter((name) => !known.has(name))
  if (unknown.length > 0) throw new Error(`unknown admission plugins: ${unknown.join(', ')}`)
  // What is both enabled and disabled is on, as upstream has it.
  return plugins.filter(({ name }) => !disable.includes(name) || enable.includes(name))
}
