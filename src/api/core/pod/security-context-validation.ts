import {
  duplicate,
  invalid,
  invalidFor,
  notSupported,
  required,
  tooLong,
  type FieldError,
  type FieldPath,
} from '../../../machinery/field-error.ts'
import { groupIdErrors, userIdErrors } from '../../../machinery/validation/names.ts'
import { validateLocalDescendingPath } from '../../../machinery/validation/paths.ts'
import type {
  AppArmorProfile,
  PodSpec,
  SeccompProfile,
  SecurityContext,
  Sysctl,
} from '../../generated/core.v1.ts'
import { validateWindowsOptions } from './windows-validation.ts'
import { internalForm } from '../../internal-form.ts'

const sysctlFormat = String.raw`^([a-z0-9]([-_a-z0-9]*[a-z0-9])?[\./])*[a-z0-9]([-_a-z0-9]*[a-z0-9])?$`
const sysctlPattern = new RegExp(sysctlFormat)
const maxSysctlLength = 253
const sysctlDetail = `must have at most ${maxSysctlLength} characters and match regex ${sysctlFormat}`

/** Source: validatePodSpecSecurityContext. */
export function validatePodSecurityContext(spec: PodSpec, field: FieldPath): FieldError[] {
  const { securityContext: context } = spec
  if (!context) return []
  const errors = [
    ...idErrors(context.fsGroup, groupIdErrors, field.child('fsGroup')),
    ...idErrors(context.runAsUser, userIdErrors, field.child('runAsUser')),
    ...idErrors(context.runAsGroup, groupIdErrors, field.child('runAsGroup')),
    ...(context.supplementalGroups ?? []).flatMap((group, index) =>
      idErrors(group, groupIdErrors, field.child('supplementalGroups').index(index)),
    ),
  ]
  if (spec.shareProcessNamespace && spec.hostPID) {
    const detail = 'ShareProcessNamespace and HostPID cannot both be enabled'
    errors.push(invalid(field.child('shareProcessNamespace'), true, detail))
  }
  return [
    ...errors,
    ...sysctlErrors(context.sysctls ?? [], field.child('sysctls')),
    ...choiceErrors(
      context.fsGroupChangePolicy,
      ['Always', 'OnRootMismatch'],
      field.child('fsGroupChangePolicy'),
    ),
    ...seccompErrors(context.seccompProfile, field.child('seccompProfile')),
    ...validateWindowsOptions(context.windowsOptions, field.child('windowsOptions')),
    ...appArmorErrors(context.appArmorProfile, field.child('appArmorProfile')),
    ...choiceErrors(
      context.supplementalGroupsPolicy,
      ['Merge', 'Strict'],
      field.child('supplementalGroupsPolicy'),
    ),
    ...choiceErrors(
      context.seLinuxChangePolicy,
      ['MountOption', 'Recursive'],
      field.child('seLinuxChangePolicy'),
    ),
  ]
}

/** That those of the host's own namespaces are left alone is the kubelet's rule, and a matter of pod security. */
function sysctlErrors(sysctls: readonly Sysctl[], field: FieldPath): FieldError[] {
  const names = new Set<string>()
  return sysctls.flatMap(({ name }, index) => {
    const at = field.index(index).child('name')
    const isKnown = names.has(name)
    names.add(name)
    if (name === '') return [required(at)]
    if (name.length > maxSysctlLength || !sysctlPattern.test(name)) return [invalid(at, name, sysctlDetail)]
    return isKnown ? [duplicate(at, name)] : []
  })
}

/** Source: ValidateSecurityContext. */
export function validateSecurityContext(
  context: SecurityContext | undefined,
  spec: PodSpec,
  field: FieldPath,
): FieldError[] {
  if (!context) return []
  const { procMount, privileged, capabilities, allowPrivilegeEscalation } = context
  const procMountAt = field.child('procMount')
  const errors = [
    ...idErrors(context.runAsUser, userIdErrors, field.child('runAsUser')),
    ...idErrors(context.runAsGroup, groupIdErrors, field.child('runAsGroup')),
    ...choiceErrors(procMount, ['Default', 'Unmasked'], procMountAt),
  ]
  if (procMount === 'Unmasked' && spec.hostUsers !== false)
    errors.push(invalid(procMountAt, procMount, '`hostUsers` must be false to use `Unmasked`'))
  errors.push(...seccompErrors(context.seccompProfile, field.child('seccompProfile')))
  if (allowPrivilegeEscalation === false) {
    const shown = internalForm('core.v1.SecurityContext', context)
    const both = 'cannot set `allowPrivilegeEscalation` to false and'
    if (privileged) errors.push(invalid(field, shown, `${both} \`privileged\` to true`))
    for (const capability of capabilities?.add ?? []) {
      if (capability === 'CAP_SYS_ADMIN')
        errors.push(invalid(field, shown, `${both} \`capabilities.Add\` CAP_SYS_ADMIN`))
    }
  }
  return [
    ...errors,
    ...validateWindowsOptions(context.windowsOptions, field.child('windowsOptions')),
    ...appArmorErrors(context.appArmorProfile, field.child('appArmorProfile')),
  ]
}

function choiceErrors(value: string | undefined, allowed: readonly string[], at: FieldPath): FieldError[] {
  return value === undefined || allowed.includes(value) ? [] : [notSupported(at, value, allowed)]
}

function idErrors(id: number | undefined, rule: (id: number) => string[], at: FieldPath): FieldError[] {
  return id === undefined ? [] : invalidFor(at, id, rule(id))
}

const profileTypes = ['Localhost', 'RuntimeDefault', 'Unconfined']

/** Source: validateSeccompProfileField. */
function seccompErrors(profile: SeccompProfile | undefined, field: FieldPath): FieldError[] {
  if (!profile) return []
  const { type, localhostProfile } = profile
  const errors: FieldError[] = []
  if (!type) errors.push(required(field.child('type'), 'type is required when seccompProfile is set'))
  else if (!profileTypes.includes(type)) errors.push(notSupported(field.child('type'), type, profileTypes))
  const at = field.child('localhostProfile')
  if (type !== 'Localhost') {
    const detail = 'can only be set when seccomp type is Localhost'
    return localhostProfile === undefined
      ? errors
      : [...errors, invalid(at, internalForm('core.v1.SeccompProfile', profile), detail)]
  }
  return localhostProfile === undefined
    ? [required(at, 'must be set when seccomp type is Localhost')]
    : validateLocalDescendingPath(at, localhostProfile)
}

const maxAppArmorProfileLength = 4095

/** Source: ValidateAppArmorProfileField. */
export function appArmorErrors(profile: AppArmorProfile | undefined, field: FieldPath): FieldError[] {
  if (!profile) return []
  const { type, localhostProfile } = profile
  const at = field.child('localhostProfile')
  if (!type) return [required(field.child('type'), 'type is required when appArmorProfile is set')]
  if (!profileTypes.includes(type)) return [notSupported(field.child('type'), type, profileTypes)]
  if (type !== 'Localhost') {
    const detail = 'can only be set when AppArmor type is Localhost'
    return localhostProfile === undefined ? [] : [invalid(at, localhostProfile, detail)]
  }
  const missing = required(at, 'must be set when AppArmor type is Localhost')
  if (localhostProfile === undefined) return [missing]
  const trimmed = localhostProfile.trim()
  const errors: FieldError[] = []
  if (trimmed !== localhostProfile)
    errors.push(invalid(at, localhostProfile, 'must not be padded with whitespace'))
  else if (trimmed === '') errors.push(missing)
  if (Buffer.byteLength(localhostProfile) > maxAppArmorProfileLength)
    errors.push(tooLong(at, localhostProfile, maxAppArmorProfileLength))
  return errors
}
