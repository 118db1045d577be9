import { posix } from 'node:path'
import { forbidden, required, type FieldError, type FieldPath } from '../../machinery/field-error.ts'
import type { PersistentVolumeSpec } from '../generated/core.v1.ts'
import { accessModesErrors } from './access-modes.ts'
import { attributesClassErrors, sourceErrors } from './persistent-volume-validation.ts'

const refused = 'may not be specified in the context of inline volumes'

/**
 * A volume that stands in an attachment, not as an object of its own: nothing claims, places or grows it, and only a
 * CSI driver can attach it. Source: kubernetes/pkg/apis/core/validation, ValidatePersistentVolumeSpec.
 */
export function validateInlineVolume(spec: PersistentVolumeSpec, at: FieldPath): FieldError[] {
  const { claimRef, capacity, csi, persistentVolumeReclaimPolicy: policy, volumeMode } = spec
  const errors: FieldError[] = []
  if (claimRef) errors.push(forbidden(at.child('claimRef'), refused))
  if (Object.keys(capacity ?? {}).length > 0) errors.push(forbidden(at.child('capacity'), refused))
  if (!csi) errors.push(required(at.child('csi'), 'has to be specified in the context of inline volumes'))
  errors.push(...accessModesErrors(spec.accessModes, at.child('accessModes'), ''))
  const policyAt = at.child('persistentVolumeReclaimPolicy')
  if (policy && policy !== 'Retain')
    errors.push(forbidden(policyAt, 'may only be Retain in the context of inline volumes'))
  if (spec.nodeAffinity) errors.push(forbidden(at.child('nodeAffinity'), refused))
  errors.push(...sourceErrors(spec, '', at))
  if (spec.hostPath && posix.normalize(spec.hostPath.path) === '/' && policy === 'Recycle')
    errors.push(forbidden(policyAt, "may not be 'recycle' for a hostPath mount of '/'"))
  if (spec.storageClassName) errors.push(forbidden(at.child('storageClassName'), refused))
  if (volumeMode !== undefined && volumeMode !== 'Filesystem') {
    const detail = 'may not specify volumeMode other than Filesystem in the context of inline volumes'
    errors.push(forbidden(at.child('volumeMode'), detail))
  }
  return [...errors, ...attributesClassErrors(spec, at)]
}
