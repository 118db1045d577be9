import {
  forbidden,
  invalid,
  notSupported,
  required,
  type FieldError,
  type FieldPath,
} from '../../../machinery/field-error.ts'
import { validateLabelSelector } from '../../../machinery/validation/labels.ts'
import { validateLocalNonReservedPath } from '../../../machinery/validation/paths.ts'
import type {
  ClusterTrustBundleProjection,
  PodCertificateProjection,
  ProjectedVolumeSource,
  ServiceAccountTokenProjection,
  VolumeProjection,
} from '../../generated/core.v1.ts'
import { validateDownwardFiles, validateItems, validateMode } from './volume-files-validation.ts'
import { internalForm } from '../../internal-form.ts'

const keyTypes = ['ECDSAP256', 'ECDSAP384', 'ECDSAP521', 'ED25519', 'RSA3072', 'RSA4096']
const maxTokenSeconds = 2 ** 32
const minTokenSeconds = 600

/** Several sources in one directory, no two with the same file. Source: validateProjectedVolumeSource. */
export function validateProjected(
  { sources = [], defaultMode }: ProjectedVolumeSource,
  field: FieldPath,
): FieldError[] {
  const errors = validateMode(defaultMode, field.child('defaultMode'))
  const paths = new Set<string>()
  for (const [index, source] of (sources ?? []).entries()) {
    const at = field.child('sources').index(index)
    errors.push(...projectionErrors(source, at, field))
    for (const { path, shown } of projectedFiles(source)) {
      if (paths.has(path)) errors.push(invalid(field, shown, 'conflicting duplicate paths'))
      paths.add(path)
    }
    const count = Object.values(source).filter((value) => value !== undefined).length
    if (count > 1) errors.push(forbidden(at, 'may not specify more than 1 volume type per source'))
  }
  return errors
}

interface ProjectedFile {
  readonly path: string
  /** What upstream shows where the path is taken. */
  readonly shown: string
}

function projectedFiles({
  secret,
  configMap,
  downwardAPI,
  clusterTrustBundle,
  podCertificate,
}: VolumeProjection): ProjectedFile[] {
  const certificate = podCertificate ? certificatePaths.flatMap((name) => podCertificate[name] ?? []) : []
  const own = [
    ...(downwardAPI?.items ?? []).map(({ path }) => path),
    ...(clusterTrustBundle ? [clusterTrustBundle.path] : []),
    ...certificate,
  ]
  return [
    ...(secret?.items ?? []).map(({ path }) => ({ path, shown: secret?.name ?? '' })),
    ...(configMap?.items ?? []).map(({ path }) => ({ path, shown: configMap?.name ?? '' })),
    ...own.map((path) => ({ path, shown: path })),
  ].filter(({ path }) => path)
}

function projectionErrors(source: VolumeProjection, at: FieldPath, field: FieldPath): FieldError[] {
  const { secret, configMap, downwardAPI, serviceAccountToken, clusterTrustBundle, podCertificate } = source
  const errors: FieldError[] = []
  for (const [name, keys] of Object.entries({ secret, configMap })) {
    if (!keys) continue
    if (!keys.name) errors.push(required(at.child(name, 'name')))
    errors.push(...validateItems(keys.items, at.child(name, 'items')))
  }
  if (downwardAPI) errors.push(...validateDownwardFiles(downwardAPI.items, at.child('downwardAPI')))
  if (serviceAccountToken)
    errors.push(...tokenErrors(serviceAccountToken, at.child('serviceAccountToken'), field))
  if (clusterTrustBundle)
    errors.push(...trustBundleErrors(clusterTrustBundle, at.child('clusterTrustBundle')))
  if (podCertificate) errors.push(...certificateErrors(podCertificate, at.child('podCertificate')))
  return errors
}

/** Upstream tells of the path as if it were the volume's. */
function tokenErrors(
  { expirationSeconds: seconds = 0, path }: ServiceAccountTokenProjection,
  at: FieldPath,
  field: FieldPath,
): FieldError[] {
  const errors: FieldError[] = []
  const secondsAt = at.child('expirationSeconds')
  if (seconds < minTokenSeconds)
    errors.push(invalid(secondsAt, seconds, 'may not specify a duration less than 10 minutes'))
  if (seconds > maxTokenSeconds)
    errors.push(invalid(secondsAt, seconds, 'may not specify a duration larger than 2^32 seconds'))
  if (!path) return [...errors, required(field.child('path'))]
  return [...errors, ...validateLocalNonReservedPath(field.child('path'), path)]
}

function trustBundleErrors(bundle: ClusterTrustBundleProjection, at: FieldPath): FieldError[] {
  const { name, signerName, labelSelector, path } = bundle
  const errors: FieldError[] = []
  if (name !== undefined && signerName !== undefined)
    errors.push(
      invalid(
        at,
        internalForm('core.v1.ClusterTrustBundleProjection', bundle),
        'only one of name and signerName may be used',
      ),
    )
  else if (name !== undefined) {
    if (name === '') errors.push(required(at.child('name'), 'must be a valid object name'))
    const detail = 'labelSelector must be unset if name is specified'
    const shown = internalForm('meta.v1.LabelSelector', labelSelector)
    if (labelSelector) errors.push(invalid(at.child('labelSelector'), shown, detail))
  } else if (signerName !== undefined) {
    if (signerName === '') errors.push(required(at.child('signerName'), 'must be a valid signer name'))
    errors.push(...validateLabelSelector(labelSelector, at.child('labelSelector')))
  } else errors.push(required(at, 'either name or signerName must be specified'))
  if (path === '') errors.push(required(at.child('path')))
  return [...errors, ...validateLocalNonReservedPath(at.child('path'), path)]
}

const maxCertificateSeconds = 91 * 24 * 3600
const minCertificateSeconds = 3600
const certificatePaths = ['credentialBundlePath', 'keyPath', 'certificateChainPath'] as const

function certificateErrors(projection: PodCertificateProjection, at: FieldPath): FieldError[] {
  const { signerName, keyType, maxExpirationSeconds: seconds } = projection
  const errors = signerName ? [] : [required(at.child('signerName'))]
  if (!keyTypes.includes(keyType)) errors.push(notSupported(at.child('keyType'), keyType, keyTypes))
  const secondsAt = at.child('maxExpirationSeconds')
  if (seconds !== undefined && seconds < minCertificateSeconds)
    errors.push(invalid(secondsAt, seconds, 'if provided, maxExpirationSeconds must be >= 3600'))
  if (seconds !== undefined && seconds > maxCertificateSeconds)
    errors.push(invalid(secondsAt, seconds, 'if provided, maxExpirationSeconds must be <= 7862400'))
  const given = certificatePaths.filter((name) => projection[name])
  for (const name of given) errors.push(...validateLocalNonReservedPath(at.child(name), projection[name]!))
  if (given.length === 0) {
    const detail = 'specify at least one of credentialBundlePath, keyPath, and certificateChainPath'
    errors.push(required(at, detail))
  }
  return errors
}
