import { semanticEqual } from '../../../machinery/equal.ts'
import { path } from '../../../machinery/field-error.ts'
import type { Writable } from '../../../machinery/meta.ts'
import type { AppArmorProfile, Pod } from '../../generated/core.v1.ts'
import { allContainers } from './pod-spec-defaults.ts'
import { appArmorErrors } from './security-context-validation.ts'

export const appArmorAnnotation = 'container.apparmor.security.beta.kubernetes.io/'
export const appArmorAdvice = 'deprecated since v1.30; use the "appArmorProfile" field instead'
const localhost = 'localhost/'

/**
 * Makes fields of the annotations that came before them, where a container has no profile of its own and the pod's is
 * another; returns what the author should be told. Source: applyAppArmorVersionSkew.
 */
export function syncAppArmorAnnotations({ metadata, spec }: Writable<Pod>): string[] {
  const annotations = metadata?.annotations
  if (!annotations || !spec || spec.os?.name === 'windows') return []
  const profileOfPod = spec.securityContext?.appArmorProfile
  const warnings: string[] = []
  for (const container of allContainers(spec)) {
    const { name, securityContext } = container
    const annotation = annotations[appArmorAnnotation + name]
    if (annotation === undefined || securityContext?.appArmorProfile) continue
    const profile = profileOf(annotation)
    const isMeant = profile && appArmorErrors(profile, path('')).length === 0
    if (isMeant && semanticEqual(profile, profileOfPod)) continue
    warnings.push(
      `${String(path('metadata', 'annotations').key(appArmorAnnotation + name))}: ${appArmorAdvice}`,
    )
    if (isMeant) container.securityContext = { ...securityContext, appArmorProfile: profile }
  }
  return warnings
}

function profileOf(annotation: string): AppArmorProfile | undefined {
  if (annotation === 'unconfined') return { type: 'Unconfined' }
  if (annotation === 'runtime/default') return { type: 'RuntimeDefault' }
  const localhostProfile = annotation.startsWith(localhost) ? annotation.slice(localhost.length) : ''
  return localhostProfile ? { type: 'Localhost', localhostProfile } : undefined
}
