import { isIP } from 'node:net'
import {
  forbidden,
  invalid,
  invalidFor,
  notSupported,
  required,
  type FieldError,
  type FieldPath,
} from '../../machinery/field-error.ts'
import { dns1123LabelErrors, dns1123SubdomainErrors, rangeErrors } from '../../machinery/validation/names.ts'
import { validateLocalDescendingPath, validatePathNoBacksteps } from '../../machinery/validation/paths.ts'
import { validateCsiDriverName } from '../storage/csi-driver-name.ts'
import type { PersistentVolumeSource, VolumeSource } from '../generated/core.v1.ts'

/** Where volumes come from, in pods and in persistent volumes. */
type Sources = VolumeSource & PersistentVolumeSource
type SourceName = keyof Sources
type Value = Readonly<Record<string, unknown>>

/** What is around a source: where it stands, and whose it is. */
export interface SourceContext {
  /** In a persistent volume references name their namespace. */
  readonly isPersistent: boolean
  /** The volume's name. */
  readonly name: string
  /** Where the volume stands. */
  readonly field: FieldPath
}

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
  hostPath: ['path'],
  iscsi: ['targetPortal', 'iqn'],
  local: ['path'],
  nfs: ['server', 'path'],
  photonPersistentDisk: ['pdID'],
  portworxVolume: ['volumeID'],
  rbd: ['monitors', 'image'],
  scaleIO: ['gateway', 'system', 'volumeName'],
  storageos: ['volumeName'],
  vsphereVolume: ['volumePath'],
}

/** Upstream tells of these under other names. */
const pathNames: Partial<Readonly<Record<string, string>>> = { gcePersistentDisk: 'persistentDisk' }
const surplusNames: Partial<Readonly<Record<string, string>>> = {
  cephfs: 'cephFS',
  downwardAPI: 'downwarAPI',
}

/** Where upstream says that something of a source is wrong. */
function sourcePath(name: string, field: FieldPath): FieldPath {
  return field.child(pathNames[name] ?? name)
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
export function validateVolumeSource(name: string, value: unknown, context: SourceContext): FieldError[] {
  const at = sourcePath(name, context.field)
  const source = (value ?? {}) as Value
  const errors = (requiredFields[name as SourceName] ?? [])
    .filter((field) => isEmpty(source[field]))
    .map((field) => required(at.child(field)))
  return [...errors, ...(rules[name]?.(source as never, at, context) ?? [])]
}

function isEmpty(value: unknown): boolean {
  return !value || (Array.isArray(value) && value.length === 0)
}

type Rule<K extends SourceName> = (
  source: NonNullable<Sources[K]>,
  at: FieldPath,
  context: SourceContext,
) => FieldError[]

/** The range that is checked begins at 0; upstream's words begin at 1. */
const partitionRule = ({ partition = 0 }: { readonly partition?: number }, at: FieldPath) =>
  rangeErrors(partition, 0, 255).length > 0
    ? [invalid(at.child('partition'), partition, 'must be between 1 and 255, inclusive')]
    : []

interface Reference {
  readonly name?: string
  readonly namespace?: string
}

function referenceErrors(
  reference: Reference | undefined,
  at: FieldPath,
  { isPersistent }: SourceContext,
): FieldError[] {
  if (!reference) return []
  const errors = reference.name ? [] : [required(at.child('name'))]
  return isPersistent && !reference.namespace ? [...errors, required(at.child('namespace'))] : errors
}

const initiators = [
  ['iqn', /iqn\.\d{4}-\d{2}\.([\p{L}\p{N}\-.]+)(:[^,;*&$|\s]+)$/u],
  ['eui', /^eui.[A-Za-z0-9]{16}$/],
  ['naa', /^naa.[A-Za-z0-9]{32}$/],
] as const

/** An iSCSI name: `iqn.2003-01.com.example:disk`, or one of the two other forms. */
function initiatorErrors(name: string, unknownForm: string): string[] {
  const form = initiators.find(([prefix]) => name.startsWith(prefix))
  if (!form) return [unknownForm]
  return form[1].test(name) ? [] : ['must be valid format']
}

const knownForms = 'must be valid format starting with iqn, eui, or naa'
const maxTargetLength = 64
const targetTooLong =
  'Total length of <volume name>:<iscsi.targetPortal> must be under 64 characters if iscsi.initiatorName is specified.'

const diskUri = {
  managed: '/subscriptions/{sub-id}/resourcegroups/{group-name}/providers/microsoft.compute/disks/{disk-id}',
  blob: 'https://{account-name}.blob.core.windows.net/{container-name}/{disk-name}.vhd',
}
const cachingModes = ['None', 'ReadOnly', 'ReadWrite']
const diskKinds = ['Dedicated', 'Managed', 'Shared']
const maxTenantLength = 64
const registryDetail = 'must be a host:port pair or multiple pairs separated by commas'

const rules = {
  awsElasticBlockStore: partitionRule,
  gcePersistentDisk: partitionRule,
  hostPath({ path, type }, at) {
    const errors = path ? validatePathNoBacksteps(at.child('path'), path) : []
    if (type !== undefined && !hostPathTypes.includes(type))
      errors.push(notSupported(at.child('type'), type, hostPathTypes))
    return errors
  },
  gitRepo: ({ directory = '' }, at) => validateLocalDescendingPath(at.child('directory'), directory),
  nfs: ({ path }, at) =>
    path.startsWith('/') ? [] : [invalid(at.child('path'), path, 'must be an absolute path')],
  iscsi(source, at, { isPersistent, name, field }) {
    const { targetPortal, iqn, lun, secretRef, initiatorName } = source
    const errors: FieldError[] = []
    const isTooLong =
      initiatorName !== undefined && Buffer.byteLength(`${name}:${targetPortal}`) > maxTargetLength
    if (isTooLong && isPersistent) errors.push(invalid(at.child('targetportal'), targetPortal, targetTooLong))
    if (iqn) {
      const unknownForm = isPersistent ? 'must be valid format' : knownForms
      errors.push(...invalidFor(at.child('iqn'), iqn, initiatorErrors(iqn, unknownForm)))
    }
    errors.push(...invalidFor(at.child('lun'), lun, rangeErrors(lun, 0, 255)))
    if ((source.chapAuthDiscovery || source.chapAuthSession) && !secretRef)
      errors.push(required(at.child('secretRef')))
    if (isPersistent && secretRef && !secretRef.name) errors.push(required(at.child('secretRef', 'name')))
    if (initiatorName !== undefined) {
      const initiatorAt = at.child('initiatorname')
      errors.push(...invalidFor(initiatorAt, initiatorName, initiatorErrors(initiatorName, knownForms)))
    }
    if (isTooLong && !isPersistent) errors.push(invalid(field.child('name'), name, targetTooLong))
    return errors
  },
  fc({ targetWWNs = [], wwids = [], lun }, at) {
    const field = at.child('targetWWNs')
    const errors: FieldError[] = []
    if (targetWWNs.length === 0 && wwids.length === 0)
      errors.push(required(field, 'must specify either targetWWNs or wwids, but not both'))
    if (targetWWNs.length > 0 && wwids.length > 0) {
      const detail = 'targetWWNs and wwids can not be specified simultaneously'
      errors.push(invalid(field, targetWWNs, detail))
    }
    if (targetWWNs.length === 0) return errors
    if (lun === undefined)
      return [...errors, required(at.child('lun'), 'lun is required if targetWWNs is specified')]
    return [...errors, ...invalidFor(at.child('lun'), lun, rangeErrors(lun, 0, 255))]
  },
  glusterfs(source, at, { isPersistent }) {
    const { endpointsNamespace: namespace } = source as { readonly endpointsNamespace?: string }
    if (!isPersistent || namespace === undefined) return []
    const field = at.child('endpointsNamespace')
    const detail = 'if the endpointnamespace is set, it must be a valid namespace name'
    return namespace === ''
      ? [invalid(field, namespace, detail)]
      : invalidFor(field, namespace, dns1123LabelErrors(namespace))
  },
  flocker({ datasetName, datasetUUID }, at) {
    const errors: FieldError[] = []
    if (!datasetName && !datasetUUID)
      errors.push(required(at, 'one of datasetName and datasetUUID is required'))
    if (datasetName && datasetUUID) {
      const detail = 'datasetName and datasetUUID can not be specified simultaneously'
      errors.push(invalid(at, 'resource', detail))
    }
    if (datasetName?.includes('/'))
      errors.push(invalid(at.child('datasetName'), datasetName, "must not contain '/'"))
    return errors
  },
  flexVolume: ({ options = {} }, at) =>
    Object.keys(options).flatMap((key) => {
      const namespace = key.includes('/') ? key.slice(0, key.indexOf('/')) : key
      const isReserved = /(^|\.)(kubernetes|k8s)\.io$/.test(namespace.toLowerCase())
      const detail = 'kubernetes.io and k8s.io namespaces are reserved'
      return isReserved ? [invalid(at.child('options').key(key), key, detail)] : []
    }),
  quobyte({ registry, volume, tenant = '' }, at) {
    const errors: FieldError[] = []
    const registryAt = at.child('registry')
    if (!registry) errors.push(required(registryAt, registryDetail))
    else if (tenant.length > maxTenantLength) {
      const detail = `must be a UUID and may not exceed a length of ${maxTenantLength} characters`
      errors.push(required(at.child('tenant'), detail))
    } else {
      const wrong = registry.split(',').filter((pair) => !isHostPort(pair))
      errors.push(...wrong.map(() => invalid(registryAt, registry, registryDetail)))
    }
    if (!volume) errors.push(required(at.child('volume')))
    return errors
  },
  azureFile(source, at, { isPersistent }) {
    const { secretNamespace: namespace } = source as { readonly secretNamespace?: string }
    return isPersistent && namespace === '' ? [required(at.child('secretNamespace'))] : []
  },
  azureDisk({ cachingMode, kind, diskURI }, at) {
    const errors: FieldError[] = []
    if (cachingMode !== undefined && !cachingModes.includes(cachingMode))
      errors.push(notSupported(at.child('cachingMode'), cachingMode, cachingModes))
    if (kind !== undefined && !diskKinds.includes(kind))
      errors.push(notSupported(at.child('kind'), kind, diskKinds))
    const uriAt = at.child('diskURI')
    if (kind === 'Managed' && !diskURI.startsWith('/subscriptions/'))
      errors.push(notSupported(uriAt, diskURI, [diskUri.managed]))
    if (kind !== undefined && kind !== 'Managed' && !diskURI.startsWith('https://'))
      errors.push(notSupported(uriAt, diskURI, [diskUri.blob]))
    return errors
  },
  cinder: ({ secretRef }, at, context) => referenceErrors(secretRef, at.child('secretRef'), context),
  storageos({ volumeName, volumeNamespace, secretRef }, at, context) {
    const errors = volumeName
      ? invalidFor(at.child('volumeName'), volumeName, dns1123LabelErrors(volumeName))
      : []
    if (volumeNamespace)
      errors.push(
        ...invalidFor(at.child('volumeNamespace'), volumeNamespace, dns1123LabelErrors(volumeNamespace)),
      )
    return [...errors, ...referenceErrors(secretRef, at.child('secretRef'), context)]
  },
  local: ({ path }, at) => (path ? validatePathNoBacksteps(at.child('path'), path) : []),
  csi(source, at, { isPersistent }) {
    const errors = validateCsiDriverName(source.driver, at.child('driver'))
    if (isPersistent) return [...errors, ...persistentCsiErrors(source, at)]
    const secret = source.nodePublishSecretRef
    if (!secret) return errors
    if (!secret.name) return [...errors, required(at.child('nodePublishSecretRef', 'name'))]
    return [...errors, ...invalidFor(at.child('name'), secret.name, dns1123SubdomainErrors(secret.name))]
  },
} satisfies { readonly [K in SourceName]?: Rule<K> } as Readonly<
  Record<string, ((source: never, at: FieldPath, context: SourceContext) => FieldError[]) | undefined>
>

function isHostPort(pair: string): boolean {
  const [, bracketed, plain] = /^(?:\[([^\]]+)\]|([^:[\]]*)):[^:]*$/.exec(pair) ?? []
  return plain !== undefined || (bracketed !== undefined && (isIP(bracketed) === 6 || bracketed !== ''))
}

const secretReferences = [
  'controllerPublishSecretRef',
  'controllerExpandSecretRef',
  'nodePublishSecretRef',
  'nodeExpandSecretRef',
] as const

/** What a CSI volume must say that a cluster keeps. */
function persistentCsiErrors(csi: NonNullable<PersistentVolumeSource['csi']>, at: FieldPath): FieldError[] {
  const errors = csi.volumeHandle ? [] : [required(at.child('volumeHandle'))]
  for (const name of secretReferences) {
    const reference = csi[name]
    if (!reference) continue
    const field = at.child(name)
    const { name: secret, namespace } = reference
    if (!secret) errors.push(required(field.child('name')))
    else errors.push(...invalidFor(field.child('name'), secret, dns1123SubdomainErrors(secret)))
    if (!namespace) errors.push(required(field.child('namespace')))
    else errors.push(...invalidFor(field.child('namespace'), namespace, dns1123LabelErrors(namespace)))
  }
  return errors
}

/** Only the first source counts: the others may not be. */
export function surplusSource(name: string, at: FieldPath): FieldError {
  return forbidden(at.child(surplusNames[name] ?? name), 'may not specify more than 1 volume type')
}
