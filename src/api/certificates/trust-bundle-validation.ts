import { X509Certificate } from 'node:crypto'
import { invalid, path, tooLong, type FieldError } from '../../machinery/field-error.ts'
import { isAuthorityByConstraints } from '../../machinery/pki/certificate-extensions.ts'
import { decodePem, type PemBlock } from '../../machinery/pki/pem.ts'
import { nameRules, validateImmutableField } from '../../machinery/validation/object-meta.ts'
import type { ClusterTrustBundle } from '../generated/certificates.v1beta1.ts'
import { signerNameErrors } from './validation.ts'

const maxBytes = 1024 * 1024
/** Bundles are long: errors do not repeat them. */
const omitted = '<value omitted>'
const unreadable = 'does not parse as X.509'
const trustBundlePath = path('spec', 'trustBundle')
const signerNamePath = path('spec', 'signerName')

/** Source: kubernetes/pkg/apis/certificates/validation (ValidateClusterTrustBundle). */
export function validateClusterTrustBundle(bundle: ClusterTrustBundle): FieldError[] {
  return [
    ...nameErrors(bundle),
    ...signerErrors(bundle),
    ...trustBundleErrors(bundle.spec?.trustBundle ?? ''),
  ]
}

/** Certificates that were accepted once are not read again. */
export function validateClusterTrustBundleUpdate(
  next: ClusterTrustBundle,
  previous: ClusterTrustBundle,
): FieldError[] {
  const [now, before] = [next.spec?.trustBundle ?? '', previous.spec?.trustBundle ?? '']
  return [
    ...nameErrors(next),
    ...signerErrors(next),
    ...(now === before ? [] : trustBundleErrors(now)),
    ...validateImmutableField(next.spec?.signerName ?? '', previous.spec?.signerName ?? '', signerNamePath),
  ]
}

function signerErrors({ spec }: ClusterTrustBundle): FieldError[] {
  return spec?.signerName ? signerNameErrors(spec.signerName, signerNamePath) : []
}

/** Bundles of a signer are named `example.com:name:...`; others have no colon. */
function nameErrors({ metadata, spec }: ClusterTrustBundle): FieldError[] {
  const signerName = spec?.signerName ?? ''
  return (['generateName', 'name'] as const).flatMap((field) => {
    const name = metadata?.[field] ?? ''
    if (name === '') return []
    const isPrefix = field === 'generateName'
    return nameFaults(name, isPrefix, signerName).map((fault) =>
      invalid(path('metadata', field), name, fault),
    )
  })
}

function nameFaults(name: string, isPrefix: boolean, signerName: string): string[] {
  if (signerName === '') {
    if (name.includes(':')) return ['ClusterTrustBundle without signer name must not have ":" in its name']
    return nameRules.dns1123Subdomain(name, isPrefix)
  }
  const prefix = `${signerName.replaceAll('/', ':')}:`
  if (!name.startsWith(prefix)) {
    return [`ClusterTrustBundle for signerName ${signerName} must be named with prefix ${prefix}`]
  }
  return nameRules.dns1123Subdomain(name.slice(prefix.length), isPrefix)
}

/** Nothing but certificates of authorities, none of them twice, and at least one. */
function trustBundleErrors(trustBundle: string): FieldError[] {
  if (Buffer.byteLength(trustBundle) > maxBytes) return [tooLong(trustBundlePath, omitted, maxBytes)]
  const blocks = decodePem(trustBundle)
  const faults = blocks.flatMap((block, index) => {
    const fault = blockFault(block)
    return fault === undefined ? [] : [`entry ${index} ${fault}`]
  })
  if (faults.length === 0) {
    if (blocks.length === 0) faults.push('at least one trust anchor must be provided')
    faults.push(...duplicates(blocks))
  }
  return faults.map((fault) => invalid(trustBundlePath, omitted, fault))
}

function blockFault({ label, der, hasHeaders }: PemBlock): string | undefined {
  if (label !== 'CERTIFICATE') return `has bad block type: ${label}`
  if (hasHeaders) return 'has PEM block headers'
  try {
    const certificate = new X509Certificate(der)
    // What comes behind a certificate is not part of one.
    if (certificate.raw.length !== der.length) return unreadable
    return isAuthorityByConstraints(certificate) ? undefined : 'does not have the CA bit set'
  } catch {
    return unreadable
  }
}

function duplicates(blocks: readonly PemBlock[]): string[] {
  const indices = new Map<string, number[]>()
  for (const [index, { der }] of blocks.entries()) {
    const key = der.toString('base64')
    const known = indices.get(key)
    if (known) known.push(index)
    else indices.set(key, [index])
  }
  return [...indices.values()]
    .filter((found) => found.length > 1)
    .map((found) => `duplicate trust anchor (indices [${found.join(' ')}])`)
}
