import {
  duplicate,
  forbidden,
  invalid,
  notSupported,
  required,
  type FieldError,
  type FieldPath,
} from '../../../machinery/field-error.ts'
import { groupIdErrors, userIdErrors } from '../../../machinery/validation/names.ts'
import { validateLocalDescendingPath } from '../../../machinery/validation/paths.ts'
import type { PodSpec, SeccompProfile, SecurityContext } from '../../generated/core.v1.ts'

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
  return [...errors, ...seccompErrors(seccompProfile, field.child('seccompProfile'))]
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
  return [...errors, ...seccompErrors(seccompProfile, field.child('seccompProfile'))]
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
