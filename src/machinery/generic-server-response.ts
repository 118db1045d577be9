import { goQuote } from './go-format.ts'
import { groupResource } from './resource.ts'
import { StatusError } from './status.ts'

/** What is known of a response that carries no `Status`. */
export interface ServerResponse {
  readonly code: number
  /** Lower or upper case: `get`, `POST`. */
  readonly verb: string
  readonly resource?: { readonly group: string; readonly resource: string }
  readonly name?: string
  /** The body, as far as it is text. */
  readonly message: string
  readonly retryAfterSeconds?: number
}

interface Meaning {
  readonly reason: string
  readonly message: string
}

/** The error a client makes of a failed response that is not a `Status`, for example a proxy's. */
export function genericServerResponse(response: ServerResponse): StatusError {
  const { code, verb, resource, name = '', message: serverMessage, retryAfterSeconds = 0 } = response
  const { reason, message } = meaningOf(code, verb, serverMessage)
  const subject = resource ? ` (${verb.toLowerCase()} ${groupResource(resource)}${name && ` ${name}`})` : ''
  return new StatusError(code, reason, message + subject, {
    ...(name !== '' && { name }),
    ...(resource && resource.group !== '' && { group: resource.group }),
    ...(resource && { kind: resource.resource }),
    causes: [{ reason: 'UnexpectedServerResponse', ...(serverMessage !== '' && { message: serverMessage }) }],
    ...(retryAfterSeconds !== 0 && { retryAfterSeconds }),
  })
}

const meanings: Readonly<Record<number, Meaning>> = {
  400: { reason: 'BadRequest', message: 'the server rejected our request for an unknown reason' },
  401: { reason: 'Unauthorized', message: 'the server has asked for the client to provide credentials' },
  404: { reason: 'NotFound', message: 'the server could not find the requested resource' },
  405: {
    reason: 'MethodNotAllowed',
    message: 'the server does not allow this method on the requested resource',
  },
  422: { reason: 'Invalid', message: 'the server rejected our request due to an error in our request' },
  429: {
    reason: 'TooManyRequests',
    message: 'the server has received too many requests and has asked us to try again later',
  },
  503: { reason: 'ServiceUnavailable', message: 'the server is currently unable to handle the request' },
  504: {
    reason: 'Timeout',
    message:
      'the server was unable to return a response in the time allotted, but may still be processing the request',
  },
}

function meaningOf(code: number, verb: string, serverMessage: string): Meaning {
  if (code === 403) return { reason: 'Forbidden', message: serverMessage }
  if (code === 406) return { reason: 'NotAcceptable', message: notAcceptableMessage(serverMessage) }
  if (code === 409) return { reason: conflictReason(verb), message: 'the server reported a conflict' }
  if (code === 415) return { reason: 'UnsupportedMediaType', message: serverMessage }
  const known = meanings[code]
  if (known) return known
  if (code >= 500) return { reason: 'InternalError', message: serverFault(serverMessage) }
  return {
    reason: '',
    message: `the server responded with the status code ${code} but did not return more information`,
  }
}

function conflictReason(verb: string): string {
  return verb === 'POST' ? 'AlreadyExists' : 'Conflict'
}

function notAcceptableMessage(serverMessage: string): string {
  return serverMessage === '' || serverMessage === 'unknown'
    ? 'the server was unable to respond with a content type that the client supports'
    : serverMessage
}

function serverFault(serverMessage: string): string {
  return `an error on the server (${goQuote(serverMessage)}) has prevented the request from succeeding`
}
