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
  WebhookClientConfig,
} from '../generated/apiextensions.v1.ts'
import { validateClientConfig } from '../webhook-client-config.ts'

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
  config: WebhookClientConfig,
  at: FieldPath,
  allowsInvalidCaBundle: boolean,
): readonly FieldError[] {
  const { caBundle = '' } = config
  const errors = validateClientConfig(config, at)
  if (caBundle === '' || allowsInvalidCaBundle || isCaBundle(caBundle)) return errors
  const detail = 'unable to load root certificates: unable to parse bytes as PEM block'
  return [...errors, invalid(at.child('caBundle'), caBundle, detail)]
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
