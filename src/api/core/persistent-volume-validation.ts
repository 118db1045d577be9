import { posix } from 'node:path'
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
import { dns1123SubdomainErrors } from '../../machinery/validation/names.ts'
import { fieldImmutableMessage, validateImmutableField } from '../../machinery/validation/object-meta.ts'
import type {
  NodeSelectorRequirement,
  PersistentVolume,
  PersistentVolumeSpec,
  VolumeNodeAffinity,
} from '../generated/core.v1.ts'
import { accessModesErrors } from './access-modes.ts'
import { internalDifference, internalForm, internalMap } from '../internal-form.ts'
import { validateNodeSelector } from './pod/affinity-validation.ts'
import { validateBasicQuantity, validatePositiveQuantity } from './quantity-validation.ts'
import { surplusSource, validateVolumeSource } from './volume-sources.ts'

const reclaimPolicies = ['Delete', 'Recycle', 'Retain']
const volumeModes = ['Block', 'Filesystem']

/** In the order in which upstream looks at them: the first one is what a volume is. */
const sourceNames = [
  'hostPath',
  'gcePersistentDisk',
  'awsElasticBlockStore',
  'glusterfs',
  'flocker',
  'nfs',
  'rbd',
  'quobyte',
  'cephfs',
  'iscsi',
  'cinder',
  'fc',
  'flexVolume',
  'azureFile',
  'vsphereVolume',
  'photonPersistentDisk',
  'portworxVolume',
  'azureDisk',
  'scaleIO',
  'local',
  'storageos',
  'csi',
] as const

/** Source: kubernetes/pkg/apis/core/validation, ValidatePersistentVolumeSpec. */
export function validatePersistentVolume({ metadata, spec }: PersistentVolume): FieldError[] {
  const field = path('spec')
  if (!spec) return [required(field)]
  const errors = accessModesErrors(spec.accessModes, field.child('accessModes'), '')
  errors.push(...capacityErrors(spec, field.child('capacity')))
  const policy = spec.persistentVolumeReclaimPolicy
  const policyAt = field.child('persistentVolumeReclaimPolicy')
  if (policy && !reclaimPolicies.includes(policy))
    errors.push(notSupported(policyAt, policy, reclaimPolicies))
  const node = field.child('nodeAffinity')
  if (spec.nodeAffinity?.required)
    errors.push(...validateNodeSelector(spec.nodeAffinity.required, node.child('required')))
  else if (spec.nodeAffinity)
    errors.push(required(node.child('required'), 'must specify required node constraints'))
  errors.push(...sourceErrors(spec, metadata?.name ?? '', field))
  if (spec.hostPath && posix.normalize(spec.hostPath.path) === '/' && policy === 'Recycle')
    errors.push(forbidden(policyAt, "may not be 'recycle' for a hostPath mount of '/'"))
  return [...errors, ...classErrors(spec, field)]
}

function capacityErrors(spec: PersistentVolumeSpec, at: FieldPath): FieldError[] {
  const { capacity = {} } = spec
  const names = Object.keys(capacity)
  const errors: FieldError[] = []
  if (names.length === 0) errors.push(required(at))
  if (capacity['storage'] === undefined || names.length > 1)
    errors.push(notSupported(at, internalMap(spec.capacity), ['storage']))
  for (const [name, quantity] of Object.entries(capacity)) {
    errors.push(
      ...validateBasicQuantity(quantity, at.key(name)),
      ...validatePositiveQuantity(quantity, at.key(name)),
    )
  }
  return errors
}

/** What holds the data: one of the many. */
export function sourceErrors(spec: PersistentVolumeSpec, name: string, field: FieldPath): FieldError[] {
  const [first, ...others] = sourceNames.filter((source) => spec[source] !== undefined)
  if (!first) return [required(field, 'must specify a volume type')]
  const errors = validateVolumeSource(first, spec[first], { isPersistent: true, name, field })
  if (first === 'local' && !spec.nodeAffinity)
    errors.push(required(field.child('nodeAffinity'), 'Local volume requires node affinity'))
  return [...errors, ...others.map((other) => surplusSource(other, field))]
}

function classErrors(spec: PersistentVolumeSpec, field: FieldPath): FieldError[] {
  const { storageClassName, volumeMode } = spec
  const errors: FieldError[] = []
  if (storageClassName) {
    const at = field.child('storageClassName')
    errors.push(...invalidFor(at, storageClassName, dns1123SubdomainErrors(storageClassName)))
  }
  if (volumeMode !== undefined && !volumeModes.includes(volumeMode))
    errors.push(notSupported(field.child('volumeMode'), volumeMode, volumeModes))
  return [...errors, ...attributesClassErrors(spec, field)]
}

export function attributesClassErrors(
  { volumeAttributesClassName: attributes, csi }: PersistentVolumeSpec,
  field: FieldPath,
): FieldError[] {
  if (attributes === undefined) return []
  const errors: FieldError[] = []
  const at = field.child('volumeAttributesClassName')
  if (attributes === '') errors.push(required(at, 'an empty string is disallowed'))
  else errors.push(...invalidFor(at, attributes, dns1123SubdomainErrors(attributes)))
  if (!csi)
    errors.push(required(field.child('csi'), 'has to be specified when using volumeAttributesClassName'))
  return errors
}

/** Source: ValidatePersistentVolumeUpdate. The paths are upstream's. */
export function validatePersistentVolumeUpdate(
  { spec }: PersistentVolume,
  { spec: previous }: PersistentVolume,
): FieldError[] {
  if (!spec || !previous) return []
  const errors: FieldError[] = []
  const [sources, before] = [fixedSources(spec, previous), sourcesOf(previous)]
  if (!semanticEqual(sources, before)) {
    const difference = internalDifference('core.v1.PersistentVolumeSource', before, sources)
    const detail = `spec.persistentvolumesource is immutable after creation\n${difference}`
    errors.push(forbidden(path('spec', 'persistentvolumesource'), detail))
  }
  errors.push(
    ...validateImmutableField(spec.volumeMode ?? null, previous.volumeMode ?? null, path('volumeMode')),
  )
  if (previous.nodeAffinity && !isSameAffinity(spec.nodeAffinity, previous.nodeAffinity)) {
    const detail = `${fieldImmutableMessage}, except for updating from beta label to GA`
    const shown = internalForm('core.v1.VolumeNodeAffinity', spec.nodeAffinity)
    errors.push(invalid(path('nodeAffinity'), shown, detail))
  }
  if (spec.volumeAttributesClassName === undefined && previous.volumeAttributesClassName !== undefined) {
    const detail = 'update from non-nil value to nil is forbidden'
    errors.push(forbidden(path('spec', 'volumeAttributesClassName'), detail))
  }
  return errors
}

function sourcesOf(spec: PersistentVolumeSpec): Record<string, unknown> {
  return Object.fromEntries(
    sourceNames.filter((name) => spec[name] !== undefined).map((name) => [name, spec[name]]),
  )
}

/** A CSI volume may be told later which secrets growing it needs. */
function fixedSources(spec: PersistentVolumeSpec, previous: PersistentVolumeSpec): Record<string, unknown> {
  const sources = sourcesOf(spec)
  if (!spec.csi || !previous.csi || previous.csi.controllerExpandSecretRef) return sources
  const { controllerExpandSecretRef: _now, ...csi } = spec.csi
  return { ...sources, csi }
}

const successors: Readonly<Record<string, string>> = {
  'failure-domain.beta.kubernetes.io/zone': 'topology.kubernetes.io/zone',
  'failure-domain.beta.kubernetes.io/region': 'topology.kubernetes.io/region',
  'beta.kubernetes.io/os': 'kubernetes.io/os',
  'beta.kubernetes.io/arch': 'kubernetes.io/arch',
  'beta.kubernetes.io/instance-type': 'node.kubernetes.io/instance-type',
}

/** A label of old may be replaced by the one that came after it. */
function isSameAffinity(now: VolumeNodeAffinity | undefined, before: VolumeNodeAffinity): boolean {
  if (semanticEqual(now, before)) return true
  const terms = now?.required?.nodeSelectorTerms ?? []
  const old = before.required?.nodeSelectorTerms ?? []
  const isSame = (requirement: NodeSelectorRequirement, previous: NodeSelectorRequirement | undefined) =>
    previous !== undefined &&
    (semanticEqual(requirement, previous) ||
      (successors[previous.key] === requirement.key &&
        semanticEqual({ ...previous, key: requirement.key }, requirement)))
  return (
    terms.length === old.length &&
    terms.every((term, index) =>
      (['matchExpressions', 'matchFields'] as const).every((list) => {
        const [mine, theirs] = [term[list] ?? [], old[index]?.[list] ?? []]
        return mine.length === theirs.length && mine.every((item, at) => isSame(item, theirs[at]))
      }),
    )
  )
}
