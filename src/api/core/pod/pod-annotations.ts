import { forbidden, invalid, type FieldError, type FieldPath } from '../../../machinery/field-error.ts'
import { goQuote } from '../../../machinery/go-format.ts'
import { validateLocalDescendingPath } from '../../../machinery/validation/paths.ts'
import type { PodSpec, Toleration } from '../../generated/core.v1.ts'
import { annotatedList } from '../annotated-values.ts'
import { validateTolerations } from './scheduling-validation.ts'
import { visitContainers } from './visit-containers.ts'

type Annotations = Readonly<Record<string, string>> | undefined

const mirrorAnnotation = 'kubernetes.io/config.mirror'
const tolerationList = 'scheduler.alpha.kubernetes.io/tolerations'
const deletionCost = 'controller.kubernetes.io/pod-deletion-cost'
const seccompPod = 'seccomp.security.alpha.kubernetes.io/pod'
const seccompContainer = 'container.seccomp.security.alpha.kubernetes.io/'
const appArmorContainer = 'container.apparmor.security.beta.kubernetes.io/'
const localhost = 'localhost/'

/** Annotations that mean something for a pod. Source: ValidatePodSpecificAnnotations. */
export function validatePodAnnotations(
  annotations: Annotations,
  spec: PodSpec,
  field: FieldPath,
): FieldError[] {
  if (!annotations) return []
  const errors: FieldError[] = []
  const mirror = annotations[mirrorAnnotation]
  if (mirror !== undefined && !spec.nodeName) {
    const detail = 'must set spec.nodeName if mirror pod annotation is set'
    errors.push(invalid(field.key(mirrorAnnotation), mirror, detail))
  }
  errors.push(...tolerationErrors(annotations[tolerationList], field))
  const cost = annotations[deletionCost]
  if (cost !== undefined && !isInt32(cost))
    errors.push(invalid(field.key(deletionCost), cost, 'must be a 32bit integer'))
  for (const [key, value] of Object.entries(annotations)) {
    if (key === seccompPod || key.startsWith(seccompContainer))
      errors.push(...seccompErrors(value, field.child(key)))
    if (key.startsWith(appArmorContainer)) errors.push(...appArmorErrors(key, value, spec, field.key(key)))
  }
  return errors
}

/** Tolerations from before there was a field for them: nobody heeds them, but they are looked at. */
function tolerationErrors(text: string | undefined, field: FieldPath): FieldError[] {
  if (!text) return []
  const list = annotatedList<Toleration>(text, 'Toleration')
  return 'fault' in list
    ? [invalid(field, tolerationList, list.fault)]
    : validateTolerations(list.value, field.child(tolerationList))
}

/** No plus sign and no leading zeros: what is written must be what is meant. */
function isInt32(text: string): boolean {
  return /^(0|-?[1-9]\d*)$/.test(text) && Number(text) >= -(2 ** 31) && Number(text) < 2 ** 31
}

function seccompErrors(profile: string, at: FieldPath): FieldError[] {
  if (['runtime/default', 'docker/default', 'unconfined'].includes(profile)) return []
  if (profile.startsWith(localhost)) return validateLocalDescendingPath(at, profile.slice(localhost.length))
  return [invalid(at, profile, 'must be a valid seccomp profile')]
}

function appArmorErrors(key: string, profile: string, spec: PodSpec, at: FieldPath): FieldError[] {
  const name = key.slice(appArmorContainer.length)
  const errors: FieldError[] = []
  if (![...visitContainers(spec, at)].some(([container]) => container.name === name))
    errors.push(invalid(at, name, 'container not found'))
  const isKnown = ['', 'runtime/default', 'unconfined'].includes(profile) || profile.startsWith(localhost)
  if (!isKnown) errors.push(invalid(at, profile, `invalid AppArmor profile name: ${goQuote(profile)}`))
  return errors
}

interface Profile {
  readonly type: string
  readonly localhostProfile?: string
}

/** Where an annotation of old and the field that came after it both stand, they must say the same. */
export function validateProfileAnnotations(
  annotations: Annotations,
  spec: PodSpec,
  field: FieldPath,
): FieldError[] {
  if (!annotations) return []
  const context = field.child('securityContext')
  const errors = mismatch(
    'seccomp',
    spec.securityContext?.seccompProfile,
    annotations[seccompPod],
    context.child('seccompProfile'),
  )
  const containers = [...visitContainers(spec, field)]
  for (const [{ name, securityContext }, at] of containers) {
    const own = at.child('securityContext', 'seccompProfile')
    const annotation = annotations[seccompContainer + name]
    errors.push(...mismatch('seccomp', securityContext?.seccompProfile, annotation, own))
  }
  if (spec.os?.name === 'windows') return errors
  for (const [{ name, securityContext }, at] of containers) {
    const profile = securityContext?.appArmorProfile ?? spec.securityContext?.appArmorProfile
    const own = at.child('securityContext', 'appArmorProfile')
    errors.push(...mismatch('apparmor', profile, annotations[appArmorContainer + name], own))
  }
  return errors
}

function mismatch(
  kind: 'seccomp' | 'apparmor',
  profile: Profile | undefined,
  annotation: string | undefined,
  at: FieldPath,
): FieldError[] {
  if (!profile || annotation === undefined) return []
  const wrongType = [forbidden(at.child('type'), `${kind} type in annotation and field must match`)]
  switch (profile.type) {
    case 'Unconfined':
      return annotation === 'unconfined' ? [] : wrongType
    case 'RuntimeDefault': {
      const names = kind === 'seccomp' ? ['runtime/default', 'docker/default'] : ['runtime/default']
      return names.includes(annotation) ? [] : wrongType
    }
    case 'Localhost':
      if (!annotation.startsWith(localhost)) return wrongType
      return annotation.slice(localhost.length) === profile.localhostProfile
        ? []
        : [forbidden(at.child('localhostProfile'), `${kind} profile in annotation and field must match`)]
    default:
      return []
  }
}

/** What of them may change once a pod exists. Source: ValidatePodSpecificAnnotationUpdates. */
export function validatePodAnnotationsUpdate(
  annotations: Annotations = {},
  previous: Annotations = {},
  field: FieldPath,
): FieldError[] {
  const fixed = (key: string, verb: string): FieldError[] => {
    if (key.startsWith(appArmorContainer))
      return [forbidden(field.key(key), `may not ${verb} AppArmor annotations`)]
    if (key === mirrorAnnotation) return [forbidden(field.key(key), `may not ${verb} mirror pod annotation`)]
    return []
  }
  return [
    ...Object.keys(previous)
      .filter((key) => annotations[key] !== previous[key])
      .flatMap((key) => fixed(key, 'remove or update')),
    ...Object.keys(annotations)
      .filter((key) => previous[key] === undefined)
      .flatMap((key) => fixed(key, 'add')),
  ]
}
