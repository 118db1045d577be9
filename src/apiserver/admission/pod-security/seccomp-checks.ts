import type { ObjectMeta } from '../../../machinery/meta.ts'
import type { PodSpec } from '../../../api/generated/core.v1.ts'
import {
  badContainers,
  containersOf,
  containersText,
  isWindows,
  plural,
  quoted,
  settersText,
  sorted,
  type Check,
  type CheckPod,
} from './check.ts'

/*
 * Which system calls a pod may be left with. Source: k8s.io/pod-security-admission/policy.
 */

const podAnnotation = 'seccomp.security.alpha.kubernetes.io/pod'
const containerAnnotation = 'container.seccomp.security.alpha.kubernetes.io/'

/** Before the field there were annotations. */
const byAnnotations: CheckPod = (_spec, { annotations = {} }: ObjectMeta) => {
  const isGood = (value: string) =>
    value === 'runtime/default' || value === 'docker/default' || value.startsWith('localhost/')
  const bad = Object.entries(annotations)
    .filter(
      ([key, value]) => (key === podAnnotation || key.startsWith(containerAnnotation)) && !isGood(value),
    )
    .map(([key, value]) => `${key}="${value}"`)
    .sort()
  if (bad.length === 0) return undefined
  return {
    reason: 'seccompProfile',
    detail: `forbidden ${plural('annotation', 'annotations', bad.length)} ${bad.join(', ')}`,
  }
}

function isBad(type: string | undefined): boolean {
  return type !== undefined && type !== 'RuntimeDefault' && type !== 'Localhost'
}

/** Nobody may ask for another profile. */
const explicitProfiles: CheckPod = (spec) => {
  const podType = spec.securityContext?.seccompProfile?.type
  const names = badContainers(spec, (context) => isBad(context.seccompProfile?.type))
  const setters = settersText(isBad(podType), names)
  if (setters === '') return undefined
  const types = [
    podType,
    ...containersOf(spec).map(({ securityContext }) => securityContext?.seccompProfile?.type),
  ]
  const values = sorted(types.flatMap((type) => (isBad(type) ? [type!] : [])))
  return {
    reason: 'seccompProfile',
    detail: `${setters} must not set securityContext.seccompProfile.type to ${quoted(values)}`,
  }
}

/** And everybody must ask for one. */
const requiredProfiles: CheckPod = (spec, metadata) => {
  const explicit = explicitProfiles(spec, metadata)
  if (explicit || spec.securityContext?.seccompProfile) return explicit
  const names = badContainers(spec, (context) => !context.seccompProfile)
  if (names.length === 0) return undefined
  return {
    reason: 'seccompProfile',
    detail: `pod or ${containersText(names)} must set securityContext.seccompProfile.type to "RuntimeDefault" or "Localhost"`,
  }
}

export const seccompBaseline: Check['versions'] = [
  { since: 0, check: byAnnotations },
  { since: 19, check: explicitProfiles },
]

export const seccompRestricted: Check['versions'] = [
  { since: 19, check: requiredProfiles },
  {
    since: 25,
    check: (spec: PodSpec, metadata) => (isWindows(spec) ? undefined : requiredProfiles(spec, metadata)),
  },
]
