import { semanticEqual } from '../../machinery/equal.ts'
import {
  forbidden,
  invalid,
  invalidFor,
  notSupported,
  path,
  required,
  type FieldError,
  type FieldPath,
} from '../../machinery/field-error.ts'
import type { Writable } from '../../machinery/meta.ts'
import { compareQuantity } from '../../machinery/quantity.ts'
import { validateLabelSelector } from '../../machinery/validation/labels.ts'
import {
  dns1123LabelErrors,
  dns1123SubdomainErrors,
  qualifiedNameErrors,
} from '../../machinery/validation/names.ts'
import { fieldImmutableMessage, validateImmutableField } from '../../machinery/validation/object-meta.ts'
import type {
  PersistentVolumeClaim,
  PersistentVolumeClaimSpec,
  TypedLocalObjectReference,
  TypedObjectReference,
} from '../generated/core.v1.ts'
import { internalDifference } from '../internal-form.ts'
import { accessModesErrors } from './access-modes.ts'
import { classAnnotation } from './claim-warnings.ts'
import { validateBasicQuantity, validatePositiveQuantity } from './quantity-validation.ts'
import { isNativeResourceName } from './resource-names.ts'

const volumeModes = ['Block', 'Filesystem']

/**
 * dataSource and dataSourceRef say the same. What neither of old could say is dropped, and so is a reference into
 * another namespace, behind a feature that is off. Source: kubernetes/pkg/api/persistentvolumeclaim.
 */
export function normalizeDataSources(
  spec: Writable<PersistentVolumeClaimSpec>,
  old?: PersistentVolumeClaimSpec,
): void {
  if (spec.dataSourceRef?.namespace && !old?.dataSourceRef) delete spec.dataSourceRef
  const isNew = !old?.dataSource && !old?.dataSourceRef
  if (isNew && !spec.dataSourceRef && !isClaimOrSnapshot(spec.dataSource)) delete spec.dataSource
  if (spec.dataSource && !spec.dataSourceRef) spec.dataSourceRef = { ...spec.dataSource }
  else if (spec.dataSourceRef && !spec.dataSource && !spec.dataSourceRef.namespace) {
    const { apiGroup, kind, name } = spec.dataSourceRef
    spec.dataSource = { ...(apiGroup !== undefined && { apiGroup }), kind, name }
  }
}

function isClaimOrSnapshot(source: TypedLocalObjectReference | undefined): boolean {
  if (source?.kind === 'PersistentVolumeClaim') return !source.apiGroup
  return source?.kind === 'VolumeSnapshot' && source.apiGroup === 'snapshot.storage.k8s.io'
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
  errors.push(...classErrors(spec, 'storageClassName', field))
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
  } else if (dataSource && dataSourceRef && !isSameSource(dataSource, dataSourceRef))
    errors.push(invalid(field, field.child('dataSource').toString(), 'must match dataSourceRef'))
  return [...errors, ...classErrors(spec, 'volumeAttributesClassName', field)]
}

function classErrors(
  spec: PersistentVolumeClaimSpec,
  name: 'storageClassName' | 'volumeAttributesClassName',
  field: FieldPath,
): FieldError[] {
  const value = spec[name]
  return value ? invalidFor(field.child(name), value, dns1123SubdomainErrors(value)) : []
}

function isSameSource(source: TypedLocalObjectReference, reference: TypedObjectReference): boolean {
  return (['apiGroup', 'kind', 'name'] as const).every((key) => source[key] === reference[key])
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

/** Only the size may grow, and a volume be chosen, once the claim exists. Source: ValidatePersistentVolumeClaimUpdate. */
export function validateClaimUpdate(
  claim: PersistentVolumeClaim,
  previous: PersistentVolumeClaim,
): FieldError[] {
  const [spec, old] = [claim.spec, previous.spec]
  const field = path('spec')
  const errors = validateClaimSpec(spec, field)
  if (!spec || !old) return errors
  const [given, before] = [claim, previous].map(
    ({ metadata }) => metadata?.annotations?.[classAnnotation] ?? '',
  )
  if (given !== before && !takesClassFromAnnotation(claim, previous))
    errors.push(invalid(path('metadata', 'annotations', classAnnotation), given, fieldImmutableMessage))
  const withOld = withAllowedChanges(claim, previous)
  if (!semanticEqual(withOld, old)) {
    const difference = internalDifference('core.v1.PersistentVolumeClaimSpec', old, withOld ?? {})
    errors.push(forbidden(field, `${immutable}\n${difference}`))
  }
  return [
    ...errors,
    ...sizeErrors(claim, previous, field.child('resources', 'requests', 'storage')),
    ...validateImmutableField(spec.volumeMode ?? null, old.volumeMode ?? null, path('volumeMode')),
    ...attributesErrors(spec, old, field.child('volumeAttributesClassName')),
  ]
}

/** The new spec, with what may have changed set back: whatever differs then may not. */
function withAllowedChanges(claim: PersistentVolumeClaim, previous: PersistentVolumeClaim): object {
  const [spec, old, isBound] = [claim.spec!, previous.spec!, previous.status?.phase === 'Bound']
  const { storage } = old.resources?.requests ?? {}
  const requests = spec.resources?.requests && { ...spec.resources.requests, storage }
  const mayChoose = takesClassFromAnnotation(claim, previous) || mayChooseClass(spec, previous)
  return {
    ...spec,
    ...(!old.volumeName && { volumeName: undefined }),
    ...(mayChoose && { storageClassName: old.storageClassName }),
    ...(isBound && requests && { resources: { ...spec.resources, requests } }),
    ...(isBound &&
      spec.volumeAttributesClassName !== undefined && {
        volumeAttributesClassName: old.volumeAttributesClassName,
      }),
  }
}

/** A growth that did not work may be taken back, but not below what there is. */
function sizeErrors(
  claim: PersistentVolumeClaim,
  previous: PersistentVolumeClaim,
  at: FieldPath,
): FieldError[] {
  const [now, before] = [claim, previous].map(({ spec }) => spec?.resources?.requests?.storage ?? '0')
  const isLess = compareQuantity(now!, before!) < 0
  const isTooSmall = compareQuantity(now!, previous.status?.capacity?.storage ?? '0') <= 0
  return isLess && isTooSmall ? [forbidden(at, 'field can not be less than status.capacity')] : []
}

function attributesErrors(
  { volumeAttributesClassName: now }: PersistentVolumeClaimSpec,
  { volumeAttributesClassName: before }: PersistentVolumeClaimSpec,
  at: FieldPath,
): FieldError[] {
  if (now === before || before === undefined) return []
  if (now === undefined) return [forbidden(at, 'update from non-nil value to nil is forbidden')]
  return now === '' ? [forbidden(at, 'update from non-nil value to an empty string is forbidden')] : []
}

/** The class of old stood in an annotation, from where it may move to its field. */
function takesClassFromAnnotation(claim: PersistentVolumeClaim, previous: PersistentVolumeClaim): boolean {
  const [given, before] = [claim, previous].map(({ metadata }) => metadata?.annotations?.[classAnnotation])
  return (
    before !== undefined &&
    previous.spec?.storageClassName === undefined &&
    claim.spec?.storageClassName === before &&
    (given === undefined || given === before)
  )
}

/** A claim that named no class may get one; so may one whose class stood in the annotation of old. */
function mayChooseClass(
  spec: PersistentVolumeClaimSpec,
  { spec: old, metadata }: PersistentVolumeClaim,
): boolean {
  if (old?.storageClassName !== undefined || spec.storageClassName === undefined) return false
  const annotation = metadata?.annotations?.[classAnnotation]
  return annotation === undefined || annotation === spec.storageClassName
}

const resizeStatuses = [
  'ControllerResizeInProgress',
  'ControllerResizeInfeasible',
  'NodeResizeInProgress',
  'NodeResizeInfeasible',
  'NodeResizePending',
].sort()

/** Source: ValidatePersistentVolumeClaimStatusUpdate. The paths are upstream's. */
export function validateClaimStatus({ spec, status = {} }: PersistentVolumeClaim): FieldError[] {
  const at = path('status')
  const errors = spec?.accessModes?.length ? [] : [required(path('Spec', 'accessModes'))]
  for (const [name, quantity] of Object.entries(status.capacity ?? {}))
    errors.push(...validateBasicQuantity(quantity, at.child('capacity').key(name)))
  const statusesAt = at.child('allocatedResourceStatus')
  for (const [name, value] of Object.entries(status.allocatedResourceStatuses ?? {})) {
    errors.push(...resourceKeyErrors(name, statusesAt))
    if (!resizeStatuses.includes(value)) errors.push(notSupported(statusesAt, name, resizeStatuses))
  }
  const allocatedAt = at.child('allocatedResources')
  for (const [name, quantity] of Object.entries(status.allocatedResources ?? {})) {
    const malformed = resourceKeyErrors(name, allocatedAt)
    errors.push(...malformed)
    if (malformed.length === 0) errors.push(...validateBasicQuantity(quantity, allocatedAt.key(name)))
  }
  return errors
}

/** Of Kubernetes' own resources a claim has storage only. */
function resourceKeyErrors(name: string, at: FieldPath): FieldError[] {
  const malformed = invalidFor(at, name, qualifiedNameErrors(name))
  if (malformed.length > 0 || name === 'storage' || !isNativeResourceName(name)) return malformed
  return [notSupported(at, name, ['storage'])]
}
