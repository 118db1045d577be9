import { invalid, required, type FieldError } from '../../machinery/field-error.ts'
import type { FieldPath } from '../../machinery/field-path.ts'
import { dns1123SubdomainErrors, portNumberErrors } from '../../machinery/validation/names.ts'
import type { ServiceReference, WebhookClientConfig } from '../generated/admissionregistration.v1.ts'

const form = '; desired format: https://host[/path]'

/** Where a webhook is. Source: k8s.io/apiserver/pkg/util/webhook/validation.go. */
export function validateClientConfig({ url, service }: WebhookClientConfig, at: FieldPath): FieldError[] {
  if ((url === undefined) === (service === undefined)) {
    return [required(at, 'exactly one of url or service is required')]
  }
  if (url !== undefined) return validateWebhookUrl(url, at.child('url'))
  return validateWebhookService(service!, at.child('service'))
}

export function validateWebhookUrl(url: string, at: FieldPath): FieldError[] {
  const parts = /^(?:([a-zA-Z][a-zA-Z0-9+.-]*):)?(?:\/\/([^/?#]*))?[^?#]*(?:\?([^#]*))?(?:#(.*))?$/.exec(url)
  if (!parts || /[^\x20-\x7e\x80-\uffff]/.test(url) || url.startsWith(':')) {
    return [required(at, `url must be a valid URL: parse ${JSON.stringify(url)}: invalid URL${form}`)]
  }
  const [, scheme = '', authority = '', query = '', fragment = ''] = parts
  const userEnd = authority.lastIndexOf('@')
  const host = authority.slice(userEnd + 1)
  const errors: FieldError[] = []
  if (scheme.toLowerCase() !== 'https') {
    errors.push(invalid(at, scheme, `'https' is the only allowed URL scheme${form}`))
  }
  if (host === '') errors.push(invalid(at, '', `host must be specified${form}`))
  if (userEnd >= 0) {
    errors.push(invalid(at, authority.slice(0, userEnd), 'user information is not permitted in the URL'))
  }
  if (fragment !== '') errors.push(invalid(at, fragment, 'fragments are not permitted in the URL'))
  if (query !== '') errors.push(invalid(at, query, 'query parameters are not permitted in the URL'))
  return errors
}

export function validateWebhookService(
  { namespace, name, path, port = 443 }: ServiceReference,
  at: FieldPath,
): FieldError[] {
  return [
    ...(name ? [] : [required(at.child('name'))]),
    ...(namespace ? [] : [required(at.child('namespace'))]),
    ...(portNumberErrors(port).length > 0
      ? [invalid(at.child('port'), port, `port is not valid: ${portNumberErrors(port).join(', ')}`)]
      : []),
    ...validateServicePath(path, at.child('path')),
  ]
}

function validateServicePath(path: string | undefined, at: FieldPath): FieldError[] {
  if (path === undefined || path === '' || path === '/') return []
  if (path === '//') return [invalid(at, path, 'segment[0] may not be empty')]
  const errors = path.startsWith('/') ? [] : [invalid(at, path, "must start with a '/'")]
  const steps = path.slice(1).replace(/\/$/, '').split('/')
  for (const [index, step] of steps.entries()) {
    if (step === '') errors.push(invalid(at, path, `segment[${index}] may not be empty`))
    else {
      for (const failure of dns1123SubdomainErrors(step)) {
        errors.push(invalid(at, path, `segment[${index}]: ${failure}`))
      }
    }
  }
  return errors
}
