import { jsonEqual } from '../../machinery/equal.ts'
import {
  forbidden,
  invalid,
  path,
  required,
  type FieldError,
  type FieldPath,
} from '../../machinery/field-error.ts'
import { compareQuantity, quantitySign } from '../../machinery/quantity.ts'
import { validateLabelSelector } from '../../machinery/validation/labels.ts'
import { ageColumn, column, nameColumn, wide } from '../columns.ts'
import type { ResourceDefinition } from '../definition.ts'
import type { PersistentVolumeClaim, PersistentVolumeClaimSpec } from '../generated/core.v1.ts'
import { persistentVolumeClaims } from '../generated/resources.ts'
import { accessModesErrors, accessModesText } from './access-modes.ts'

export const persistentVolumeClaimDefinition: ResourceDefinition<PersistentVolumeClaim> = {
  resource: persistentVolumeClaims,
  singular: 'persistentvolumeclaim',
  shortNames: ['pvc'],
  strategy: {
    tracksGeneration: false,
    defaults({ spec }) {
      if (spec) spec.volumeMode ??= 'Filesystem'
    },
    prepareForCreate(claim) {
      claim.status = { phase: 'Pending' }
    },
    validate: ({ spec }) => validateClaimSpec(spec, path('spec')),
    validateUpdate: validateClaimUpdate,
    status: {},
  },
  columns: [
    nameColumn,
    column('Status', 'The phase it is in.', ({ status, metadata }) =>
      metadata?.deletionTimestamp ? 'Terminating' : (status?.phase ?? ''),
    ),
    column('Volume', 'The volume it is bound to.', ({ spec }) => spec?.volumeName ?? ''),
    column('Capacity', 'How much it holds.', ({ spec, status }) =>
      spec?.volumeName ? (status?.capacity?.storage ?? '') : '',
    ),
    column('Access Modes', 'How it can be mounted.', ({ spec, status }) =>
      spec?.volumeName ? accessModesText(status?.accessModes) : '',
    ),
    column('StorageClass', 'The class it asks for.', ({ spec }) => spec?.storageClassName ?? ''),
    column(
      'VolumeAttributesClass',
      'The class of its attributes.',
      ({ spec }) => spec?.volumeAttributesClassName || '<unset>',
    ),
    ageColumn,
    wide(column('VolumeMode', 'Filesystem or Block.', ({ spec }) => spec?.volumeMode ?? '<unset>')),
  ],
}

export function validateClaimSpec(
  spec: PersistentVolumeClaimSpec | undefined,
  field: FieldPath,
): FieldError[] {
  if (!spec) return [required(field)]
  const errors = accessModesErrors(spec.accessModes, field.child('accessModes'))
  if (spec.selector) errors.push(...validateLabelSelector(spec.selector, field.child('selector')))
  const at = field.child('resources').key('storage')
  const storage = spec.resources?.requests?.storage
  if (storage === undefined) errors.push(required(at))
  else if (quantitySign(storage) <= 0) errors.push(invalid(at, storage, 'must be greater than zero'))
  return errors
}

/** Only the size may grow, and a volume be chosen, once the claim exists. */
function validateClaimUpdate({ spec }: PersistentVolumeClaim, previous: PersistentVolumeClaim): FieldError[] {
  const old = previous.spec
  if (!spec || !old) return []
  const field = path('spec')
  const fixed = ({
    resources: _resources,
    volumeName: _volume,
    storageClassName: _class,
    volumeAttributesClassName: _attributes,
    ...rest
  }: PersistentVolumeClaimSpec) => rest
  const choosesVolume = !old.volumeName
  const choosesClass = old.storageClassName === undefined
  const keepsRest =
    jsonEqual(fixed(spec), fixed(old)) &&
    (choosesVolume || spec.volumeName === old.volumeName) &&
    (choosesClass || spec.storageClassName === old.storageClassName)
  const message =
    'spec is immutable after creation except resources.requests and volumeAttributesClassName for bound claims'
  if (!keepsRest) return [forbidden(field, message)]
  const [now, before] = [spec.resources?.requests?.storage, old.resources?.requests?.storage]
  if (now === undefined || before === undefined || compareQuantity(now, before) === 0) return []
  if (previous.status?.phase !== 'Bound') return [forbidden(field, message)]
  const shrinks = compareQuantity(now, before) < 0
  return shrinks
    ? [
        forbidden(
          field.child('resources').child('requests').child('storage'),
          'field can not be less than status.capacity',
        ),
      ]
    : []
}
