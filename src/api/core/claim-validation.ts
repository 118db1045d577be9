import { jsonEqual } from '../../machinery/equal.ts'
import {
  forbidden,
  invalid,
  notSupported,
  path,
  required,
  type FieldError,
  type FieldPath,
} from '../../machinery/field-error.ts'
import type { Writable } from '../../machinery/meta.ts'
import { compareQuantity, quantitySign } from '../../machinery/quantity.ts'
import { validateLabelSelector } from '../../machinery/validation/labels.ts'
import { dns1123LabelErrors, dns1123SubdomainErrors } from '../../machinery/validation/names.ts'
import { negativeMessage } from '../../machinery/validation/object-meta.ts'
import type {
  PersistentVolumeClaim,
  PersistentVolumeClaimSpec,
  TypedLocalObjectReference,
  TypedObjectReference,
} from '../generated/core.v1.ts'
import { accessModesErrors } from './access-modes.ts'
import { validatePositiveQuantity } from './quantity-validation.ts'

const volumeModes = ['Block', 'Filesystem']

/** dataSource and dataSourceRef say the same unless the latter names another namespace. */
export function normalizeDataSources(spec: Writable<PersistentVolumeClaimSpec>): void {
  if (spec.dataSourceRef?.namespace) return
  if (spec.dataSource && !spec.dataSourceRef) spec.dataSourceRef = { ...spec.dataSource }
  else if (spec.dataSourceRef && !spec.dataSource) {
    const { apiGroup, kind, name } = spec.dataSourceRef
    spec.dataSource = { ...(apiGroup !== undefined && { apiGroup }), kind, name }
  }
}

/** Source: kubernetes/pkg/apis/core/validation, ValidatePersistentVolumeClaimSpec. */
export function validateClaimSpec(
  spec: PersistentVolumeClaimSpec | undefined,
  field: FieldPath,
): FieldError[] {
  if (!spec) return [required(field)]
  const errors = [
    ...(spec.accessModes?.length ? [] : accessModesErrors([], field.child('accessModes'))),
    ...validateLabelSelector(spec.selector, field.child('selector')),
    ...(spec.accessModes?.length ? accessModesErrors(spec.accessModes, field.child('accessModes')) : []),
  ]
  const resources = field.child('resources')
  const at = resources.key('storage')
  const storage = spec.resources?.requests?.storage
  if (storage === undefined) errors.push(required(at))
  else errors.push(...validatePositiveQuantity(storage, at))
  for (const name of ['storageClassName', 'volumeAttributesClassName'] as const) {
    const value = spec[name]
    if (!value) continue
    errors.push(...dns1123SubdomainErrors(value).map((message) => invalid(field.child(name), value, message)))
  }
  const { volumeMode, dataSource, dataSourceRef } = spec
  if (volumeMode !== undefined && !volumeModes.includes(volumeMode))
    errors.push(notSupported(field.child('volumeMode'), volumeMode, volumeModes))
  if (dataSource) errors.push(...sourceErrors(dataSource, field.child('dataSource')))
  if (dataSourceRef) errors.push(...referenceErrors(dataSourceRef, field.child('dataSourceRef')))
  if (dataSourceRef?.namespace) {
    if (dataSource) {
      const detail = 'may not be specified when dataSourceRef.namespace is specified'
      errors.push(invalid(field, field.child('dataSource').toString(), detail))
    }
  } else if (dataSource && dataSourceRef && !jsonEqual(dataSource, dataSourceRef))
    errors.push(invalid(field, field.child('dataSource').toString(), 'must match dataSourceRef'))
  return errors
}

function sourceErrors({ apiGroup = '', kind, name }: TypedLocalObjectReference, at: FieldPath): FieldError[] {
  const errors: FieldError[] = []
  if (!name) errors.push(required(at.child('name')))
  if (!kind) errors.push(required(at.child('kind')))
  if (!apiGroup && kind !== 'PersistentVolumeClaim')
    errors.push(invalid(at, kind, "must be 'PersistentVolumeClaim' when referencing the default apiGroup"))
  if (apiGroup) {
    const field = at.child('apiGroup')
    errors.push(...dns1123SubdomainErrors(apiGroup).map((message) => invalid(field, apiGroup, message)))
  }
  return errors
}

function referenceErrors(reference: TypedObjectReference, at: FieldPath): FieldError[] {
  const errors = sourceErrors(reference, at)
  const { namespace } = reference
  if (!namespace) return errors
  const field = at.child('namespace')
  return [...errors, ...dns1123LabelErrors(namespace).map((message) => invalid(field, namespace, message))]
}

const immutable =
  'spec is immutable after creation except resources.requests and volumeAttributesClassName for bound claims'

/** Only the size may grow, and a volume be chosen, once the claim exists. */
export function validateClaimUpdate(
  { spec }: PersistentVolumeClaim,
  previous: PersistentVolumeClaim,
): FieldError[] {
  const old = previous.spec
  const field = path('spec')
  const errors = validateClaimSpec(spec, field)
  if (!spec || !old) return errors
  const isBound = previous.status?.phase === 'Bound'
  const fixed = ({
    resources,
    volumeName: _volume,
    storageClassName: _class,
    volumeAttributesClassName: _attributes,
    ...rest
  }: PersistentVolumeClaimSpec) => ({ ...rest, limits: resources?.limits })
  const [now, before] = [spec.resources?.requests?.storage, old.resources?.requests?.storage]
  const isResized = now !== undefined && before !== undefined && compareQuantity(now, before) !== 0
  const keepsRest =
    jsonEqual(fixed(spec), fixed(old)) &&
    (!old.volumeName || spec.volumeName === old.volumeName) &&
    (spec.storageClassName === old.storageClassName || mayChooseClass(spec, previous)) &&
    (isBound || !isResized)
  if (!keepsRest) return [...errors, forbidden(field, immutable)]
  if (isResized && isBound && compareQuantity(now, before) < 0) {
    const capacity = previous.status?.capacity?.storage
    const requestsAt = field.child('resources', 'requests', 'storage')
    // A growth that did not work may be taken back, but not below what there is.
    if (capacity === undefined || compareQuantity(now, capacity) <= 0)
      errors.push(forbidden(requestsAt, 'field can not be less than status.capacity'))
  }
  const attributesAt = field.child('volumeAttributesClassName')
  if (spec.volumeAttributesClassName !== old.volumeAttributesClassName) {
    if (!spec.volumeAttributesClassName && old.volumeAttributesClassName && isBound)
      errors.push(forbidden(attributesAt, 'update from non-nil value to nil is forbidden'))
  }
  return errors
}

/** A claim that named no class may get one; so may one whose class stood in the annotation of old. */
function mayChooseClass(
  spec: PersistentVolumeClaimSpec,
  { spec: old, metadata }: PersistentVolumeClaim,
): boolean {
  if (old?.storageClassName !== undefined || spec.storageClassName === undefined) return false
  const annotation = metadata?.annotations?.['volume.beta.kubernetes.io/storage-class']
  return annotation === undefined || annotation === spec.storageClassName
}

const resizeStatuses = [
  'ControllerResizeInProgress',
  'ControllerResizeInfeasible',
  'NodeResizePending',
  'NodeResizeInProgress',
  'NodeResizeInfeasible',
]

export function validateClaimStatus({ status, metadata }: PersistentVolumeClaim): FieldError[] {
  if (!metadata?.resourceVersion) return [required(path('metadata', 'resourceVersion'))]
  const errors: FieldError[] = []
  const at = path('status')
  for (const field of ['capacity', 'allocatedResources'] as const) {
    for (const [name, quantity] of Object.entries(status?.[field] ?? {})) {
      if (quantitySign(quantity) < 0)
        errors.push(invalid(at.child(field).key(name), quantity, negativeMessage))
    }
  }
  for (const [name, value] of Object.entries(status?.allocatedResourceStatuses ?? {})) {
    if (!resizeStatuses.includes(value))
      errors.push(notSupported(at.child('allocatedResourceStatus').key(name), value, resizeStatuses))
  }
  return errors
}
