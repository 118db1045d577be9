import {
  duplicate,
  forbidden,
  invalid,
  invalidFor,
  notSupported,
  required,
  type FieldError,
  type FieldPath,
} from '../../../machinery/field-error.ts'
import { dns1123LabelErrors, dns1123SubdomainErrors } from '../../../machinery/validation/names.ts'
import type { PodResourceClaim, PodSpec } from '../../generated/core.v1.ts'
import { visitContainers } from './visit-containers.ts'
import { internalForm } from '../../internal-form.ts'

const systems = ['linux', 'windows']
const maxHostnameOverrideLength = 64

/** The rarer fields of a pod, younger than the others. Source: kubernetes/pkg/apis/core/validation. */
export function validatePodExtras(spec: PodSpec, field: FieldPath): FieldError[] {
  return [...hostnameErrors(spec, field), ...groupErrors(spec, field.child('schedulingGroup'))]
}

/** What the other system's pods do not have. */
const onlyLinux = ['hostPID', 'hostIPC', 'hostUsers', 'shareProcessNamespace'] as const
const onlyLinuxContext = [
  'appArmorProfile',
  'seLinuxOptions',
  'seccompProfile',
  'fsGroup',
  'fsGroupChangePolicy',
  'sysctls',
  'runAsUser',
  'runAsGroup',
  'supplementalGroups',
  'supplementalGroupsPolicy',
  'seLinuxChangePolicy',
] as const
const onlyLinuxContainer = [
  'appArmorProfile',
  'seLinuxOptions',
  'seccompProfile',
  'capabilities',
  'readOnlyRootFilesystem',
  'privileged',
  'allowPrivilegeEscalation',
  'procMount',
  'runAsUser',
  'runAsGroup',
] as const

/** Source: validateOS, validateLinux and validateWindows. */
export function validateSystem(spec: PodSpec, field: FieldPath): FieldError[] {
  if (!spec.os) return []
  const { name } = spec.os
  const at = field.child('os', 'name')
  if (!name) return [required(at, 'cannot be empty')]
  if (!systems.includes(name)) return [notSupported(field.child('os'), name, systems)]
  const context = field.child('securityContext')
  const refuse = (where: FieldPath) => forbidden(where, `cannot be set for a ${name} pod`)
  const containers = [...visitContainers(spec, field)].map(
    ([{ securityContext }, where]) => [securityContext, where.child('securityContext')] as const,
  )
  if (name === 'linux') {
    return [
      ...(spec.securityContext?.windowsOptions ? [context.child('windowsOptions')] : []),
      ...containers.flatMap(([own, where]) => (own?.windowsOptions ? [where.child('windowsOptions')] : [])),
    ].map((where) => forbidden(where, 'windows options cannot be set for a linux pod'))
  }
  return [
    ...onlyLinux.filter((key) => isSaid(spec[key], key)).map((key) => refuse(field.child(key))),
    ...onlyLinuxContext
      .filter((key) => spec.securityContext?.[key] !== undefined)
      .map((key) => refuse(context.child(key))),
    ...containers.flatMap(([own, where]) =>
      onlyLinuxContainer.filter((key) => own?.[key] !== undefined).map((key) => refuse(where.child(key))),
    ),
  ]
}

/** Switches of old count when they are on, younger fields when they are there. */
function isSaid(value: boolean | undefined, key: (typeof onlyLinux)[number]): boolean {
  return key === 'hostPID' || key === 'hostIPC' ? value === true : value !== undefined
}

/** Source: validatePodResourceClaims. */
export function validatePodClaims({ resourceClaims = [] }: PodSpec, field: FieldPath): FieldError[] {
  const seen = new Set<string>()
  return resourceClaims.flatMap((claim, index) => {
    const at = field.index(index)
    const nameAt = at.child('name')
    const errors: FieldError[] = []
    if (!claim.name) errors.push(required(nameAt))
    else if (seen.has(claim.name)) errors.push(duplicate(nameAt, claim.name))
    else errors.push(...invalidFor(nameAt, claim.name, dns1123LabelErrors(claim.name)))
    seen.add(claim.name)
    return [...errors, ...claimSourceErrors(claim, at)]
  })
}

function claimSourceErrors(claim: PodResourceClaim, at: FieldPath): FieldError[] {
  const one = 'must specify one of: `resourceClaimName`, `resourceClaimTemplateName`'
  const { resourceClaimName, resourceClaimTemplateName } = claim
  const errors: FieldError[] = []
  if (resourceClaimName !== undefined && resourceClaimTemplateName !== undefined) {
    const detail = 'at most one of `resourceClaimName` or `resourceClaimTemplateName` may be specified'
    errors.push(invalid(at, internalForm('core.v1.PodResourceClaim', claim), detail))
  }
  if (resourceClaimName === undefined && resourceClaimTemplateName === undefined)
    errors.push(invalid(at, internalForm('core.v1.PodResourceClaim', claim), one))
  for (const [name, value] of Object.entries({ resourceClaimName, resourceClaimTemplateName })) {
    if (value !== undefined) errors.push(...invalidFor(at.child(name), value, dns1123SubdomainErrors(value)))
  }
  return errors
}

function hostnameErrors(
  { hostnameOverride: name, setHostnameAsFQDN, hostNetwork }: PodSpec,
  field: FieldPath,
): FieldError[] {
  if (name === undefined) return []
  const at = field.child('hostnameOverride')
  const errors = dns1123SubdomainErrors(name).map((message) => invalid(at, name, message))
  if (name.length > maxHostnameOverrideLength)
    errors.push(invalid(at, name, `must be no more than ${maxHostnameOverrideLength} characters`))
  if (setHostnameAsFQDN) {
    const detail = 'may not be specified when setHostnameAsFQDN is true'
    errors.push(forbidden(at, detail))
  }
  if (hostNetwork) errors.push(forbidden(at, 'may not be specified when hostNetwork is true'))
  return errors
}

function groupErrors({ schedulingGroup }: PodSpec, at: FieldPath): FieldError[] {
  if (!schedulingGroup) return []
  const { podGroupName: name } = schedulingGroup
  if (!name) return [required(at.child('podGroupName'))]
  return dns1123SubdomainErrors(name).map((message) => invalid(at.child('podGroupName'), name, message))
}
