import {
  duplicate,
  forbidden,
  invalid,
  notSupported,
  path,
  required,
  type FieldError,
  type FieldPath,
} from '../../../machinery/field-error.ts'
import { validateIp, validateIpForLegacyField } from '../../../machinery/validation/ip.ts'
import { validateLabels } from '../../../machinery/validation/labels.ts'
import {
  dns1123LabelErrors,
  dns1123SubdomainErrors,
  dns1123SubdomainMaxLength,
  qualifiedNameErrors,
} from '../../../machinery/validation/names.ts'
import type { Pod, PodSpec, PodTemplateSpec } from '../../generated/core.v1.ts'
import { validateAffinity } from './affinity-validation.ts'
import {
  validateContainers,
  validateEphemeralContainers,
  validateInitContainers,
} from './container-validation.ts'
import { validatePodExtras } from './pod-extras-validation.ts'
import { validateResources } from './resources-validation.ts'
import { validateTolerations, validateTopologySpread } from './scheduling-validation.ts'
import { validatePodSecurityContext } from './security-context-validation.ts'
import { validateVolumes } from './volume-validation.ts'

const restartPolicies = ['Always', 'OnFailure', 'Never']
const dnsPolicies = ['ClusterFirstWithHostNet', 'ClusterFirst', 'Default', 'None']
const maxInt32 = 2 ** 31 - 1
const maxNameServers = 3
const maxSearches = 32
const maxSearchCharacters = 2048

/** Source: kubernetes pkg/apis/core/validation, ValidatePodCreate. */
export function validatePod(pod: Pod): FieldError[] {
  const field = path('spec')
  if (!pod.spec) return [required(field)]
  const errors = validatePodSpec(pod.spec, field)
  if (pod.spec.nodeName && pod.spec.schedulingGates?.length) {
    errors.push(
      forbidden(field.child('nodeName'), 'cannot be set until all schedulingGates have been cleared'),
    )
  }
  if (pod.spec.ephemeralContainers?.length) {
    errors.push(forbidden(field.child('ephemeralContainers'), 'cannot be set on create'))
  }
  return errors
}

/** The template of a workload: labels, annotations and spec. */
export function validatePodTemplate(template: PodTemplateSpec | undefined, field: FieldPath): FieldError[] {
  if (!template?.spec) return [required(field.child('spec'))]
  const { metadata, spec } = template
  const errors = [
    ...(metadata?.labels ? validateLabels(metadata.labels, field.child('labels')) : []),
    ...validatePodSpec(spec, field.child('spec')),
  ]
  if (spec.ephemeralContainers?.length) {
    errors.push(
      forbidden(
        field.child('spec').child('ephemeralContainers'),
        'ephemeral containers not allowed in pod template',
      ),
    )
  }
  return errors
}

export function validatePodSpec(spec: PodSpec, field: FieldPath): FieldError[] {
  const volumes = validateVolumes(spec.volumes ?? [], field.child('volumes'))
  return [
    ...volumes.errors,
    ...validateContainers(spec, volumes.volumes, field),
    ...validateInitContainers(spec, volumes.volumes, field),
    ...validateEphemeralContainers(spec, volumes.volumes, field),
    ...lifeErrors(spec, field),
    ...dnsErrors(spec, field),
    ...(spec.nodeSelector ? validateLabels(spec.nodeSelector, field.child('nodeSelector')) : []),
    ...validatePodSecurityContext(spec, field.child('securityContext')),
    ...nameErrors(spec, field),
    ...validateAffinity(spec.affinity, field.child('affinity')),
    ...validateTolerations(spec.tolerations ?? [], field.child('tolerations')),
    ...validateTopologySpread(spec.topologySpreadConstraints ?? [], field.child('topologySpreadConstraints')),
    ...hostErrors(spec, field),
    ...validatePodExtras(spec, field),
    ...(spec.resources ? validateResources(spec.resources, field.child('resources')) : []),
  ]
}

function lifeErrors(spec: PodSpec, field: FieldPath): FieldError[] {
  const errors: FieldError[] = []
  const { restartPolicy, terminationGracePeriodSeconds, activeDeadlineSeconds, preemptionPolicy } = spec
  if (!restartPolicy) errors.push(required(field.child('restartPolicy')))
  else if (!restartPolicies.includes(restartPolicy)) {
    errors.push(notSupported(field.child('restartPolicy'), restartPolicy, restartPolicies))
  }
  if ((terminationGracePeriodSeconds ?? 0) < 0) {
    errors.push(
      invalid(
        field.child('terminationGracePeriodSeconds'),
        terminationGracePeriodSeconds,
        'must be greater than or equal to 0',
      ),
    )
  }
  if (
    activeDeadlineSeconds !== undefined &&
    (activeDeadlineSeconds < 1 || activeDeadlineSeconds > maxInt32)
  ) {
    errors.push(
      invalid(
        field.child('activeDeadlineSeconds'),
        activeDeadlineSeconds,
        `must be between 1 and ${maxInt32}, inclusive`,
      ),
    )
  }
  if (preemptionPolicy && !['Never', 'PreemptLowerPriority'].includes(preemptionPolicy)) {
    errors.push(
      notSupported(field.child('preemptionPolicy'), preemptionPolicy, ['Never', 'PreemptLowerPriority']),
    )
  }
  return errors
}

function dnsErrors({ dnsPolicy, dnsConfig }: PodSpec, field: FieldPath): FieldError[] {
  const errors: FieldError[] = []
  const config = field.child('dnsConfig')
  if (dnsPolicy && !dnsPolicies.includes(dnsPolicy)) {
    errors.push(notSupported(field.child('dnsPolicy'), dnsPolicy, dnsPolicies))
  }
  const { nameservers = [], searches = [], options = [] } = dnsConfig ?? {}
  if (dnsPolicy === 'None' && nameservers.length === 0) {
    errors.push(
      required(
        config.child('nameservers'),
        `must provide at least one DNS nameserver when \`dnsPolicy\` is None`,
      ),
    )
  }
  if (nameservers.length > maxNameServers) {
    errors.push(
      invalid(
        config.child('nameservers'),
        nameservers,
        `must not have more than ${maxNameServers} nameservers`,
      ),
    )
  }
  for (const [index, server] of nameservers.entries())
    errors.push(...validateIpForLegacyField(config.child('nameservers').index(index), server))
  if (searches.length > maxSearches) {
    errors.push(
      invalid(config.child('searches'), searches, `must not have more than ${maxSearches} search paths`),
    )
  }
  if (searches.join(' ').length > maxSearchCharacters) {
    errors.push(
      invalid(
        config.child('searches'),
        searches,
        `must not have more than ${maxSearchCharacters} characters (including spaces) in the search list`,
      ),
    )
  }
  for (const [index, search] of searches.entries()) {
    const name = search.replace(/\.$/, '').replaceAll('_', '-')
    if (search === '.') continue
    errors.push(
      ...dns1123SubdomainErrors(name.toLowerCase()).map((message) =>
        invalid(config.child('searches').index(index), search, message),
      ),
    )
  }
  for (const [index, { name }] of options.entries()) {
    if (!name) errors.push(required(config.child('options').index(index), 'must not be empty'))
  }
  return errors
}

function nameErrors(spec: PodSpec, field: FieldPath): FieldError[] {
  const errors: FieldError[] = []
  const check = (name: keyof PodSpec, rule: (value: string) => string[]) => {
    const value = spec[name]
    if (typeof value === 'string' && value)
      errors.push(...rule(value).map((message) => invalid(field.child(name), value, message)))
  }
  check('serviceAccountName', dns1123SubdomainErrors)
  check('nodeName', dns1123SubdomainErrors)
  check('hostname', dns1123LabelErrors)
  check('subdomain', dns1123LabelErrors)
  check('priorityClassName', dns1123SubdomainErrors)
  check('runtimeClassName', dns1123SubdomainErrors)
  check('schedulerName', qualifiedNameErrors)
  for (const [index, { conditionType }] of (spec.readinessGates ?? []).entries()) {
    const at = field.child('readinessGates').index(index).child('conditionType')
    errors.push(...qualifiedNameErrors(conditionType).map((message) => invalid(at, conditionType, message)))
  }
  const gates = new Set<string>()
  for (const [index, { name }] of (spec.schedulingGates ?? []).entries()) {
    const at = field.child('schedulingGates').index(index)
    errors.push(...qualifiedNameErrors(name).map((message) => invalid(at, name, message)))
    if (gates.has(name)) errors.push(duplicate(at, name))
    gates.add(name)
  }
  return errors
}

function hostErrors(spec: PodSpec, field: FieldPath): FieldError[] {
  const errors: FieldError[] = []
  for (const [index, { ip, hostnames = [] }] of (spec.hostAliases ?? []).entries()) {
    const at = field.child('hostAliases').index(index)
    errors.push(...validateIp(at.child('ip'), ip))
    for (const hostname of hostnames) {
      errors.push(
        ...dns1123SubdomainErrors(hostname).map((message) =>
          invalid(at.child('hostnames'), hostname, message),
        ),
      )
    }
  }
  if (spec.setHostnameAsFQDN && spec.hostname && spec.hostname.length > dns1123SubdomainMaxLength) {
    errors.push(
      invalid(
        field.child('hostname'),
        spec.hostname,
        'must be no more than 64 characters with setHostnameAsFQDN',
      ),
    )
  }
  if (spec.shareProcessNamespace && spec.hostPID) {
    errors.push(
      invalid(
        field.child('shareProcessNamespace'),
        true,
        'ShareProcessNamespace and HostPID cannot both be enabled',
      ),
    )
  }
  if (spec.hostUsers === false) {
    for (const name of ['hostNetwork', 'hostPID', 'hostIPC'] as const) {
      if (spec[name]) errors.push(forbidden(field.child(name), 'when `hostUsers` is false'))
    }
  }
  return errors
}
