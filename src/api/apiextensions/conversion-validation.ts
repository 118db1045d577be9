import { X509Certificate } from 'node:crypto'
import {
  forbidden,
  invalid,
  notSupported,
  required,
  type FieldError,
  type FieldPath,
} from '../../machinery/field-error.ts'
import { isConditionTrue } from '../../machinery/conditions.ts'
import { dns1035LabelErrors } from '../../machinery/validation/names.ts'
import type {
  CustomResourceConversion,
  CustomResourceDefinition,
  ServiceReference,
  WebhookClientConfig,
} from '../generated/apiextensions.v1.ts'

const reviewVersions = ['v1', 'v1beta1']

export function hasKnownReviewVersion(versions: readonly string[]): boolean {
  return versions.some((version) => reviewVersions.includes(version))
}

/** Before a definition is established, and where there is one that cannot be read already, it may stay so. */
export function allowsInvalidCaBundle({ spec, status }: CustomResourceDefinition): boolean {
  if (!isConditionTrue(status?.conditions, 'Established')) return true
  const bundle = spec.conversion?.webhook?.clientConfig?.caBundle ?? ''
  return bundle !== '' && !isCaBundle(bundle)
}

/** Whether a bundle, in base64, holds a certificate and nothing that is none. */
export function isCaBundle(bundle: string): boolean {
  const pem = Buffer.from(bundle, 'base64').toString()
  const blocks = pem.match(/-----BEGIN CERTIFICATE-----[\s\S]*?-----END CERTIFICATE-----/g) ?? []
  if (blocks.length === 0) return false
  try {
    for (const block of blocks) void new X509Certificate(block)
    return true
  } catch {
    // Whatever is wrong with it, it is no certificate.
    return false
  }
}

export function conversionErrors(
  conversion: CustomResourceConversion | undefined,
  at: FieldPath,
  rules: { readonly needsKnownReviewVersion: boolean; readonly allowsInvalidCaBundle: boolean },
): readonly FieldError[] {
  if (!conversion) return []
  const { strategy, webhook } = conversion
  const errors: FieldError[] = []
  if (strategy === '') errors.push(required(at.child('strategy')))
  else if (strategy !== 'None' && strategy !== 'Webhook') {
    errors.push(notSupported(at.child('strategy'), strategy, ['None', 'Webhook']))
  }
  const clientConfig = at.child('webhookClientConfig')
  const versions = at.child('conversionReviewVersions')
  if (strategy !== 'Webhook') {
    const detail = 'should not be set when strategy is not set to Webhook'
    if (webhook?.clientConfig) errors.push(forbidden(clientConfig, detail))
    if (webhook?.conversionReviewVersions.length) errors.push(forbidden(versions, detail))
    return errors
  }
  const config = webhook?.clientConfig
  if (config) errors.push(...clientConfigErrors(config, clientConfig, rules.allowsInvalidCaBundle))
  else errors.push(required(clientConfig, 'required when strategy is set to Webhook'))
  errors.push(
    ...reviewVersionErrors(webhook?.conversionReviewVersions ?? [], rules.needsKnownReviewVersion, versions),
  )
  return errors
}

function clientConfigErrors(
  { url, service, caBundle = '' }: WebhookClientConfig,
  at: FieldPath,
  allowsInvalidCaBundle: boolean,
): readonly FieldError[] {
  const errors: FieldError[] = []
  if ((url === undefined) === (service === undefined)) {
    errors.push(required(at, 'exactly one of url or service is required'))
  } else if (url !== undefined) {
    errors.push(...urlErrors(url, at.child('url')))
  } else if (service) {
    errors.push(...serviceErrors(service, at.child('service')))
  }
  if (caBundle !== '' && !allowsInvalidCaBundle && !isCaBundle(caBundle)) {
    errors.push(
      invalid(
        at.child('caBundle'),
        caBundle,
        'unable to load root certificates: unable to parse bytes as PEM block',
      ),
    )
  }
  return errors
}

const urlForm = '; desired format: https://host[/path]'

/** Source: k8s.io/apiserver/pkg/util/webhook/validation.go. */
function urlErrors(text: string, at: FieldPath): readonly FieldError[] {
  const errors: FieldError[] = []
  if (!URL.canParse(text)) return [required(at, `url must be a valid URL: cannot be parsed${urlForm}`)]
  const url = new URL(text)
  const scheme = url.protocol.slice(0, -1)
  if (scheme !== 'https') {
    errors.push(invalid(at, scheme, `'https' is the only allowed URL scheme${urlForm}`))
  }
  if (url.host === '') errors.push(invalid(at, url.host, `host must be specified${urlForm}`))
  const user = url.password === '' ? url.username : `${url.username}:***`
  if (user !== '') errors.push(invalid(at, user, 'user information is not permitted in the URL'))
  const fragment = url.hash.slice(1)
  if (fragment !== '') errors.push(invalid(at, fragment, 'fragments are not permitted in the URL'))
  const query = url.search.slice(1)
  if (query !== '') errors.push(invalid(at, query, 'query parameters are not permitted in the URL'))
  return errors
}

function serviceErrors(service: ServiceReference, at: FieldPath): readonly FieldError[] {
  const errors: FieldError[] = []
  if (service.name === '') errors.push(required(at.child('name'), 'service name is required'))
  if (service.namespace === '') errors.push(required(at.child('namespace'), 'service namespace is required'))
  const { port = 443, path: target } = service
  if (port < 1 || port > 65535) {
    errors.push(invalid(at.child('port'), port, 'port is not valid: must be between 1 and 65535, inclusive'))
  }
  if (target === undefined) return errors
  const field = at.child('path')
  if (target === '/') return errors
  if (!target.startsWith('/')) errors.push(invalid(field, target, "must start with a '/'"))
  const segments = target.slice(1).split('/')
  const steps = segments.at(-1) === '' ? segments.slice(0, -1) : segments
  steps.forEach((step, index) => {
    if (step === '') errors.push(invalid(field, target, `segment[${index}] may not be empty`))
    else if (!/^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/.test(step)) {
      const detail =
        `segment[${index}]: a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or ` +
        "'.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is " +
        "'[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')"
      errors.push(invalid(field, target, detail))
    }
  })
  return errors
}

function reviewVersionErrors(
  versions: readonly string[],
  needsKnown: boolean,
  at: FieldPath,
): readonly FieldError[] {
  if (versions.length === 0) return [required(at)]
  const errors: FieldError[] = []
  versions.forEach((version, index) => {
    if (versions.indexOf(version) < index) errors.push(invalid(at.index(index), version, 'duplicate version'))
    else
      for (const fault of dns1035LabelErrors(version)) errors.push(invalid(at.index(index), version, fault))
  })
  if (needsKnown && !hasKnownReviewVersion(versions)) {
    errors.push(invalid(at, versions, `must include at least one of ${reviewVersions.join(', ')}`))
  }
  return errors
}
