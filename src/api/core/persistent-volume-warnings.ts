import { path } from '../../machinery/field-error.ts'
import type { PersistentVolume } from '../generated/core.v1.ts'
import { classAnnotationWarnings } from './claim-warnings.ts'
import { nodeSelectorTermWarnings } from './node-labels.ts'

const mountOptions = 'volume.beta.kubernetes.io/mount-options'

const outOfUse = [
  ['cephfs', 'cephfs', 'deprecated in v1.28, non-functional in v1.31+'],
  ['photonPersistentDisk', 'photonPersistentDisk', 'deprecated in v1.11, non-functional in v1.16+'],
  ['scaleIO', 'scaleIO', 'deprecated in v1.16, non-functional in v1.22+'],
  ['storageos', 'storageOS', 'deprecated in v1.22, non-functional in v1.25+'],
  ['glusterfs', 'glusterfs', 'deprecated in v1.25, non-functional in v1.26+'],
  ['rbd', 'rbd', 'deprecated in v1.28, non-functional in v1.31+'],
] as const

/** Source: kubernetes/pkg/api/persistentvolume. */
export function persistentVolumeWarnings({ metadata, spec }: PersistentVolume): string[] {
  const field = path('spec')
  const warnings = classAnnotationWarnings(metadata?.annotations)
  if (metadata?.annotations?.[mountOptions] !== undefined) {
    const at = path('metadata', 'annotations').key(mountOptions)
    warnings.push(`${String(at)}: deprecated since v1.31; use "mountOptions" attribute instead`)
  }
  if (spec?.persistentVolumeReclaimPolicy === 'Recycle') {
    const advice = 'Instead, the recommended approach is to use dynamic provisioning.'
    const at = field.child('persistentVolumeReclaimPolicy')
    warnings.push(`${String(at)}: The Recycle reclaim policy is deprecated. ${advice}`)
  }
  const terms = field.child('nodeAffinity', 'required', 'nodeSelectorTerms')
  for (const [index, term] of (spec?.nodeAffinity?.required?.nodeSelectorTerms ?? []).entries())
    warnings.push(...nodeSelectorTermWarnings(term, terms.index(index)))
  for (const [name, shown, message] of outOfUse)
    if (spec?.[name]) warnings.push(`${String(field.child(shown))}: ${message}`)
  return warnings
}
