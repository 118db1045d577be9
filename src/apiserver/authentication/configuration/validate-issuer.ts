import { X509Certificate } from 'node:crypto'
import {
  duplicate,
  invalid,
  required,
  type FieldError,
  type FieldPath,
} from '../../../machinery/field-error.ts'
import type { IssuerConfiguration } from './authentication-configuration.ts'

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
  if (egressSelectorType) {
    const detail = 'there are no egress selectors: every issuer is reached directly'
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
  const parsed = URL.parse(url)
  if (!parsed) return [...errors, invalid(at, url, 'URL cannot be parsed')]
  if (parsed.protocol !== 'https:') errors.push(invalid(at, url, 'URL scheme must be https'))
  if (parsed.username !== '' || parsed.password !== '') {
    errors.push(invalid(at, url, 'URL must not contain a username or password'))
  }
  if (parsed.search !== '') errors.push(invalid(at, url, 'URL must not contain a query'))
  if (parsed.hash !== '') errors.push(invalid(at, url, 'URL must not contain a fragment'))
  return errors
}

function audienceErrors(
  { audiences = [], audienceMatchPolicy = '' }: IssuerConfiguration,
  at: FieldPath,
): FieldError[] {
  const field = at.child('audiences')
  if (audiences.length === 0) return [required(field, `at least one ${field.toString()} is required`)]
  const errors = audiences.flatMap((audience, index) => {
    if (audience === '') return [required(field.index(index))]
    return audiences.indexOf(audience) < index ? [duplicate(field.index(index), audience)] : []
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
