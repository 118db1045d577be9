import type { Namespace, Pod, PodSpec, PodTemplateSpec } from '../../../api/generated/core.v1.ts'
import {
  cronJobs,
  daemonSets,
  deployments,
  jobs,
  namespaces,
  podTemplates,
  pods,
  replicaSets,
  replicationControllers,
  statefulSets,
} from '../../../api/generated/resources.ts'
import { jsonEqual } from '../../../machinery/equal.ts'
import { aggregateFieldErrors } from '../../../machinery/field-error.ts'
import type { KubernetesObject, ObjectMeta } from '../../../machinery/meta.ts'
import { createMetrics, type Metrics } from '../../../machinery/metrics.ts'
import { groupResource } from '../../../machinery/resource.ts'
import { invalid, notFound } from '../../../machinery/status-errors.ts'
import type { Objects } from '../../objects.ts'
import type { AdmissionPlugin, AdmissionRequest } from '../plugin.ts'
import { refused } from '../refuse.ts'
import { isAbout, objectOf, oldObjectOf } from '../request-matching.ts'
import { violationText } from './evaluate-pod.ts'
import { warnAboutExistingPods } from './existing-pods.ts'
import { PodSecurityMetrics } from './pod-security-metrics.ts'
import type { PodSecurityConfiguration } from './pod-security-configuration.ts'
import { anythingGoes, describeLevelVersion, policyOf, type PodSecurityPolicy } from './policy.ts'

const controllers: ReadonlySet<string> = new Set(
  [
    podTemplates,
    replicationControllers,
    replicaSets,
    deployments,
    statefulSets,
    daemonSets,
    jobs,
    cronJobs,
  ].map(groupResource),
)

/**
 * Holds pods to the standard that their namespace's labels ask for; what makes pods is warned about, not refused.
 * Source: k8s.io/pod-security-admission/admission.
 */
export function createPodSecurity(
  objects: Objects,
  configuration: Partial<PodSecurityConfiguration> = {},
  metrics: Metrics = createMetrics(),
): AdmissionPlugin {
  const { defaults, exemptions } = configuration
  const counts = new PodSecurityMetrics(metrics)
  async function policyFor(request: AdmissionRequest) {
    const { namespace } = request
    const name = { name: namespace }
    const found = objects.get(namespaces, name) ?? (await objects.getLatest(namespaces, name))
    // Without its labels nobody knows what a namespace asks for.
    if (!found) {
      counts.failed(request, true)
      throw notFound(namespaces, namespace)
    }
    return policyOf(found.metadata?.labels, defaults)
  }

  /** Why a request is not looked at. */
  function exemptionOf({ namespace, user }: AdmissionRequest): 'namespace' | 'user' | undefined {
    if (exemptions?.namespaces.includes(namespace)) return 'namespace'
    return exemptions?.usernames.includes(user.name) ? 'user' : undefined
  }

  async function checkSpec(request: AdmissionRequest, pod: Checked, enforces: boolean): Promise<void> {
    const exemption = exemptionOf(request)
    if (exemption) return exempt(request, exemption)
    const { policy, errors } = await policyFor(request)
    const modes = [policy.audit, policy.warn, ...(enforces ? [policy.enforce] : [])]
    if (errors.length === 0 && modes.every(({ level }) => level === 'privileged')) {
      if (!enforces) return
      counts.evaluated(request, 'enforce', policy.enforce, 'allow')
      return note(request, 'enforce-policy', describeLevelVersion(anythingGoes))
    }
    if (enforces && !isSignificantChange(request)) return
    if (exemptions?.runtimeClasses.includes(pod.spec.runtimeClassName ?? '')) {
      return exempt(request, 'runtimeClass')
    }
    if (errors.length > 0) {
      note(request, 'error', `Failed to parse policy: ${aggregateFieldErrors(errors)}`)
      counts.failed(request, false)
    }
    evaluate(request, policy, pod, enforces ? 'enforced' : 'advised', counts)
  }

  function exempt(request: AdmissionRequest, why: 'namespace' | 'user' | 'runtimeClass'): void {
    note(request, 'exempt', why)
    counts.exempted(request)
  }

  return {
    name: 'PodSecurity',
    handles: (request) =>
      isAbout(request, pods, ['CREATE', 'UPDATE']) ||
      isAbout(request, pods, ['UPDATE'], 'ephemeralcontainers') ||
      isAbout(request, namespaces, ['CREATE', 'UPDATE']) ||
      isController(request),
    async validate(request) {
      if (request.resource.resource === namespaces.resource) {
        return checkNamespace(objects, request, configuration)
      }
      if (request.resource.resource === pods.resource) {
        const { spec, metadata = {} }: Pod = objectOf(request, pods)
        return spec && checkSpec(request, { spec, metadata }, true)
      }
      const { spec, metadata = {} } = templateOf(request.object!) ?? {}
      if (spec) await checkSpec(request, { spec, metadata }, false)
    },
  }
}

/** What the checks look at. */
interface Checked {
  readonly spec: PodSpec
  readonly metadata: ObjectMeta
}

function note(request: AdmissionRequest, key: string, value: string): void {
  request.annotate?.(`pod-security.kubernetes.io/${key}`, value)
}

/** Whoever is refused need not be warned. Of what makes pods nothing is enforced. */
function evaluate(
  request: AdmissionRequest,
  { enforce, audit, warn }: PodSecurityPolicy,
  { spec, metadata }: Checked,
  effect: 'enforced' | 'advised',
  counts: PodSecurityMetrics,
): void {
  const isEnforced = effect === 'enforced'
  const violated = isEnforced ? violationText(enforce, spec, metadata) : ''
  if (isEnforced) {
    note(request, 'enforce-policy', describeLevelVersion(enforce))
    counts.evaluated(request, 'enforce', enforce, violated === '' ? 'allow' : 'deny')
  }
  const audited = violationText(audit, spec, metadata)
  if (audited !== '') {
    const standard = describeLevelVersion(audit)
    note(request, 'audit-violations', `would violate PodSecurity "${standard}": ${audited}`)
    counts.evaluated(request, 'audit', audit, 'deny')
  }
  if (violated !== '') {
    throw refused(request, `violates PodSecurity "${describeLevelVersion(enforce)}": ${violated}`)
  }
  const warned = violationText(warn, spec, metadata)
  if (warned === '') return
  request.warn(`would violate PodSecurity "${describeLevelVersion(warn)}": ${warned}`)
  counts.evaluated(request, 'warn', warn, 'deny')
}

function isController({ resource, operation, subresource }: AdmissionRequest): boolean {
  return (
    (operation === 'CREATE' || operation === 'UPDATE') &&
    subresource === '' &&
    controllers.has(groupResource(resource))
  )
}

/**
 * Most updates of a pod are about what no check looks at, and must be possible whatever its namespace has come to ask. A new
 * image is as good as a new container.
 */
function isSignificantChange(request: AdmissionRequest): boolean {
  if (request.operation !== 'UPDATE') return true
  const parts = ({ metadata, spec }: Pod) => {
    const imageOf = ({ name, image }: { readonly name: string; readonly image?: string }) => [name, image]
    return [
      Object.entries(metadata?.annotations ?? {}).filter(([key]) => /seccomp/.test(key)),
      spec?.containers.map(imageOf),
      (spec?.initContainers ?? []).map(imageOf),
      (spec?.ephemeralContainers ?? []).map(imageOf),
    ]
  }
  return !jsonEqual(parts(objectOf(request, pods)), parts(oldObjectOf(request, pods)))
}

/** The template of the pods that an object makes. */
function templateOf(object: KubernetesObject): PodTemplateSpec | undefined {
  interface Templated {
    readonly template?: PodTemplateSpec
    readonly spec?: {
      readonly template?: PodTemplateSpec
      readonly jobTemplate?: { readonly spec?: { readonly template?: PodTemplateSpec } }
    }
  }
  const { template, spec } = object as Templated
  return template ?? spec?.template ?? spec?.jobTemplate?.spec?.template
}

/** Labels must say something sensible, unless they said the same before. */
function checkNamespace(
  objects: Objects,
  request: AdmissionRequest,
  { defaults, exemptions }: Partial<PodSecurityConfiguration>,
): void {
  const namespace: Namespace = objectOf(request, namespaces)
  const { policy, errors } = policyOf(namespace.metadata?.labels, defaults)
  const name = namespace.metadata?.name ?? ''
  if (request.operation === 'CREATE') {
    if (errors.length > 0) throw invalid('Namespace', name, errors)
    return
  }
  const previous = policyOf(oldObjectOf(request, namespaces).metadata?.labels, defaults)
  if (errors.length > 0 && !jsonEqual(errors, previous.errors)) throw invalid('Namespace', name, errors)
  if (exemptions?.namespaces.includes(name)) return
  const exempt = exemptions?.runtimeClasses ?? []
  const { enforce } = policy
  warnAboutExistingPods(objects, request, {
    namespace: name,
    enforce,
    previous: previous.policy.enforce,
    exempt,
  })
}
