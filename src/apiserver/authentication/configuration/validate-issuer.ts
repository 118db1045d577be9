import { X509Certificate } from 'node:crypto'
import {
  duplicate,
  invalid,
  required,
  type FieldError,
  type FieldPath,
} from '../../../machinery/field-error.ts'
import { GoUrlError, parseUrl, type GoUrlReference } from '../../../machinery/cel/library/go-url.ts'
import type { IssuerConfiguration } from './authentication-configuration.ts'

const egressSelectorTypes: readonly string[] = ['controlplane', 'cluster']

export function issuerErrors(
  issuer: IssuerConfiguration,
  ownIssuers: readonly string[],
  at: FieldPath,
): FieldError[] {
  const { url = '', discoveryURL = '', certificateAuthority = '', egressSelectorType } = issuer
  const errors = url === '' ? [required(at.child('url'))] : urlErrors(url, ownIssuers, at.child('url'))
  if (discoveryURL !== '') {
    const field = at.child('discoveryURL')
    if (url !== '' && withoutSlash(url) === withoutSlash(discoveryURL)) {
      errors.push(invalid(field, discoveryURL, 'discoveryURL must be different from URL'))
    }
    errors.push(...urlErrors(discoveryURL, [], field))
  }
  errors.push(...audienceErrors(issuer, at))
  const fault = certificateAuthority === '' ? undefined : certificatesFault(certificateAuthority)
  if (fault !== undefined) errors.push(invalid(at.child('certificateAuthority'), '<omitted>', fault))
  if (egressSelectorType && !egressSelectorTypes.includes(egressSelectorType)) {
    const detail = 'egress selector must be either controlplane or cluster'
    errors.push(invalid(at.child('egressSelectorType'), egressSelectorType, detail))
  }
  return errors
}

function withoutSlash(url: string): string {
  return url.replace(/\/+$/, '')
}

function urlErrors(url: string, disallowed: readonly string[], at: FieldPath): FieldError[] {
  const errors: FieldError[] = []
  if (disallowed.includes(url)) {
    const detail = `URL must not overlap with disallowed issuers: [${disallowed.toSorted().join(' ')}]`
    errors.push(invalid(at, url, detail))
  }
  const parsed = parsedUrl(url)
  if (typeof parsed === 'string') return [...errors, invalid(at, url, parsed)]
  if (parsed.scheme !== 'https') errors.push(invalid(at, url, 'URL scheme must be https'))
  if (parsed.userinfo !== undefined) {
    errors.push(invalid(at, url, 'URL must not contain a username or password'))
  }
  if (parsed.rawQuery !== '') errors.push(invalid(at, url, 'URL must not contain a query'))
  if (parsed.fragment !== '') errors.push(invalid(at, url, 'URL must not contain a fragment'))
  return errors
}

/** The parts of a URL, or why it is none. */
function parsedUrl(url: string): GoUrlReference | string {
  try {
    return parseUrl(url)
  } catch (error) {
    if (error instanceof GoUrlError) return error.message
    throw error
  }
}

function audienceErrors(
  { audiences = [], audienceMatchPolicy = '' }: IssuerConfiguration,
  at: FieldPath,
): FieldError[] {
  const field = at.child('audiences')
  if (audiences.length === 0) return [required(field, `at least one ${field.toString()} is required`)]
  const errors = audiences.flatMap((audience, index) => {
    const isRepeated = audiences.indexOf(audience) < index
    return [
      ...(audience === '' ? [required(field.index(index))] : []),
      ...(isRepeated ? [duplicate(field.index(index), audience)] : []),
    ]
  })
  const policyAt = at.child('audienceMatchPolicy')
  if (audiences.length > 1 && audienceMatchPolicy !== 'MatchAny') {
    const detail = 'audienceMatchPolicy must be MatchAny for multiple audiences'
    errors.push(invalid(policyAt, audienceMatchPolicy, detail))
  }
  if (audiences.length === 1 && audienceMatchPolicy !== '' && audienceMatchPolicy !== 'MatchAny') {
    const detail = 'audienceMatchPolicy must be empty or MatchAny for single audience'
    errors.push(invalid(policyAt, audienceMatchPolicy, detail))
  }
  return errors
}

/** Undefined when the text is one certificate or several, in PEM. */
function certificatesFault(pem: string): string | undefined {
  const blocks = pem.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g) ?? []
  if (blocks.length === 0) return 'data does not contain any valid RSA or ECDSA certificates'
  try {
    const certificates = blocks.map((block) => new X509Certificate(block))
    return certificates.every(({ raw }) => raw.length > 0) ? undefined : 'a certificate is empty'
  } catch (error) {
    return error instanceof Error ? error.message : String(error)
  }
}
