import {
  forbidden,
  invalid,
  notSupported,
  required,
  type FieldError,
  type FieldPath,
} from '../../machinery/field-error.ts'
import { rangeErrors } from '../../machinery/validation/names.ts'
import { validateLocalDescendingPath, validatePathNoBacksteps } from '../../machinery/validation/paths.ts'
import { validateCsiDriverName } from '../storage/csi-validation.ts'
import type { PersistentVolumeSource, VolumeSource } from '../generated/core.v1.ts'

/** Where volumes come from, in pods and in persistent volumes. */
type Sources = VolumeSource & PersistentVolumeSource
type SourceName = keyof Sources
type Value = Readonly<Record<string, unknown>>

/** What a source cannot be without. */
const requiredFields: Partial<Readonly<Record<SourceName, readonly string[]>>> = {
  awsElasticBlockStore: ['volumeID'],
  azureDisk: ['diskName', 'diskURI'],
  azureFile: ['secretName', 'shareName'],
  cephfs: ['monitors'],
  cinder: ['volumeID'],
  flexVolume: ['driver'],
  gcePersistentDisk: ['pdName'],
  gitRepo: ['repository'],
  glusterfs: ['endpoints', 'path'],
  iscsi: ['targetPortal', 'iqn'],
  nfs: ['server', 'path'],
  photonPersistentDisk: ['pdID'],
  portworxVolume: ['volumeID'],
  quobyte: ['registry', 'volume'],
  rbd: ['monitors', 'image'],
  scaleIO: ['gateway', 'system', 'volumeName'],
  storageos: ['volumeName'],
  vsphereVolume: ['volumePath'],
}

/** What may stand where there is a choice. */
const choices: Readonly<Record<string, Readonly<Record<string, readonly string[]>>>> = {
  azureDisk: { cachingMode: ['None', 'ReadOnly', 'ReadWrite'], kind: ['Dedicated', 'Managed', 'Shared'] },
}

const hostPathTypes = [
  '',
  'BlockDevice',
  'CharDevice',
  'Directory',
  'DirectoryOrCreate',
  'File',
  'FileOrCreate',
  'Socket',
]

/** What a source of this kind must be like. Source: kubernetes/pkg/apis/core/validation, validateVolumeSource. */
export function validateVolumeSource(name: string, value: unknown, at: FieldPath): FieldError[] {
  const source = (value ?? {}) as Value
  const errors = (requiredFields[name as SourceName] ?? [])
    .filter((field) => isEmpty(source[field]))
    .map((field) => required(at.child(field)))
  for (const [field, allowed] of Object.entries(choices[name] ?? {})) {
    const chosen = source[field]
    if (typeof chosen === 'string' && !allowed.includes(chosen))
      errors.push(notSupported(at.child(field), chosen, allowed))
  }
  return [...errors, ...(rules[name]?.(source as never, at) ?? [])]
}

function isEmpty(value: unknown): boolean {
  return !value || (Array.isArray(value) && value.length === 0)
}

type Rule<K extends SourceName> = (source: NonNullable<Sources[K]>, at: FieldPath) => FieldError[]

const partitionRule = ({ partition = 0 }: { readonly partition?: number }, at: FieldPath) =>
  rangeErrors(partition, 0, 255).map((message) => invalid(at.child('partition'), partition, message))

const rules = {
  awsElasticBlockStore: partitionRule,
  gcePersistentDisk: partitionRule,
  hostPath({ path, type }, at) {
    const errors = path ? validatePathNoBacksteps(at.child('path'), path) : [required(at.child('path'))]
    if (type !== undefined && !hostPathTypes.includes(type))
      errors.push(notSupported(at.child('type'), type, hostPathTypes))
    return errors
  },
  gitRepo: ({ directory }, at) =>
    directory ? validateLocalDescendingPath(at.child('directory'), directory) : [],
  nfs: ({ path }, at) =>
    path && !path.startsWith('/') ? [invalid(at.child('path'), path, 'must be an absolute path')] : [],
  iscsi({ iqn, lun, chapAuthDiscovery, chapAuthSession, secretRef }, at) {
    const errors = rangeErrors(lun, 0, 255).map((message) => invalid(at.child('lun'), lun, message))
    if (iqn && !/^(iqn|eui|naa)\./.test(iqn))
      errors.push(invalid(at.child('iqn'), iqn, 'must be valid format starting with iqn, eui, or naa'))
    if ((chapAuthDiscovery || chapAuthSession) && !secretRef) errors.push(required(at.child('secretRef')))
    if (secretRef && !secretRef.name) errors.push(required(at.child('secretRef', 'name')))
    return errors
  },
  fc({ targetWWNs = [], wwids = [], lun }, at) {
    const field = at.child('targetWWNs')
    if (targetWWNs.length === 0 && wwids.length === 0)
      return [required(field, 'must specify either targetWWNs or wwids, but not both')]
    if (targetWWNs.length > 0 && wwids.length > 0) {
      const detail = 'targetWWNs and wwids can not be specified simultaneously'
      return [invalid(field, targetWWNs, detail)]
    }
    if (targetWWNs.length === 0) return []
    if (lun === undefined) return [required(at.child('lun'), 'lun is required if targetWWNs is specified')]
    return rangeErrors(lun, 0, 255).map((message) => invalid(at.child('lun'), lun, message))
  },
  flocker({ datasetName, datasetUUID }, at) {
    if (!datasetName && !datasetUUID) return [required(at, 'one of datasetName and datasetUUID is required')]
    if (datasetName && datasetUUID) {
      const detail = 'datasetName and datasetUUID can not be specified simultaneously'
      return [invalid(at, 'resource', detail)]
    }
    return datasetName?.startsWith('/')
      ? [invalid(at.child('datasetName'), datasetName, "must not contain '/'")]
      : []
  },
  flexVolume: ({ options = {} }, at) =>
    Object.entries(options).flatMap(([key, value]) => {
      const namespace = key.includes('/') ? key.slice(0, key.indexOf('/')) : key
      const isReserved = /(^|\.)(kubernetes|k8s)\.io$/.test(namespace)
      const detail = 'kubernetes.io and k8s.io namespaces are reserved'
      return isReserved ? [invalid(at.child('options').key(key), value, detail)] : []
    }),
  quobyte({ registry }, at) {
    const isPair = (pair: string) => /^(\[[^\]]+\]|[^:]*):[^:]*$/.test(pair)
    if (!registry || registry.split(',').every(isPair)) return []
    const detail = 'must be a host:port pair or multiple pairs separated by commas'
    return [invalid(at.child('registry'), registry, detail)]
  },
  local({ path }, at) {
    return path ? validatePathNoBacksteps(at.child('path'), path) : [required(at.child('path'))]
  },
  csi(source, at) {
    const errors = validateCsiDriverName(source.driver, at.child('driver'))
    const reference = (source as VolumeSource['csi'])?.nodePublishSecretRef
    if (reference && !reference.name) errors.push(required(at.child('nodePublishSecretRef', 'name')))
    return errors
  },
} satisfies { readonly [K in SourceName]?: Rule<K> } as Readonly<
  Record<string, ((source: never, at: FieldPath) => FieldError[]) | undefined>
>

const secretReferences = [
  'controllerPublishSecretRef',
  'controllerExpandSecretRef',
  'nodePublishSecretRef',
  'nodeExpandSecretRef',
  'nodeStageSecretRef',
] as const

/** What a CSI volume must say that a cluster keeps. */
export function validatePersistentCsi(
  csi: NonNullable<PersistentVolumeSource['csi']>,
  at: FieldPath,
): FieldError[] {
  const errors = csi.volumeHandle ? [] : [required(at.child('volumeHandle'))]
  for (const name of secretReferences) {
    const reference = csi[name]
    if (!reference) continue
    for (const field of ['name', 'namespace'] as const)
      if (!reference[field]) errors.push(required(at.child(name, field)))
  }
  return errors
}

/** Only the first source counts: the others may not be. */
export function surplusSources(names: readonly string[], at: FieldPath): FieldError[] {
  return names.slice(1).map((name) => forbidden(at.child(name), 'may not specify more than 1 volume type'))
}
