import { X509Certificate } from 'node:crypto'
import { semanticEqual } from '../../machinery/equal.ts'
import {
  duplicate,
  forbidden,
  invalid,
  notSupported,
  path,
  required,
  tooLong,
  type FieldError,
  type FieldPath,
} from '../../machinery/field-error.ts'
import { goQuote } from '../../machinery/go-format.ts'
import { unifiedDifference } from '../../machinery/unified-difference.ts'
import { parseCertificateRequest } from '../../machinery/pki/certificate-request.ts'
import { decodePem } from '../../machinery/pki/pem.ts'
import {
  dns1123LabelErrors,
  dns1123SubdomainErrors,
  dns1123SubdomainMaxLength,
} from '../../machinery/validation/names.ts'
import { internalForm } from '../internal-form.ts'
import type {
  CertificateSigningRequest,
  CertificateSigningRequestCondition,
} from '../generated/certificates.v1.ts'

const minExpirationSeconds = 600
const maxSignerPathLength = 317
const maxSignerNameLength = dns1123SubdomainMaxLength + 1 + maxSignerPathLength
/** From before signers had names. */
const legacySigner = 'kubernetes.io/legacy-unknown'
const specPath = path('spec')
const statusPath = path('status')
const conditionsPath = statusPath.child('conditions')

const keyUsages = [
  'any',
  'cert sign',
  'client auth',
  'code signing',
  'content commitment',
  'crl sign',
  'data encipherment',
  'decipher only',
  'digital signature',
  'email protection',
  'encipher only',
  'ipsec end system',
  'ipsec tunnel',
  'ipsec user',
  'key agreement',
  'key encipherment',
  'microsoft sgc',
  'netscape sgc',
  'ocsp signing',
  's/mime',
  'server auth',
  'signing',
  'timestamping',
]

/** Source: kubernetes/pkg/apis/certificates/validation. */
export function validateCertificateSigningRequest(request: CertificateSigningRequest): FieldError[] {
  return [...validateSpec(request), ...conditionErrors(conditionsOf(request))]
}

/** What was signed and decided stands in the status, and stays through updates that are not about it. */
export function validateCertificateSigningRequestUpdate(
  next: CertificateSigningRequest,
  previous: CertificateSigningRequest,
): FieldError[] {
  return updateErrors(next, previous, 'update')
}

export function validateCertificateSigningRequestStatus(
  next: CertificateSigningRequest,
  previous: CertificateSigningRequest,
): FieldError[] {
  return updateErrors(next, previous, 'status')
}

/** Approving and denying: what was decided stands. */
export function validateApproval(
  next: CertificateSigningRequest,
  previous: CertificateSigningRequest,
): FieldError[] {
  return updateErrors(next, previous, 'approval')
}

function validateSpec({ spec }: CertificateSigningRequest): FieldError[] {
  if (!spec) return [required(specPath)]
  const errors: FieldError[] = []
  try {
    parseCertificateRequest(Buffer.from(spec.request ?? '', 'base64').toString())
  } catch (error) {
    const detail = error instanceof Error ? error.message : String(error)
    errors.push(invalid(specPath.child('request'), spec.request ?? '', detail))
  }
  const { usages = [], expirationSeconds, signerName } = spec
  const usagesAt = specPath.child('usages')
  if (usages.length === 0) errors.push(required(usagesAt))
  const seen = new Set<string>()
  for (const [index, usage] of usages.entries()) {
    if (!keyUsages.includes(usage)) errors.push(notSupported(usagesAt.index(index), usage, keyUsages))
  }
  for (const [index, usage] of usages.entries()) {
    if (seen.has(usage)) errors.push(duplicate(usagesAt.index(index), usage))
    seen.add(usage)
  }
  const signerAt = specPath.child('signerName')
  if (signerName === legacySigner)
    errors.push(invalid(signerAt, signerName, 'the legacy signerName is not allowed via this API version'))
  else errors.push(...signerNameErrors(signerName, signerAt))
  if (expirationSeconds !== undefined && expirationSeconds < minExpirationSeconds) {
    const detail = 'may not specify a duration less than 600 seconds (10 minutes)'
    errors.push(invalid(specPath.child('expirationSeconds'), expirationSeconds, detail))
  }
  return errors
}

/** `example.com/name`: a domain of two labels at least, and behind the slash a name that may have parts, too. */
export function signerNameErrors(signerName: string | undefined, at: FieldPath): FieldError[] {
  const form = "must be a fully qualified domain and path of the form 'example.com/signer-name'"
  if (!signerName) return [required(at)]
  const segments = signerName.split('/')
  const [domain = '', name = ''] = segments
  if (segments.length !== 2) return [invalid(at, signerName, form)]
  const errors: FieldError[] = []
  if (domain.length > dns1123SubdomainMaxLength) errors.push(tooLong(at, domain, dns1123SubdomainMaxLength))
  const labels = domain.split('.')
  errors.push(...firstLabelErrors(domain, labels, dns1123LabelErrors, at))
  if (labels.length < 2)
    errors.push(invalid(at, domain, 'should be a domain with at least two segments separated by dots'))
  errors.push(...firstLabelErrors(name, name.split('.'), dns1123SubdomainErrors, at))
  if (signerName.length > maxSignerNameLength) errors.push(tooLong(at, signerName, maxSignerNameLength))
  return errors
}

/** The faults of the first label that has some. */
function firstLabelErrors(
  whole: string,
  labels: readonly string[],
  rule: (label: string) => string[],
  at: FieldPath,
): FieldError[] {
  const label = labels.find((candidate) => rule(candidate).length > 0)
  if (label === undefined) return []
  return rule(label).map((message) => invalid(at, whole, `validating label ${goQuote(label)}: ${message}`))
}

type Conditions = readonly CertificateSigningRequestCondition[]

/** Faults that stood in `previous` already may stay. */
function conditionErrors(conditions: Conditions, previous: Conditions = []): FieldError[] {
  const before = previous.map(({ type }) => type)
  const mayBeEmpty = before.includes('')
  const mayBeBoth = before.includes('Approved') && before.includes('Denied')
  const mayRepeat = new Set(before).size < before.length
  const errors: FieldError[] = []
  const seen = new Set<string>()
  for (const [index, { type, status }] of conditions.entries()) {
    const at = conditionsPath.index(index)
    if (!type && !mayBeEmpty) errors.push(required(at.child('type')))
    errors.push(...statusErrors(type, status, at.child('status')))
    const other = type === 'Approved' ? 'Denied' : type === 'Denied' ? 'Approved' : undefined
    if (!mayBeBoth && other !== undefined && seen.has(other)) {
      const detail = 'Approved and Denied conditions are mutually exclusive'
      errors.push(invalid(conditionsPath, type, detail))
    }
    if (!mayRepeat && seen.has(type)) errors.push(duplicate(at.child('type'), type))
    seen.add(type)
  }
  return errors
}

function statusErrors(type: string, status: string | undefined, at: FieldPath): FieldError[] {
  const isFinal = type === 'Approved' || type === 'Denied' || type === 'Failed'
  const allowed = isFinal ? ['True'] : ['False', 'True', 'Unknown']
  if (!status) return [required(at)]
  return allowed.includes(status) ? [] : [notSupported(at, status, allowed)]
}

/** What was decided stands, and what was signed. `by`: the way of the write, which says what may be added. */
function updateErrors(
  next: CertificateSigningRequest,
  previous: CertificateSigningRequest,
  by: 'update' | 'status' | 'approval',
): FieldError[] {
  const errors = conditionErrors(conditionsOf(next), conditionsOf(previous))
  const [now, before] = [next.status?.certificate ?? '', previous.status?.certificate ?? '']
  const certificateAt = statusPath.child('certificate')
  if (now !== before && certificateErrors(before).length === 0) errors.push(...certificateErrors(now))
  for (const type of ['Approved', 'Denied', 'Failed']) {
    if (conditionsOf(next, type).length < conditionsOf(previous, type).length)
      errors.push(forbidden(conditionsPath, `updates may not remove a condition of type ${goQuote(type)}`))
  }
  if (by !== 'approval') errors.push(...decisionErrors(next, previous))
  if (now === before) return errors
  if (by !== 'status') errors.push(forbidden(certificateAt, 'updates may not set certificate content'))
  else if (before)
    errors.push(forbidden(certificateAt, 'updates may not modify existing certificate content'))
  return errors
}

/** Only who approves and denies may say so. */
function decisionErrors(next: CertificateSigningRequest, previous: CertificateSigningRequest): FieldError[] {
  return ['Approved', 'Denied'].flatMap((type) => {
    const [before, now] = [conditionsOf(previous, type), conditionsOf(next, type)]
    const what = `a condition of type ${goQuote(type)}`
    if (now.length > before.length) return [forbidden(conditionsPath, `updates may not add ${what}`)]
    if (now.length < before.length || semanticEqual(before, now)) return []
    const shown = (condition: CertificateSigningRequestCondition) =>
      internalForm('certificates.v1.CertificateSigningRequestCondition', condition)
    const difference = unifiedDifference(before.map(shown), now.map(shown))
    return [forbidden(conditionsPath, `updates may not modify ${what}\n${difference}`)]
  })
}

function conditionsOf({ status }: CertificateSigningRequest, wanted?: string): Conditions {
  const conditions = status?.conditions ?? []
  return wanted === undefined ? conditions : conditions.filter(({ type }) => type === wanted)
}

/** Throws when it is none. */
function readCertificate(der: Buffer): X509Certificate {
  return new X509Certificate(der)
}

/** None, or one certificate or a chain of them, in PEM, each of which can be read. */
function certificateErrors(certificate: string): FieldError[] {
  if (certificate === '') return []
  const at = statusPath.child('certificate')
  const redacted = '<certificate data>'
  try {
    const blocks = decodePem(Buffer.from(certificate, 'base64').toString())
    if (blocks.length === 0) return [invalid(at, redacted, 'must contain at least one CERTIFICATE PEM block')]
    for (const { label, der, hasHeaders } of blocks) {
      if (label !== 'CERTIFICATE') {
        const detail = `only CERTIFICATE PEM blocks are allowed, found ${goQuote(label)}`
        return [invalid(at, redacted, detail)]
      }
      if (hasHeaders) return [invalid(at, redacted, 'no PEM block headers are permitted')]
      readCertificate(der)
    }
    return []
  } catch (error) {
    return [invalid(at, redacted, error instanceof Error ? error.message : String(error))]
  }
}
