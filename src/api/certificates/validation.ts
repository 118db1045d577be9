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
import { parseCertificateRequest } from '../../machinery/pki/certificate-request.ts'
import { decodePem } from '../../machinery/pki/pem.ts'
import {
  dns1123LabelErrors,
  dns1123SubdomainErrors,
  dns1123SubdomainMaxLength,
} from '../../machinery/validation/names.ts'
import type {
  CertificateSigningRequest,
  CertificateSigningRequestCondition,
} from '../generated/certificates.v1.ts'

const minExpirationSeconds = 600
const maxSignerPathLength = 317
const maxSignerNameLength = dns1123SubdomainMaxLength + 1 + maxSignerPathLength
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
  return [...validateSpec(request), ...conditionErrors(request.status?.conditions ?? [])]
}

export function validateCertificateSigningRequestUpdate(
  next: CertificateSigningRequest,
  previous: CertificateSigningRequest,
): FieldError[] {
  return [...conditionErrors(next.status?.conditions ?? []), ...transitionErrors(next, previous, 'update')]
}

export function validateCertificateSigningRequestStatus(
  next: CertificateSigningRequest,
  previous: CertificateSigningRequest,
): FieldError[] {
  const errors = conditionErrors(next.status?.conditions ?? [])
  errors.push(...transitionErrors(next, previous, 'status'))
  const [now, before] = [next.status?.certificate ?? '', previous.status?.certificate ?? '']
  if (before && now !== before) {
    const detail = 'updates may not modify existing certificate content'
    errors.push(forbidden(statusPath.child('certificate'), detail))
  } else if (now && now !== before) errors.push(...certificateErrors(now))
  return errors
}

/** Approving and denying: what was decided stands. */
export function validateApproval(
  next: CertificateSigningRequest,
  previous: CertificateSigningRequest,
): FieldError[] {
  return [...conditionErrors(next.status?.conditions ?? []), ...transitionErrors(next, previous, 'approval')]
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
  if (usages.length === 0) errors.push(required(usagesAt, 'usages must be provided'))
  const seen = new Set<string>()
  for (const [index, usage] of usages.entries()) {
    if (!keyUsages.includes(usage)) errors.push(notSupported(usagesAt.index(index), usage, keyUsages))
    if (seen.has(usage)) errors.push(duplicate(usagesAt.index(index), usage))
    seen.add(usage)
  }
  errors.push(...signerNameErrors(signerName, specPath.child('signerName')))
  if (expirationSeconds !== undefined && expirationSeconds < minExpirationSeconds) {
    const detail = 'may not specify a duration less than 600 seconds (10 minutes)'
    errors.push(invalid(specPath.child('expirationSeconds'), expirationSeconds, detail))
  }
  return errors
}

/** `example.com/name`: a domain of two labels at least, and behind the slash a name that may have parts, too. */
function signerNameErrors(signerName: string | undefined, at: FieldPath): FieldError[] {
  const form = "must be a fully qualified domain and path of the form 'example.com/signer-name'"
  if (!signerName) return [required(at, form)]
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
  if (name.length > maxSignerPathLength) errors.push(tooLong(at, name, maxSignerPathLength))
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

function conditionErrors(conditions: Conditions): FieldError[] {
  const errors: FieldError[] = []
  const seen = new Set<string>()
  for (const [index, { type, status }] of conditions.entries()) {
    const at = conditionsPath.index(index)
    if (!type) errors.push(required(at.child('type')))
    else if (seen.has(type)) errors.push(duplicate(at.child('type'), type))
    seen.add(type)
    errors.push(...statusErrors(type, status, at.child('status')))
    const other = type === 'Approved' ? 'Denied' : type === 'Denied' ? 'Approved' : undefined
    if (other !== undefined && seen.has(other))
      errors.push(invalid(at.child('type'), type, 'Approved and Denied conditions are mutually exclusive'))
  }
  return errors
}

function statusErrors(type: string, status: string | undefined, at: FieldPath): FieldError[] {
  const isFinal = type === 'Approved' || type === 'Denied' || type === 'Failed'
  const allowed = isFinal ? ['True'] : ['False', 'True', 'Unknown']
  if (!status) return [required(at)]
  return allowed.includes(status) ? [] : [notSupported(at, status, allowed)]
}

/** What was decided stands. `by`: the way of the write, which says what may be added. */
function transitionErrors(
  next: CertificateSigningRequest,
  previous: CertificateSigningRequest,
  by: 'update' | 'status' | 'approval',
): FieldError[] {
  const errors: FieldError[] = []
  for (const type of ['Approved', 'Denied', 'Failed']) {
    const [before, now] = [conditionsOf(previous, type), conditionsOf(next, type)]
    if (semanticEqual(before, now)) continue
    const what = `condition of type ${goQuote(type)}`
    const mayAdd = by === 'approval' ? type !== 'Failed' : by === 'status' && type === 'Failed'
    if (now.length < before.length) errors.push(forbidden(conditionsPath, `updates may not remove a ${what}`))
    else if (before.length > 0 && !before.every((condition, index) => semanticEqual(condition, now[index])))
      errors.push(forbidden(conditionsPath, `updates may not modify a ${what}`))
    else if (!mayAdd) errors.push(forbidden(conditionsPath, `updates may not add a ${what}`))
  }
  return errors
}

function conditionsOf({ status }: CertificateSigningRequest, type: string): Conditions {
  return (status?.conditions ?? []).filter((condition) => condition.type === type)
}

/** Throws when it is none. */
function readCertificate(der: Buffer): X509Certificate {
  return new X509Certificate(der)
}

/** One certificate or a chain of them, in PEM, each of which can be read. */
function certificateErrors(certificate: string): FieldError[] {
  const at = statusPath.child('certificate')
  const redacted = '<certificate data>'
  try {
    const blocks = decodePem(Buffer.from(certificate, 'base64').toString())
    if (blocks.length === 0) return [invalid(at, redacted, 'must contain at least one CERTIFICATE PEM block')]
    for (const { label, der } of blocks) {
      if (label !== 'CERTIFICATE') {
        const detail = `only CERTIFICATE PEM blocks are allowed, found ${goQuote(label)}`
        return [invalid(at, redacted, detail)]
      }
      readCertificate(der)
    }
    return []
  } catch (error) {
    return [invalid(at, redacted, error instanceof Error ? error.message : String(error))]
  }
}
