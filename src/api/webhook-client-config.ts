import { invalid, required, type FieldError } from '../machinery/field-error.ts'
import type { FieldPath } from '../machinery/field-path.ts'
import { GoUrlError, parseUrl, type GoUrlReference } from '../machinery/cel/library/go-url.ts'
import { dns1123SubdomainErrors, portNumberErrors } from '../machinery/validation/names.ts'

const form = '; desired format: https://host[/path]'

interface ClientConfig {
  readonly url?: string
  readonly service?: ServiceReference
}

interface ServiceReference {
  readonly namespace?: string
  readonly name?: string
  readonly path?: string
  readonly port?: number
}

/** Where a webhook is. Source: k8s.io/apiserver/pkg/util/webhook/validation.go. */
export function validateClientConfig({ url, service }: ClientConfig, at: FieldPath): FieldError[] {
  if ((url === undefined) === (service === undefined)) {
    return [required(at, 'exactly one of url or service is required')]
  }
  if (url !== undefined) return validateWebhookUrl(url, at.child('url'))
  return validateWebhookService(service!, at.child('service'))
}

export function validateWebhookUrl(text: string, at: FieldPath): FieldError[] {
  let url: GoUrlReference
  try {
    url = parseUrl(text)
  } catch (error) {
    if (!(error instanceof GoUrlError)) throw error
    return [required(at, `url must be a valid URL: ${error.message}${form}`)]
  }
  const { scheme, host, userinfo, fragment, rawQuery } = url
  const errors: FieldError[] = []
  if (scheme !== 'https') errors.push(invalid(at, scheme, `'https' is the only allowed URL scheme${form}`))
  if (host === '') errors.push(invalid(at, '', `host must be specified${form}`))
  if (userinfo !== undefined)
    errors.push(invalid(at, userinfo, 'user information is not permitted in the URL'))
  if (fragment !== '') errors.push(invalid(at, fragment, 'fragments are not permitted in the URL'))
  if (rawQuery !== '') errors.push(invalid(at, rawQuery, 'query parameters are not permitted in the URL'))
  return errors
}

/** What is said of the name and the namespace is upstream's slip: its callers hand over one for the other. */
export function validateWebhookService(
  { namespace, name, path, port = 443 }: ServiceReference,
  at: FieldPath,
): FieldError[] {
  const portFaults = portNumberErrors(port)
  return [
    ...(namespace ? [] : [required(at.child('name'))]),
    ...(name ? [] : [required(at.child('namespace'))]),
    ...(portFaults.length > 0
      ? [invalid(at.child('port'), port, `port is not valid: ${portFaults.join(', ')}`)]
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
