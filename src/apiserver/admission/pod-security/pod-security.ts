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
import type { KubernetesObject, ObjectMeta } from '../../../machinery/meta.ts'
import { groupResource } from '../../../machinery/resource.ts'
import { invalid, notFound } from '../../../machinery/status-errors.ts'
import type { Objects } from '../../objects.ts'
import type { AdmissionPlugin, AdmissionRequest } from '../plugin.ts'
import { refused } from '../refuse.ts'
import { isAbout, objectOf, oldObjectOf } from '../request-matching.ts'
import { violationText } from './evaluate-pod.ts'
import { warnAboutExistingPods } from './existing-pods.ts'
import { describeLevelVersion, policyOf, type PodSecurityPolicy } from './policy.ts'

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
export function createPodSecurity(objects: Objects): AdmissionPlugin {
  async function policyFor({ namespace }: AdmissionRequest): Promise<PodSecurityPolicy> {
    const name = { name: namespace }
    const found = objects.get(namespaces, name) ?? (await objects.getLatest(namespaces, name))
    // Without its labels nobody knows what a namespace asks for.
    if (!found) throw notFound(namespaces, namespace)
    return policyOf(found.metadata?.labels).policy
  }

  return {
    name: 'PodSecurity',
    handles: (request) =>
      isAbout(request, pods, ['CREATE', 'UPDATE']) ||
      isAbout(request, pods, ['UPDATE'], 'ephemeralcontainers') ||
      isAbout(request, namespaces, ['CREATE', 'UPDATE']) ||
      isController(request),
    async validate(request) {
      if (request.resource.resource === namespaces.resource) return checkNamespace(objects, request)
      if (request.resource.resource === pods.resource) return checkPod(request, await policyFor(request))
      const template = templateOf(request.object!)
      if (template?.spec) warn(request, await policyFor(request), template.spec, template.metadata ?? {})
    },
  }
}

function isController({ resource, operation, subresource }: AdmissionRequest): boolean {
  return (
    (operation === 'CREATE' || operation === 'UPDATE') &&
    subresource === '' &&
    controllers.has(groupResource(resource))
  )
}

function checkPod(request: AdmissionRequest, policy: PodSecurityPolicy): void {
  const pod: Pod = objectOf(request, pods)
  if (!pod.spec) return
  if (request.operation === 'UPDATE' && !isSignificant(pod, oldObjectOf(request, pods))) return
  const text = violationText(policy.enforce, pod.spec, pod.metadata ?? {})
  if (text !== '') {
    throw refused(request, `violates PodSecurity "${describeLevelVersion(policy.enforce)}": ${text}`)
  }
  warn(request, policy, pod.spec, pod.metadata ?? {})
}

function warn(
  request: AdmissionRequest,
  { warn: standard }: PodSecurityPolicy,
  spec: PodSpec,
  metadata: ObjectMeta,
): void {
  const text = violationText(standard, spec, metadata)
  if (text !== '') request.warn(`would violate PodSecurity "${describeLevelVersion(standard)}": ${text}`)
}

/** Most updates of a pod are about what no check looks at, and must be possible whatever its namespace has come to ask. */
function isSignificant(pod: Pod, previous: Pod): boolean {
  const checkedParts = ({ metadata, spec }: Pod) => {
    const withoutImage = (container: object) => ({ ...container, image: undefined, resources: undefined })
    return [
      Object.entries(metadata?.annotations ?? {}).filter(([key]) => /seccomp|apparmor/.test(key)),
      spec?.containers.map(withoutImage),
      spec?.initContainers?.map(withoutImage),
      spec?.ephemeralContainers?.map(withoutImage),
      [
        spec?.volumes,
        spec?.securityContext,
        spec?.hostNetwork,
        spec?.hostPID,
        spec?.hostIPC,
        spec?.hostUsers,
      ],
      spec?.os,
    ]
  }
  return !jsonEqual(checkedParts(pod), checkedParts(previous))
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

/** Labels must say something sensible, unless they did not before either. */
function checkNamespace(objects: Objects, request: AdmissionRequest): void {
  const namespace: Namespace = objectOf(request, namespaces)
  const { policy, errors } = policyOf(namespace.metadata?.labels)
  const name = namespace.metadata?.name ?? ''
  if (request.operation === 'CREATE') {
    if (errors.length > 0) throw invalid('Namespace', name, errors)
    return
  }
  const previous = policyOf(oldObjectOf(request, namespaces).metadata?.labels)
  if (errors.length > 0 && previous.errors.length === 0) throw invalid('Namespace', name, errors)
  warnAboutExistingPods(objects, request, name, policy.enforce, previous.policy.enforce)
}
