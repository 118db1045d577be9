import { jsonEqual } from '../../machinery/equal.ts'
import { forbidden, notSupported, path, required, type FieldError } from '../../machinery/field-error.ts'
import { ageColumn, column, nameColumn, wide } from '../columns.ts'
import type { ResourceDefinition } from '../definition.ts'
import type { PersistentVolume, PersistentVolumeSpec } from '../generated/core.v1.ts'
import { persistentVolumes } from '../generated/resources.ts'
import { accessModesErrors, accessModesText } from './access-modes.ts'
import { validateNodeSelector } from './pod/affinity-validation.ts'

export const persistentVolumeDefinition: ResourceDefinition<PersistentVolume> = {
  resource: persistentVolumes,
  singular: 'persistentvolume',
  shortNames: ['pv'],
  strategy: {
    tracksGeneration: false,
    defaults({ spec }) {
      if (!spec) return
      spec.persistentVolumeReclaimPolicy ||= 'Retain'
      spec.volumeMode ??= 'Filesystem'
      if (spec.hostPath) spec.hostPath.type ??= ''
    },
    prepareForCreate(volume) {
      volume.status = { phase: 'Pending' }
    },
    validate: ({ spec }) => validatePersistentVolume(spec),
    validateUpdate: ({ spec }, previous) => validatePersistentVolumeUpdate(spec, previous.spec),
    status: {},
  },
  columns: [
    nameColumn,
    column('Capacity', 'How much it holds.', ({ spec }) => spec?.capacity?.storage ?? ''),
    column('Access Modes', 'How it can be mounted.', ({ spec }) => accessModesText(spec?.accessModes)),
    column(
      'Reclaim Policy',
      'What happens to it when its claim goes.',
      ({ spec }) => spec?.persistentVolumeReclaimPolicy ?? '',
    ),
    column('Status', 'The phase it is in.', ({ status, metadata }) =>
      metadata?.deletionTimestamp ? 'Terminating' : (status?.phase ?? ''),
    ),
    column('Claim', 'The claim it is bound to.', ({ spec }) =>
      spec?.claimRef ? `${spec.claimRef.namespace}/${spec.claimRef.name}` : '',
    ),
    column('StorageClass', 'The class it is of.', ({ spec }) => spec?.storageClassName ?? ''),
    column(
      'VolumeAttributesClass',
      'The class of its attributes.',
      ({ spec }) => spec?.volumeAttributesClassName || '<unset>',
    ),
    column('Reason', 'Why it is in its phase.', ({ status }) => status?.reason ?? ''),
    ageColumn,
    wide(column('VolumeMode', 'Filesystem or Block.', ({ spec }) => spec?.volumeMode ?? '<unset>')),
  ],
}

const reclaimPolicies = ['Delete', 'Recycle', 'Retain']
const notSources = new Set([
  'capacity',
  'accessModes',
  'claimRef',
  'persistentVolumeReclaimPolicy',
  'storageClassName',
  'mountOptions',
  'volumeMode',
  'nodeAffinity',
  'volumeAttributesClassName',
])

function sourcesOf(spec: PersistentVolumeSpec): Record<string, unknown> {
  return Object.fromEntries(Object.entries(spec).filter(([name]) => !notSources.has(name)))
}

function validatePersistentVolume(spec: PersistentVolumeSpec | undefined): FieldError[] {
  const field = path('spec')
  if (!spec) return [required(field)]
  const errors = accessModesErrors(spec.accessModes, field.child('accessModes'))
  if (!spec.capacity || Object.keys(spec.capacity).length === 0)
    errors.push(required(field.child('capacity')))
  else if (spec.capacity.storage === undefined || Object.keys(spec.capacity).length > 1) {
    errors.push(notSupported(field.child('capacity'), spec.capacity, ['storage']))
  }
  const policy = spec.persistentVolumeReclaimPolicy
  if (policy && !reclaimPolicies.includes(policy))
    errors.push(notSupported(field.child('persistentVolumeReclaimPolicy'), policy, reclaimPolicies))
  const sources = Object.keys(sourcesOf(spec))
  if (sources.length === 0) errors.push(required(field, 'must specify a volume type'))
  for (const name of sources.slice(1))
    errors.push(forbidden(field.child(name), 'may not specify more than 1 volume type'))
  const node = field.child('nodeAffinity')
  if (spec.local && !spec.nodeAffinity?.required)
    errors.push(required(node, 'Local volume requires node affinity'))
  if (spec.nodeAffinity?.required)
    errors.push(...validateNodeSelector(spec.nodeAffinity.required, node.child('required')))
  else if (spec.nodeAffinity)
    errors.push(required(node.child('required'), 'must specify required node constraints'))
  return errors
}

function validatePersistentVolumeUpdate(
  spec: PersistentVolumeSpec | undefined,
  previous: PersistentVolumeSpec | undefined,
): FieldError[] {
  if (!spec || !previous) return []
  const errors: FieldError[] = []
  if (!jsonEqual(sourcesOf(spec), sourcesOf(previous))) {
    errors.push(
      forbidden(
        path('spec').child('persistentvolumesource'),
        'spec.persistentvolumesource is immutable after creation',
      ),
    )
  }
  if (spec.volumeMode !== previous.volumeMode)
    errors.push(forbidden(path('spec').child('volumeMode'), 'field is immutable'))
  return errors
}
