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
import { validateLabels, validateLabelSelector } from '../../../machinery/validation/labels.ts'
import { validateAnnotations } from '../../../machinery/validation/object-meta.ts'
import { validateLocalDescendingPath } from '../../../machinery/validation/paths.ts'
import type {
  ClusterTrustBundleProjection,
  DownwardAPIVolumeFile,
  KeyToPath,
  PodCertificateProjection,
  ProjectedVolumeSource,
  Volume,
  VolumeProjection,
} from '../../generated/core.v1.ts'
import { validateClaimSpec } from '../claim-validation.ts'
import { surplusSources, validateVolumeSource } from '../volume-sources.ts'
import { validateFieldPath, type Volumes } from './container-validation.ts'

const pullPolicies = ['Always', 'IfNotPresent', 'Never']
const keyTypes = ['ECDSAP256', 'ECDSAP384', 'ECDSAP521', 'ED25519', 'RSA3072', 'RSA4096']
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
  const errors = [
    ...surplusSources(names, field),
    ...validateVolumeSource(names[0]!, sources[names[0] as keyof typeof sources], field.child(names[0]!)),
  ]
  const { emptyDir, secret, configMap, projected, downwardAPI, persistentVolumeClaim, ephemeral, image } =
    volume
  if (emptyDir?.sizeLimit?.startsWith('-')) {
    errors.push(
      forbidden(
        field.child('emptyDir').child('sizeLimit'),
        'SizeLimit field must be a valid resource quantity',
      ),
    )
  }
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
  if (ephemeral) errors.push(...ephemeralErrors(volume, field.child('ephemeral')))
  if (image) {
    const { reference, pullPolicy } = image
    const at = field.child('image')
    if (!reference) errors.push(required(at.child('reference')))
    if (pullPolicy !== undefined && !pullPolicies.includes(pullPolicy))
      errors.push(notSupported(at.child('pullPolicy'), pullPolicy, pullPolicies))
  }
  return errors
}

/** A claim that is made with the pod, of which only labels and annotations may be chosen beside its spec. */
function ephemeralErrors({ ephemeral }: Volume, field: FieldPath): FieldError[] {
  const at = field.child('volumeClaimTemplate')
  const template = ephemeral?.volumeClaimTemplate
  if (!template) return [required(at)]
  const { metadata } = template
  const errors = [
    ...validateAnnotations(metadata?.annotations, at.child('metadata', 'annotations')),
    ...validateLabels(metadata?.labels, at.child('metadata', 'labels')),
    ...validateClaimSpec(template.spec, at.child('spec')),
  ]
  const { annotations: _annotations, labels: _labels, ...others } = metadata ?? {}
  const surplus = Object.keys(others).filter((key) => key !== 'creationTimestamp')
  if (surplus.length > 0) {
    const detail = 'the only metadata fields that may be set are labels and annotations'
    errors.push(forbidden(at.child('metadata'), detail))
  }
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
  {
    secret,
    configMap,
    downwardAPI,
    serviceAccountToken,
    clusterTrustBundle,
    podCertificate,
  }: VolumeProjection,
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
  if (clusterTrustBundle)
    errors.push(...trustBundleErrors(clusterTrustBundle, field.child('clusterTrustBundle')))
  if (podCertificate) errors.push(...certificateErrors(podCertificate, field.child('podCertificate')))
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

function trustBundleErrors(
  { name, signerName, labelSelector, path }: ClusterTrustBundleProjection,
  at: FieldPath,
): FieldError[] {
  const errors: FieldError[] = []
  if (name !== undefined && signerName !== undefined)
    errors.push(invalid(at, null, 'only one of name and signerName may be used'))
  else if (name !== undefined) {
    if (labelSelector)
      errors.push(
        invalid(at.child('labelSelector'), labelSelector, 'labelSelector must be unset if name is specified'),
      )
    if (name === '') errors.push(required(at.child('name'), 'must be a valid object name'))
  } else if (signerName === undefined)
    errors.push(required(at, 'either name or signerName must be specified'))
  if (labelSelector) errors.push(...validateLabelSelector(labelSelector, at.child('labelSelector')))
  return path
    ? [...errors, ...validateNonEscaping(path, at.child('path'))]
    : [...errors, required(at.child('path'))]
}

const maxCertificateSeconds = 91 * 24 * 3600
const minCertificateSeconds = 3600

function certificateErrors(projection: PodCertificateProjection, at: FieldPath): FieldError[] {
  const { signerName, keyType, maxExpirationSeconds: seconds } = projection
  const errors = signerName ? [] : [required(at.child('signerName'))]
  if (!keyTypes.includes(keyType)) errors.push(notSupported(at.child('keyType'), keyType, keyTypes))
  const secondsAt = at.child('maxExpirationSeconds')
  if (seconds !== undefined && seconds < minCertificateSeconds)
    errors.push(invalid(secondsAt, seconds, 'if provided, maxExpirationSeconds must be >= 3600'))
  if (seconds !== undefined && seconds > maxCertificateSeconds)
    errors.push(invalid(secondsAt, seconds, 'if provided, maxExpirationSeconds must be <= 7862400'))
  const paths = ['credentialBundlePath', 'keyPath', 'certificateChainPath'] as const
  const given = paths.filter((name) => projection[name])
  for (const name of given) errors.push(...validateNonEscaping(projection[name]!, at.child(name)))
  if (given.length === 0) {
    const detail = 'specify at least one of credentialBundlePath, keyPath, and certificateChainPath'
    errors.push(required(at, detail))
  }
  return errors
}
