import {
  duplicate,
  forbidden,
  invalid,
  notSupported,
  required,
  tooLong,
  type FieldError,
  type FieldPath,
} from '../../../machinery/field-error.ts'
import { dns1123SubdomainErrors, groupIdErrors, userIdErrors } from '../../../machinery/validation/names.ts'
import { validateLocalDescendingPath } from '../../../machinery/validation/paths.ts'
import type {
  AppArmorProfile,
  PodSpec,
  SeccompProfile,
  SecurityContext,
  WindowsSecurityContextOptions,
} from '../../generated/core.v1.ts'

const sysctlPattern = /^([a-z0-9]([-_a-z0-9]*[a-z0-9])?[./])*[a-z0-9]([-_a-z0-9]*[a-z0-9])?$/
const maxSysctlLength = 253

/** Source: validatePodSpecSecurityContext. */
export function validatePodSecurityContext(spec: PodSpec, field: FieldPath): FieldError[] {
  const { securityContext } = spec
  if (!securityContext) return []
  const errors: FieldError[] = []
  const {
    runAsUser,
    runAsGroup,
    fsGroup,
    supplementalGroups = [],
    sysctls = [],
    fsGroupChangePolicy,
    seccompProfile,
  } = securityContext
  if (runAsUser !== undefined) errors.push(...idErrors(runAsUser, userIdErrors, field.child('runAsUser')))
  if (runAsGroup !== undefined) errors.push(...idErrors(runAsGroup, groupIdErrors, field.child('runAsGroup')))
  if (fsGroup !== undefined) errors.push(...idErrors(fsGroup, groupIdErrors, field.child('fsGroup')))
  for (const [index, group] of supplementalGroups.entries())
    errors.push(...idErrors(group, groupIdErrors, field.child('supplementalGroups').index(index)))
  if (fsGroupChangePolicy && !['Always', 'OnRootMismatch'].includes(fsGroupChangePolicy)) {
    errors.push(
      notSupported(field.child('fsGroupChangePolicy'), fsGroupChangePolicy, ['Always', 'OnRootMismatch']),
    )
  }
  const names = new Set<string>()
  for (const [index, { name }] of sysctls.entries()) {
    const at = field.child('sysctls').index(index).child('name')
    if (!name) errors.push(required(at))
    else if (name.length > maxSysctlLength || !sysctlPattern.test(name)) {
      errors.push(
        invalid(
          at,
          name,
          `must have at most ${maxSysctlLength} characters and match regex ${sysctlPattern.source}`,
        ),
      )
    } else if (names.has(name)) errors.push(duplicate(at, name))
    const isNetwork = name.startsWith('net.') || name.startsWith('net/')
    if (spec.hostNetwork && isNetwork)
      errors.push(invalid(at, name, "may not be specified when 'hostNetwork' is true"))
    names.add(name)
  }
  return [
    ...errors,
    ...seccompErrors(seccompProfile, field.child('seccompProfile')),
    ...appArmorErrors(securityContext.appArmorProfile, field.child('appArmorProfile')),
    ...windowsErrors(securityContext.windowsOptions, spec, field.child('windowsOptions')),
    ...choiceErrors(
      securityContext.supplementalGroupsPolicy,
      ['Merge', 'Strict'],
      field.child('supplementalGroupsPolicy'),
    ),
    ...choiceErrors(
      securityContext.seLinuxChangePolicy,
      ['MountOption', 'Recursive'],
      field.child('seLinuxChangePolicy'),
    ),
  ]
}

/** Source: ValidateSecurityContext. */
export function validateSecurityContext(
  context: SecurityContext | undefined,
  field: FieldPath,
): FieldError[] {
  if (!context) return []
  const errors: FieldError[] = []
  const {
    runAsUser,
    runAsGroup,
    procMount,
    privileged,
    capabilities,
    allowPrivilegeEscalation,
    seccompProfile,
  } = context
  if (runAsUser !== undefined) errors.push(...idErrors(runAsUser, userIdErrors, field.child('runAsUser')))
  if (runAsGroup !== undefined) errors.push(...idErrors(runAsGroup, groupIdErrors, field.child('runAsGroup')))
  if (procMount && !['Default', 'Unmasked'].includes(procMount)) {
    errors.push(notSupported(field.child('procMount'), procMount, ['Default', 'Unmasked']))
  }
  if (allowPrivilegeEscalation === false) {
    if (privileged)
      errors.push(
        invalid(field, context, 'cannot set `allowPrivilegeEscalation` to false and `privileged` to true'),
      )
    if (capabilities?.add?.includes('CAP_SYS_ADMIN')) {
      errors.push(
        invalid(
          field,
          context,
          'cannot set `allowPrivilegeEscalation` to false and `capabilities.Add` CAP_SYS_ADMIN',
        ),
      )
    }
  }
  return [
    ...errors,
    ...seccompErrors(seccompProfile, field.child('seccompProfile')),
    ...appArmorErrors(context.appArmorProfile, field.child('appArmorProfile')),
    ...windowsErrors(context.windowsOptions, undefined, field.child('windowsOptions')),
  ]
}

function choiceErrors(value: string | undefined, allowed: readonly string[], at: FieldPath): FieldError[] {
  return value === undefined || allowed.includes(value) ? [] : [notSupported(at, value, allowed)]
}

const maxAppArmorProfileLength = 4095

function appArmorErrors(profile: AppArmorProfile | undefined, field: FieldPath): FieldError[] {
  if (!profile) return []
  const { type, localhostProfile } = profile
  const at = field.child('localhostProfile')
  if (!appArmorTypes.includes(type))
    return type
      ? [notSupported(field.child('type'), type, appArmorTypes)]
      : [required(field.child('type'), 'type is required when appArmorProfile is set')]
  if (type !== 'Localhost') {
    const detail = 'can only be set when AppArmor type is Localhost'
    return localhostProfile === undefined ? [] : [invalid(at, localhostProfile, detail)]
  }
  if (localhostProfile === undefined) return [required(at, 'must be set when AppArmor type is Localhost')]
  const trimmed = localhostProfile.trim()
  if (trimmed === '') return [required(at, 'must be set when AppArmor type is Localhost')]
  const errors: FieldError[] = []
  if (trimmed !== localhostProfile)
    errors.push(invalid(at, localhostProfile, 'must not be padded with whitespace'))
  if (localhostProfile.length > maxAppArmorProfileLength)
    errors.push(tooLong(at, localhostProfile, maxAppArmorProfileLength))
  return errors
}

const appArmorTypes = ['Localhost', 'RuntimeDefault', 'Unconfined']
const maxCredentialSpecLength = 64 * 1024
const maxUserNameLength = 104
const maxDomainLength = 256

/** `spec` of a pod's own options: containers of a host process share the host's network. */
function windowsErrors(
  options: WindowsSecurityContextOptions | undefined,
  spec: PodSpec | undefined,
  at: FieldPath,
): FieldError[] {
  if (!options) return []
  const { gmsaCredentialSpecName: specName, gmsaCredentialSpec, runAsUserName, hostProcess } = options
  const errors: FieldError[] = []
  if (specName !== undefined) {
    const field = at.child('gmsaCredentialSpecName')
    errors.push(...dns1123SubdomainErrors(specName).map((message) => invalid(field, specName, message)))
  }
  if (gmsaCredentialSpec !== undefined) {
    const field = at.child('gmsaCredentialSpec')
    if (gmsaCredentialSpec === '')
      errors.push(invalid(field, '', 'gmsaCredentialSpec cannot be an empty string'))
    else if (gmsaCredentialSpec.length > maxCredentialSpecLength) {
      const detail = `gmsaCredentialSpec size must be under ${maxCredentialSpecLength / 1024} KiB`
      errors.push(invalid(field, gmsaCredentialSpec, detail))
    }
  }
  if (runAsUserName !== undefined) {
    const field = at.child('runAsUserName')
    const parts = runAsUserName.split('\\')
    const user = parts.at(-1) ?? ''
    if (runAsUserName === '') errors.push(invalid(field, '', 'runAsUserName cannot be an empty string'))
    // oxlint-disable-next-line no-control-regex
    else if (/[\x00-\x1f\x7f]/.test(runAsUserName))
      errors.push(invalid(field, runAsUserName, 'runAsUserName cannot contain control characters'))
    else if (parts.length > 2)
      errors.push(invalid(field, runAsUserName, 'runAsUserName cannot contain more than one backslash'))
    else if (parts.length === 2 && parts[0]!.length >= maxDomainLength) {
      const detail = `runAsUserName's Domain length must be under ${maxDomainLength} characters`
      errors.push(invalid(field, runAsUserName, detail))
    } else if (user === '') errors.push(invalid(field, runAsUserName, "runAsUserName's User cannot be empty"))
    else if (user.length > maxUserNameLength) {
      const detail = `runAsUserName's User length must not be longer than ${maxUserNameLength} characters`
      errors.push(invalid(field, runAsUserName, detail))
    }
  }
  if (hostProcess && spec && !spec.hostNetwork) {
    const detail = 'hostNetwork must be true if pod contains any hostProcess containers'
    errors.push(invalid(at.child('hostProcess'), hostProcess, detail))
  }
  return errors
}

function idErrors(id: number, rule: (id: number) => string[], field: FieldPath): FieldError[] {
  return rule(id).map((message) => invalid(field, id, message))
}

function seccompErrors(profile: SeccompProfile | undefined, field: FieldPath): FieldError[] {
  if (!profile) return []
  const at = field.child('localhostProfile')
  switch (profile.type) {
    case 'Localhost':
      return profile.localhostProfile
        ? validateLocalDescendingPath(at, profile.localhostProfile)
        : [required(at, 'must be set when seccomp type is Localhost')]
    case 'RuntimeDefault':
    case 'Unconfined':
      return profile.localhostProfile === undefined
        ? []
        : [forbidden(at, 'can only be set when seccomp type is Localhost')]
    default:
      return [notSupported(field.child('type'), profile.type, ['Localhost', 'RuntimeDefault', 'Unconfined'])]
  }
}
