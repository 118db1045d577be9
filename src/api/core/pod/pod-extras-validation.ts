import {
  duplicate,
  forbidden,
  invalid,
  notSupported,
  required,
  type FieldError,
  type FieldPath,
} from '../../../machinery/field-error.ts'
import { dns1123LabelErrors, dns1123SubdomainErrors } from '../../../machinery/validation/names.ts'
import type { PodResourceClaim, PodSpec } from '../../generated/core.v1.ts'
import { validateResources } from './resources-validation.ts'

const systems = ['linux', 'windows']
const maxHostnameOverrideLength = 64

/** The rarer fields of a pod: its system, claims, overhead and names. Source: kubernetes/pkg/apis/core/validation. */
export function validatePodExtras(spec: PodSpec, field: FieldPath): FieldError[] {
  return [
    ...systemErrors(spec, field),
    ...claimErrors(spec, field.child('resourceClaims')),
    ...(spec.overhead ? validateResources({ limits: spec.overhead }, field.child('overhead')) : []),
    ...hostnameErrors(spec, field),
    ...groupErrors(spec, field.child('schedulingGroup')),
  ]
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

function systemErrors(spec: PodSpec, field: FieldPath): FieldError[] {
  if (!spec.os) return []
  const { name } = spec.os
  const at = field.child('os', 'name')
  if (!name) return [required(at, 'cannot be empty')]
  if (!systems.includes(name)) return [notSupported(at, name, systems)]
  const context = field.child('securityContext')
  const refuse = (where: FieldPath) => forbidden(where, `cannot be set for a ${name} pod`)
  const containers = (['initContainers', 'containers', 'ephemeralContainers'] as const).flatMap((list) =>
    (spec[list] ?? []).map(({ securityContext }, index) => {
      return [securityContext, field.child(list).index(index).child('securityContext')] as const
    }),
  )
  if (name === 'linux') {
    return [
      ...(spec.securityContext?.windowsOptions ? [context.child('windowsOptions')] : []),
      ...containers.flatMap(([own, where]) => (own?.windowsOptions ? [where.child('windowsOptions')] : [])),
    ].map((where) => forbidden(where, 'windows options cannot be set for a linux pod'))
  }
  return [
    ...onlyLinux.filter((key) => spec[key]).map((key) => refuse(field.child(key))),
    ...onlyLinuxContext
      .filter((key) => spec.securityContext?.[key] !== undefined)
      .map((key) => refuse(context.child(key))),
    ...containers.flatMap(([own, where]) =>
      onlyLinuxContainer.filter((key) => own?.[key] !== undefined).map((key) => refuse(where.child(key))),
    ),
  ]
}

function claimErrors({ resourceClaims = [] }: PodSpec, field: FieldPath): FieldError[] {
  const seen = new Set<string>()
  return resourceClaims.flatMap((claim, index) => {
    const at = field.index(index)
    const errors = dns1123LabelErrors(claim.name).map((message) =>
      invalid(at.child('name'), claim.name, message),
    )
    if (seen.has(claim.name)) errors.push(duplicate(at.child('name'), claim.name))
    seen.add(claim.name)
    return [...errors, ...claimSourceErrors(claim, at)]
  })
}

function claimSourceErrors(claim: PodResourceClaim, at: FieldPath): FieldError[] {
  const one = 'must specify one of: `resourceClaimName`, `resourceClaimTemplateName`'
  const { resourceClaimName, resourceClaimTemplateName } = claim
  if (resourceClaimName !== undefined && resourceClaimTemplateName !== undefined)
    return [
      invalid(
        at,
        claim,
        'at most one of `resourceClaimName` or `resourceClaimTemplateName` may be specified',
      ),
    ]
  if (resourceClaimName === undefined && resourceClaimTemplateName === undefined)
    return [invalid(at, claim, one)]
  return Object.entries({ resourceClaimName, resourceClaimTemplateName }).flatMap(([name, value]) =>
    value === undefined
      ? []
      : dns1123SubdomainErrors(value).map((message) => invalid(at.child(name), value, message)),
  )
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
