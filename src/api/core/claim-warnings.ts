import { path, type FieldPath } from '../../machinery/field-error.ts'
import type { PersistentVolumeClaim, PersistentVolumeClaimSpec } from '../generated/core.v1.ts'
import { fractionalBytesWarnings } from './fractional-bytes.ts'

/** How classes were named before there was a field. */
export const classAnnotation = 'volume.beta.kubernetes.io/storage-class'

/** Where the annotation stands for the field `storageClassName`. */
export function classAnnotationWarnings(annotations: Readonly<Record<string, string>> | undefined): string[] {
  if (annotations?.[classAnnotation] === undefined) return []
  const at = path('metadata', 'annotations').key(classAnnotation)
  return [`${String(at)}: deprecated since v1.8; use "storageClassName" attribute instead`]
}

/** Source: kubernetes/pkg/api/persistentvolumeclaim. */
export function claimWarnings({ metadata, spec }: PersistentVolumeClaim): string[] {
  return [...classAnnotationWarnings(metadata?.annotations), ...claimSpecWarnings(spec, path('spec'))]
}

export function claimSpecWarnings(spec: PersistentVolumeClaimSpec | undefined, at: FieldPath): string[] {
  return (['requests', 'limits'] as const).flatMap((name) =>
    fractionalBytesWarnings(spec?.resources?.[name]?.['storage'], at.child('resources', name).key('storage')),
  )
}
