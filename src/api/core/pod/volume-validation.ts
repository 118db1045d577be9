import {
  duplicate,
  forbidden,
  invalid,
  notSupported,
  required,
  type FieldError,
  type FieldPath,
} from '../../../machinery/field-error.ts'
import { configMapKeyErrors, dns1123LabelErrors } from '../../../machinery/validation/names.ts'
import { validateLocalDescendingPath, validatePathNoBacksteps } from '../../../machinery/validation/paths.ts'
import type {
  DownwardAPIVolumeFile,
  KeyToPath,
  ProjectedVolumeSource,
  Volume,
  VolumeProjection,
} from '../../generated/core.v1.ts'
import { validateFieldPath, type Volumes } from './container-validation.ts'

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
const maxTokenSeconds = 2 ** 32
const minTokenSeconds = 600

/** The volumes of a pod, with those that a mount may name. Source: ValidateVolumes. */
export function validateVolumes(
  list: readonly Volume[],
  field: FieldPath,
): { readonly errors: FieldError[]; readonly volumes: Volumes } {
  const volumes = new Map<string, Volume>()
  const errors = list.flatMap((volume, index) => {
    const at = field.index(index)
    const found = sourceErrors(volume, at)
    if (!volume.name) found.push(required(at.child('name')))
    else {
      found.push(
        ...dns1123LabelErrors(volume.name).map((message) => invalid(at.child('name'), volume.name, message)),
      )
      if (volumes.has(volume.name)) found.push(duplicate(at.child('name'), volume.name))
    }
    volumes.set(volume.name, volume)
    return found
  })
  return { errors, volumes }
}

function sourceErrors(volume: Volume, field: FieldPath): FieldError[] {
  const { name: _name, ...sources } = volume
  const names = Object.keys(sources)
  if (names.length === 0) return [required(field, 'must specify a volume type')]
  const errors = names
    .slice(1)
    .map((name) => forbidden(field.child(name), 'may not specify more than 1 volume type'))
  const {
    emptyDir,
    hostPath,
    secret,
    configMap,
    projected,
    downwardAPI,
    persistentVolumeClaim,
    nfs,
    csi,
    image,
  } = volume
  if (emptyDir?.sizeLimit?.startsWith('-')) {
    errors.push(
      forbidden(
        field.child('emptyDir').child('sizeLimit'),
        'SizeLimit field must be a valid resource quantity',
      ),
    )
  }
  if (hostPath) errors.push(...hostPathErrors(hostPath, field.child('hostPath')))
  if (secret) {
    if (!secret.secretName) errors.push(required(field.child('secret').child('secretName')))
    errors.push(
      ...modeErrors(secret.defaultMode, field.child('secret')),
      ...itemErrors(secret.items, field.child('secret').child('items')),
    )
  }
  if (configMap) {
    if (!configMap.name) errors.push(required(field.child('configMap').child('name')))
    errors.push(
      ...modeErrors(configMap.defaultMode, field.child('configMap')),
      ...itemErrors(configMap.items, field.child('configMap').child('items')),
    )
  }
  if (downwardAPI) {
    errors.push(...modeErrors(downwardAPI.defaultMode, field.child('downwardAPI')))
    errors.push(...fileErrors(downwardAPI.items, field.child('downwardAPI')))
  }
  if (projected) errors.push(...projectedErrors(projected, field.child('projected')))
  if (persistentVolumeClaim && !persistentVolumeClaim.claimName)
    errors.push(required(field.child('persistentVolumeClaim').child('claimName')))
  if (nfs) errors.push(...nfsErrors(nfs, field.child('nfs')))
  if (csi && !csi.driver) errors.push(required(field.child('csi').child('driver')))
  if (image && !image.reference) errors.push(required(field.child('image').child('reference')))
  return errors
}

function hostPathErrors({ path, type }: NonNullable<Volume['hostPath']>, field: FieldPath): FieldError[] {
  const errors = path ? validatePathNoBacksteps(field.child('path'), path) : [required(field.child('path'))]
  if (type !== undefined && !hostPathTypes.includes(type))
    errors.push(notSupported(field.child('type'), type, hostPathTypes))
  return errors
}

function nfsErrors({ server, path }: NonNullable<Volume['nfs']>, field: FieldPath): FieldError[] {
  const errors: FieldError[] = []
  if (!server) errors.push(required(field.child('server')))
  if (!path) errors.push(required(field.child('path')))
  else if (!path.startsWith('/')) errors.push(invalid(field.child('path'), path, 'must be an absolute path'))
  return errors
}

function modeErrors(mode: number | undefined, field: FieldPath, name = 'defaultMode'): FieldError[] {
  if (mode === undefined || (mode >= 0 && mode <= 0o777)) return []
  return [invalid(field.child(name), mode, 'must be a number between 0 and 0777 (octal), both inclusive')]
}

function itemErrors(items: readonly KeyToPath[] | undefined, field: FieldPath): FieldError[] {
  return (items ?? []).flatMap(({ key, path, mode }, index) => {
    const at = field.index(index)
    const errors = modeErrors(mode, at, 'mode')
    if (!key) errors.push(required(at.child('key')))
    else errors.push(...configMapKeyErrors(key).map((message) => invalid(at.child('key'), key, message)))
    if (!path) errors.push(required(at.child('path')))
    else errors.push(...validateNonEscaping(path, at.child('path')))
    return errors
  })
}

/** Inside the volume, and not among the names that its atomic updates use. */
function validateNonEscaping(path: string, field: FieldPath): FieldError[] {
  const errors = validateLocalDescendingPath(field, path)
  if (path.startsWith('..') && !path.startsWith('../'))
    errors.push(invalid(field, path, "must not start with '..'"))
  return errors
}

const volumeFieldPaths = [
  'metadata.annotations',
  'metadata.labels',
  'metadata.name',
  'metadata.namespace',
  'metadata.uid',
]

function fileErrors(items: readonly DownwardAPIVolumeFile[] | undefined, field: FieldPath): FieldError[] {
  return (items ?? []).flatMap(({ path, fieldRef, resourceFieldRef, mode }) => {
    const errors = modeErrors(mode, field, 'mode')
    if (!path) errors.push(required(field.child('path')))
    else errors.push(...validateNonEscaping(path, field.child('path')))
    if (fieldRef && resourceFieldRef)
      errors.push(
        invalid(field, 'resource', 'fieldRef and resourceFieldRef can not be specified simultaneously'),
      )
    if (!fieldRef && !resourceFieldRef)
      errors.push(required(field, 'one of fieldRef and resourceFieldRef is required'))
    if (fieldRef)
      errors.push(...validateFieldPath(fieldRef.fieldPath, volumeFieldPaths, field.child('fieldRef')))
    if (resourceFieldRef && !resourceFieldRef.containerName)
      errors.push(required(field.child('resourceFieldRef').child('containerName')))
    return errors
  })
}

function projectedErrors(
  { sources = [], defaultMode }: ProjectedVolumeSource,
  field: FieldPath,
): FieldError[] {
  const errors = modeErrors(defaultMode, field)
  const paths = new Set<string>()
  for (const [index, source] of (sources ?? []).entries()) {
    const at = field.child('sources').index(index)
    const names = Object.keys(source)
    if (names.length === 0) errors.push(required(at, 'must specify a projection type'))
    errors.push(
      ...names.slice(1).map((name) => forbidden(at.child(name), 'may not specify more than 1 volume type')),
    )
    errors.push(...projectionErrors(source, at))
    for (const path of projectedPaths(source)) {
      if (paths.has(path)) errors.push(invalid(at, path, 'conflicting duplicate paths'))
      paths.add(path)
    }
  }
  return errors
}

function projectedPaths({
  secret,
  configMap,
  downwardAPI,
  serviceAccountToken,
  clusterTrustBundle,
}: VolumeProjection): string[] {
  const items = [...(secret?.items ?? []), ...(configMap?.items ?? []), ...(downwardAPI?.items ?? [])]
  return [
    ...items,
    ...(serviceAccountToken ? [serviceAccountToken] : []),
    ...(clusterTrustBundle ? [clusterTrustBundle] : []),
  ].map(({ path }) => path)
}

function projectionErrors(
  { secret, configMap, downwardAPI, serviceAccountToken }: VolumeProjection,
  field: FieldPath,
): FieldError[] {
  const errors: FieldError[] = []
  if (secret) {
    if (!secret.name) errors.push(required(field.child('secret').child('name')))
    errors.push(...itemErrors(secret.items, field.child('secret').child('items')))
  }
  if (configMap) {
    if (!configMap.name) errors.push(required(field.child('configMap').child('name')))
    errors.push(...itemErrors(configMap.items, field.child('configMap').child('items')))
  }
  if (downwardAPI) errors.push(...fileErrors(downwardAPI.items, field.child('downwardAPI')))
  if (!serviceAccountToken) return errors
  const at = field.child('serviceAccountToken')
  const { expirationSeconds = 0, path } = serviceAccountToken
  if (expirationSeconds < minTokenSeconds)
    errors.push(
      invalid(
        at.child('expirationSeconds'),
        expirationSeconds,
        'may not specify a duration less than 10 minutes',
      ),
    )
  if (expirationSeconds > maxTokenSeconds)
    errors.push(
      invalid(
        at.child('expirationSeconds'),
        expirationSeconds,
        'may not specify a duration larger than 2^32 seconds',
      ),
    )
  if (!path) errors.push(required(at.child('path')))
  else errors.push(...validateNonEscaping(path, at.child('path')))
  return errors
}
