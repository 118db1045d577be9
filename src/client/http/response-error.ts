import type { Status } from '../../machinery/meta.ts'
import { fromStatus, serviceUnavailable } from '../../machinery/status-errors.ts'
import { StatusError } from '../../machinery/status.ts'

/** The error of a response that is not 2xx: the Status in its body, or one made from its code and text. */
export function responseError(code: number, body: string, method: string): StatusError {
  const status = parseStatus(body)
  if (status) return fromStatus(status, code)
  const text = body.trim().slice(0, 2048)
  return new StatusError(code, reasonOfCode(code, method), text || `the server answered with code ${code}`)
}

/** A request that got no answer: refused, cut off or timed out. Whether a write was done is not known. */
export function unreachable(message: string, cause: unknown): StatusError {
  const error = serviceUnavailable(message)
  error.cause = cause
  return error
}

function parseStatus(body: string): Status | undefined {
  if (!body.startsWith('{')) return undefined
  try {
    const parsed = JSON.parse(body) as Status
    return parsed.kind === 'Status' ? parsed : undefined
  } catch {
    return undefined // a proxy's page, not the API server's answer: responseError() hands its text on
  }
}

/** Source: k8s.io/apimachinery/pkg/api/errors, NewGenericServerResponse. */
function reasonOfCode(code: number, method?: string): string {
  if (code === 409 && method === 'POST') return 'AlreadyExists'
  return reasons[code] ?? (code >= 500 ? 'InternalError' : 'Unknown')
}

const reasons: Readonly<Record<number, string>> = {
  400: 'BadRequest',
  401: 'Unauthorized',
  403: 'Forbidden',
  404: 'NotFound',
  405: 'MethodNotAllowed',
  406: 'NotAcceptable',
  409: 'Conflict',
  410: 'Gone',
  413: 'RequestEntityTooLarge',
  415: 'UnsupportedMediaType',
  422: 'Invalid',
  429: 'TooManyRequests',
  500: 'InternalError',
  503: 'ServiceUnavailable',
  504: 'Timeout',
}
