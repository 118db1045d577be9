import { jsonEqual } from '../../machinery/equal.ts'
import {
  forbidden,
  invalid,
  notSupported,
  path,
  required,
  type FieldError,
} from '../../machinery/field-error.ts'
import { dns1123SubdomainErrors } from '../../machinery/validation/names.ts'
import { validateImmutableField } from '../../machinery/validation/object-meta.ts'
import { ageColumn, column, nameColumn, wide } from '../columns.ts'
import type { ResourceDefinition } from '../definition.ts'
import type { PersistentVolume, PersistentVolumeSpec } from '../generated/core.v1.ts'
import { persistentVolumes } from '../generated/resources.ts'
import { accessModesErrors, accessModesText } from './access-modes.ts'
import { validateNodeSelector } from './pod/affinity-validation.ts'
import { surplusSources, validatePersistentCsi, validateVolumeSource } from './volume-sources.ts'

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
const volumeModes = ['Block', 'Filesystem']
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
  const sources = Object.entries(sourcesOf(spec))
  const [first] = sources
  if (!first) errors.push(required(field, 'must specify a volume type'))
  else errors.push(...validateVolumeSource(first[0], first[1], field.child(first[0])))
  if (spec.csi) errors.push(...validatePersistentCsi(spec.csi, field.child('csi')))
  errors.push(
    ...surplusSources(
      sources.map(([name]) => name),
      field,
    ),
  )
  const { hostPath, volumeMode } = spec
  if (hostPath?.path === '/' && policy === 'Recycle') {
    const detail = "may not be 'recycle' for a hostPath mount of '/'"
    errors.push(forbidden(field.child('persistentVolumeReclaimPolicy'), detail))
  }
  for (const className of ['storageClassName', 'volumeAttributesClassName'] as const) {
    const value = spec[className]
    const at = field.child(className)
    if (value) errors.push(...dns1123SubdomainErrors(value).map((message) => invalid(at, value, message)))
  }
  if (volumeMode !== undefined && !volumeModes.includes(volumeMode))
    errors.push(notSupported(field.child('volumeMode'), volumeMode, volumeModes))
  if (spec.volumeAttributesClassName !== undefined && !spec.csi) {
    const detail = 'has to be specified when using volumeAttributesClassName'
    errors.push(required(field.child('csi'), detail))
  }
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
  const field = path('spec')
  const errors: FieldError[] = []
  if (!jsonEqual(fixedSources(spec, previous), sourcesOf(previous))) {
    const detail = 'spec.persistentvolumesource is immutable after creation'
    errors.push(forbidden(field.child('persistentvolumesource'), detail))
  }
  errors.push(
    ...validateImmutableField(
      spec.volumeMode ?? null,
      previous.volumeMode ?? null,
      field.child('volumeMode'),
    ),
  )
  if (previous.nodeAffinity && !jsonEqual(spec.nodeAffinity, previous.nodeAffinity)) {
    const detail = 'field is immutable'
    errors.push(invalid(field.child('nodeAffinity'), spec.nodeAffinity ?? null, detail))
  }
  if (!spec.volumeAttributesClassName && previous.volumeAttributesClassName) {
    const detail = 'update from non-nil value to nil is forbidden'
    errors.push(forbidden(field.child('volumeAttributesClassName'), detail))
  }
  return errors
}

/** A CSI volume may be told later which secrets growing it needs. */
function fixedSources(spec: PersistentVolumeSpec, previous: PersistentVolumeSpec): Record<string, unknown> {
  const sources = sourcesOf(spec)
  if (!spec.csi || !previous.csi) return sources
  const { controllerExpandSecretRef: _now, ...csi } = spec.csi
  const { controllerExpandSecretRef: before } = previous.csi
  return { ...sources, csi: { ...csi, ...(before && { controllerExpandSecretRef: before }) } }
}
