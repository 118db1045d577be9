import {
  forbidden,
  invalid,
  notFound,
  notSupported,
  required,
  type FieldError,
  type FieldPath,
} from '../../../machinery/field-error.ts'
import { validateLocalDescendingPath, validatePathNoBacksteps } from '../../../machinery/validation/paths.ts'
import type { Container, EphemeralContainer, Volume, VolumeMount } from '../../generated/core.v1.ts'

export type Volumes = ReadonlyMap<string, Volume>

type AnyContainer = Container | EphemeralContainer

const propagations = ['Bidirectional', 'HostToContainer', 'None']
const recursions = ['Disabled', 'Enabled', 'IfPossible']

/**
 * Source: ValidateVolumeMounts. Some faults are told of the list and not of the mount, as upstream does.
 */
export function validateMounts(container: AnyContainer, volumes: Volumes, field: FieldPath): FieldError[] {
  const { volumeMounts = [], volumeDevices = [], securityContext } = container
  const paths = new Set<string>()
  return volumeMounts.flatMap((mount, index) => {
    const { name, mountPath, mountPropagation: propagation } = mount
    const at = field.index(index)
    const errors: FieldError[] = []
    if (name === '') errors.push(required(at.child('name')))
    if (!volumes.has(name)) errors.push(notFound(at.child('name'), name))
    if (mountPath === '') errors.push(required(at.child('mountPath')))
    if (paths.has(mountPath)) errors.push(invalid(at.child('mountPath'), mountPath, 'must be unique'))
    paths.add(mountPath)
    if (volumeDevices.some((device) => device.name === name))
      errors.push(invalid(at.child('name'), name, 'must not already exist in volumeDevices'))
    if (volumeDevices.some(({ devicePath }) => devicePath === mountPath)) {
      const detail = 'must not already exist as a path in volumeDevices'
      errors.push(invalid(at.child('mountPath'), mountPath, detail))
    }
    errors.push(...subPathErrors(mount, volumes.get(name), at, field))
    if (propagation !== undefined) {
      const propagationAt = field.child('mountPropagation')
      if (!propagations.includes(propagation))
        errors.push(notSupported(propagationAt, propagation, propagations))
      if (propagation === 'Bidirectional' && !securityContext?.privileged) {
        const detail = 'Bidirectional mount propagation is available only to privileged containers'
        errors.push(forbidden(propagationAt, detail))
      }
    }
    return [...errors, ...recursionErrors(mount, field.child('recursiveReadOnly'))]
  })
}

function subPathErrors(
  { subPath, subPathExpr }: VolumeMount,
  volume: Volume | undefined,
  at: FieldPath,
  list: FieldPath,
): FieldError[] {
  const errors: FieldError[] = []
  const notInImages = 'not allowed in image volume sources'
  if (volume?.image && subPath) errors.push(invalid(at.child('subPath'), subPath, notInImages))
  if (volume?.image && subPathExpr) errors.push(invalid(at.child('subPathExpr'), subPathExpr, notInImages))
  if (subPath) errors.push(...validateLocalDescendingPath(list.child('subPath'), subPath))
  if (!subPathExpr) return errors
  if (subPath) {
    const detail = 'subPathExpr and subPath are mutually exclusive'
    errors.push(invalid(at.child('subPathExpr'), subPathExpr, detail))
  }
  return [...errors, ...validateLocalDescendingPath(list.child('subPathExpr'), subPathExpr)]
}

function recursionErrors(mount: VolumeMount, at: FieldPath): FieldError[] {
  const { recursiveReadOnly: recursion, readOnly, mountPropagation } = mount
  if (recursion === undefined || recursion === 'Disabled') return []
  if (!recursions.includes(recursion)) return [notSupported(at, recursion, recursions)]
  const errors: FieldError[] = []
  if (!readOnly) errors.push(forbidden(at, 'may only be specified when readOnly is true'))
  if (mountPropagation !== undefined && mountPropagation !== 'None') {
    const detail = 'may only be specified when mountPropagation is None or not specified'
    errors.push(forbidden(at, detail))
  }
  return errors
}

const onlyClaims = 'can only use volume source type of PersistentVolumeClaim or Ephemeral for block mode'

/** Source: ValidateVolumeDevices. */
export function validateDevices(
  { volumeDevices = [], volumeMounts = [] }: AnyContainer,
  volumes: Volumes,
  field: FieldPath,
): FieldError[] {
  const names = new Set<string>()
  const paths = new Set<string>()
  return volumeDevices.flatMap(({ name, devicePath }, index) => {
    const at = field.index(index)
    const errors: FieldError[] = []
    const volume = volumes.get(name)
    const pathAt = at.child('devicePath')
    if (name === '') errors.push(required(at.child('name')))
    if (names.has(name)) errors.push(invalid(at.child('name'), name, 'must be unique'))
    if (volume && !volume.persistentVolumeClaim && !volume.ephemeral)
      errors.push(invalid(at.child('name'), name, onlyClaims))
    if (!volume) errors.push(notFound(at.child('name'), name))
    if (devicePath === '') errors.push(required(pathAt))
    if (paths.has(devicePath)) errors.push(invalid(pathAt, devicePath, 'must be unique'))
    if (validatePathNoBacksteps(pathAt, devicePath).length > 0)
      errors.push(invalid(pathAt, devicePath, "can not contain backsteps ('..')"))
    else paths.add(devicePath)
    if (volumeMounts.some((mount) => mount.name === name))
      errors.push(invalid(at.child('name'), name, 'must not already exist in volumeMounts'))
    if (volumeMounts.some(({ mountPath }) => mountPath === devicePath))
      errors.push(invalid(pathAt, devicePath, 'must not already exist as a path in volumeMounts'))
    if (name !== '') names.add(name)
    return errors
  })
}
