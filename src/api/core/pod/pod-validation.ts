import {
  duplicate,
  forbidden,
  invalid,
  invalidFor,
  notSupported,
  path,
  required,
  type FieldError,
  type FieldPath,
} from '../../../machinery/field-error.ts'
import { validateIpForLegacyField } from '../../../machinery/validation/ip.ts'
import { validateLabels } from '../../../machinery/validation/labels.ts'
import {
  dns1123LabelErrors,
  dns1123SubdomainErrors,
  qualifiedNameErrors,
} from '../../../machinery/validation/names.ts'
import { validateAnnotations } from '../../../machinery/validation/object-meta.ts'
import type { Pod, PodSpec, PodTemplateSpec } from '../../generated/core.v1.ts'
import { validateAffinity } from './affinity-validation.ts'
import {
  validateContainers,
  validateEphemeralContainers,
  validateImageText,
  validateInitContainers,
} from './container-validation.ts'
import { validateDnsConfig } from './dns-validation.ts'
import { validatePodAnnotations, validateProfileAnnotations } from './pod-annotations.ts'
import { validatePodExtras, validatePodClaims, validateSystem } from './pod-extras-validation.ts'
import { validatePodResources } from './pod-resources-validation.ts'
import { validateResources } from './resources-validation.ts'
import { validateTolerations, validateTopologySpread } from './scheduling-validation.ts'
import { validatePodSecurityContext } from './security-context-validation.ts'
import { validateVolumes } from './volume-validation.ts'
import { validateHostProcess } from './windows-validation.ts'

const restartPolicies = ['Always', 'OnFailure', 'Never']
const dnsPolicies = ['ClusterFirstWithHostNet', 'ClusterFirst', 'Default', 'None']
const preemptionPolicies = ['PreemptLowerPriority', 'Never']
const maxInt32 = 2 ** 31 - 1

/** Source: kubernetes pkg/apis/core/validation, ValidatePodCreate. */
export function validatePod(pod: Pod): FieldError[] {
  const field = path('spec')
  if (!pod.spec) return [required(field)]
  const errors = validatePodParts(pod)
  if (pod.spec.ephemeralContainers?.length)
    errors.push(forbidden(field.child('ephemeralContainers'), 'cannot be set on create'))
  if (pod.spec.nodeName && pod.spec.schedulingGates?.length) {
    const detail = 'cannot be set until all schedulingGates have been cleared'
    errors.push(forbidden(field.child('nodeName'), detail))
  }
  return [...errors, ...validateProfileAnnotations(pod.metadata?.annotations, pod.spec, field)]
}

/** What holds for a pod at all times; templates of old may break some of it. Source: validatePodMetadataAndSpec. */
export function validatePodParts({ metadata, spec }: Pod): FieldError[] {
  const field = path('spec')
  if (!spec) return [required(field)]
  const errors = [
    ...validatePodAnnotations(metadata?.annotations, spec, path('metadata', 'annotations')),
    ...validatePodSpec(spec, field, { isPod: true, podName: metadata?.name }),
  ]
  if (!spec.serviceAccountName) {
    const detail = 'must not be specified when serviceAccountName is not set'
    for (const [index, { projected }] of (spec.volumes ?? []).entries()) {
      const sources = field.child('volumes').index(index).child('projected', 'sources')
      for (const [at, { serviceAccountToken }] of (projected?.sources ?? []).entries())
        if (serviceAccountToken)
          errors.push(forbidden(sources.index(at).child('serviceAccountToken'), detail))
    }
  }
  for (const list of ['containers', 'initContainers'] as const) {
    for (const [index, container] of (spec[list] ?? []).entries())
      errors.push(...validateImageText(container, field.child(list).index(index)))
  }
  return errors
}

/** The template of a workload: labels, annotations and spec. Source: ValidatePodTemplateSpec. */
export function validatePodTemplate(template: PodTemplateSpec | undefined, field: FieldPath): FieldError[] {
  if (!template?.spec) return [required(field.child('spec'))]
  const { metadata, spec } = template
  const annotations = field.child('annotations')
  const specAt = field.child('spec')
  const errors = [
    ...validateLabels(metadata?.labels, field.child('labels')),
    ...validateAnnotations(metadata?.annotations, annotations),
    ...validatePodAnnotations(metadata?.annotations, spec, annotations),
    ...validatePodSpec(spec, specAt, { isPod: false }),
    ...validateProfileAnnotations(metadata?.annotations, spec, specAt),
  ]
  if (spec.ephemeralContainers?.length) {
    const detail = 'ephemeral containers not allowed in pod template'
    errors.push(forbidden(specAt.child('ephemeralContainers'), detail))
  }
  return errors
}

export interface PodSpecOwner {
  /** Whether it is a pod's own spec, and not a template of pods to come. */
  readonly isPod: boolean
  readonly podName?: string | undefined
}

/** Source: ValidatePodSpec, in its order. */
export function validatePodSpec(
  spec: PodSpec,
  field: FieldPath,
  owner: PodSpecOwner = { isPod: true },
): FieldError[] {
  const { errors, volumes } = validateVolumes(spec.volumes ?? [], owner, field.child('volumes'))
  return [
    ...(spec.terminationGracePeriodSeconds === undefined
      ? [required(field.child('terminationGracePeriodSeconds'))]
      : []),
    ...errors,
    ...validatePodClaims(spec, field.child('resourceClaims')),
    ...validateContainers(spec, volumes, field),
    ...validateInitContainers(spec, volumes, field),
    ...validateEphemeralContainers(spec, volumes, field),
    ...validatePodResources(spec, field.child('resources')),
    ...hostPortErrors(spec, owner, field.child('containers')),
    ...choiceErrors(spec.restartPolicy ?? '', restartPolicies, field.child('restartPolicy')),
    ...choiceErrors(spec.dnsPolicy ?? '', dnsPolicies, field.child('dnsPolicy')),
    ...validateLabels(spec.nodeSelector, field.child('nodeSelector')),
    ...validatePodSecurityContext(spec, field.child('securityContext')),
    ...validateAffinity(spec.affinity, field.child('affinity')),
    ...validateDnsConfig(spec, field.child('dnsConfig')),
    ...gateErrors(spec, field),
    ...validateTopologySpread(spec.topologySpreadConstraints ?? [], field.child('topologySpreadConstraints')),
    ...validateHostProcess(spec, field),
    ...hostUsersErrors(spec, field),
    ...nameErrors(spec, field),
    ...validatePodExtras(spec, field),
    ...validateSystem(spec, field),
  ]
}

function choiceErrors(value: string | undefined, allowed: readonly string[], at: FieldPath): FieldError[] {
  if (value === undefined || allowed.includes(value)) return []
  return value === '' ? [required(at)] : [notSupported(at, value, allowed)]
}

/** On the host's network a port is the host's; in a template that may still be filled in. */
function hostPortErrors({ hostNetwork, containers }: PodSpec, { isPod }: PodSpecOwner, list: FieldPath) {
  if (!hostNetwork) return []
  const detail = 'must match `containerPort` when `hostNetwork` is true'
  return (containers ?? []).flatMap(({ ports = [] }, container) =>
    ports.flatMap(({ hostPort = 0, containerPort }, port) => {
      const at = list.index(container).child('ports').index(port).child('hostPort')
      const isWrong = (isPod || hostPort !== 0) && hostPort !== containerPort
      return isWrong ? [invalid(at, hostPort, detail)] : []
    }),
  )
}

function gateErrors({ readinessGates = [], schedulingGates = [] }: PodSpec, field: FieldPath): FieldError[] {
  const errors = readinessGates.flatMap(({ conditionType }, index) =>
    invalidFor(
      field.child('readinessGates').index(index).child('conditionType'),
      conditionType,
      qualifiedNameErrors(conditionType),
    ),
  )
  const names = new Set<string>()
  for (const [index, { name }] of schedulingGates.entries()) {
    const at = field.child('schedulingGates').index(index)
    errors.push(...invalidFor(at, name, qualifiedNameErrors(name)))
    if (names.has(name)) errors.push(duplicate(at, name))
    names.add(name)
  }
  return errors
}

/** The names of two of the fields are upstream's slip. */
const hostNamespaces = { hostNetwork: 'hostNetwork', hostPID: 'HostPID', hostIPC: 'HostIPC' } as const

function hostUsersErrors(spec: PodSpec, field: FieldPath): FieldError[] {
  if (spec.hostUsers !== false) return []
  return (['hostNetwork', 'hostPID', 'hostIPC'] as const)
    .filter((name) => spec[name])
    .map((name) => forbidden(field.child(hostNamespaces[name]), 'when `pod.Spec.HostUsers` is false'))
}

function nameErrors(spec: PodSpec, field: FieldPath): FieldError[] {
  const check = (name: keyof PodSpec, rule: (value: string) => string[]) => {
    const value = spec[name]
    return typeof value === 'string' && value ? invalidFor(field.child(name), value, rule(value)) : []
  }
  const errors = [
    ...check('serviceAccountName', dns1123SubdomainErrors),
    ...check('nodeName', dns1123SubdomainErrors),
  ]
  const { activeDeadlineSeconds: deadline, runtimeClassName, preemptionPolicy } = spec
  if (deadline !== undefined && (deadline < 1 || deadline > maxInt32)) {
    const detail = `must be between 1 and ${maxInt32}, inclusive`
    errors.push(invalid(field.child('activeDeadlineSeconds'), deadline, detail))
  }
  errors.push(
    ...check('hostname', dns1123LabelErrors),
    ...check('subdomain', dns1123LabelErrors),
    ...validateTolerations(spec.tolerations ?? [], field.child('tolerations')),
    ...hostAliasErrors(spec, field.child('hostAliases')),
    ...check('priorityClassName', dns1123SubdomainErrors),
  )
  if (runtimeClassName !== undefined) {
    const at = field.child('runtimeClassName')
    errors.push(...invalidFor(at, runtimeClassName, dns1123SubdomainErrors(runtimeClassName)))
  }
  errors.push(...choiceErrors(preemptionPolicy, preemptionPolicies, field.child('preemptionPolicy')))
  if (spec.overhead) errors.push(...validateResources({ limits: spec.overhead }, field.child('overhead')))
  return errors
}

function hostAliasErrors({ hostAliases = [] }: PodSpec, field: FieldPath): FieldError[] {
  return hostAliases.flatMap(({ ip, hostnames = [] }, index) => {
    const at = field.index(index)
    return [
      ...validateIpForLegacyField(at.child('ip'), ip),
      ...hostnames.flatMap((hostname, position) =>
        invalidFor(at.child('hostnames').index(position), hostname, dns1123SubdomainErrors(hostname)),
      ),
    ]
  })
}
