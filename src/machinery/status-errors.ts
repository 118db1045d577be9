import { aggregateFieldErrors, toStatusCause, type FieldError } from './field-error.ts'
import { goQuote } from './go-format.ts'
import type { Status, StatusCause, StatusDetails } from './meta.ts'
import { StatusError, withoutStack } from './status.ts'

/*
 * A factory per reason of failure and a predicate for each. Codes, reasons, details and wording are those of upstream's
 * k8s.io/apimachinery/pkg/api/errors.
 */

/** Which resource a failure is about: `{ group: 'apps', resource: 'deployments' }`, or `deployments.apps`. */
export type GroupResource = string | { readonly group: string; readonly resource: string }

/** Which kind a failure is about: `{ group: 'apps', kind: 'Deployment' }`, or `Deployment.apps`. */
export type GroupKind = string | { readonly group: string; readonly kind: string }

/** 404: no object of this name. */
export function notFound(groupResource: GroupResource, name: string): StatusError {
  const resource = parseResource(groupResource)
  const message = `${resource.text} ${goQuote(name)} not found`
  return new StatusError(404, 'NotFound', message, detailsOf(resource, name))
}

/** 409: an object of this name is there already. */
export function alreadyExists(groupResource: GroupResource, name: string): StatusError {
  const resource = parseResource(groupResource)
  const message = `${resource.text} ${goQuote(name)} already exists`
  return new StatusError(409, 'AlreadyExists', message, detailsOf(resource, name))
}

/** 409: every name made from generateName was taken. */
export function generateNameConflict(
  groupResource: GroupResource,
  name: string,
  retryAfterSeconds: number,
): StatusError {
  const resource = parseResource(groupResource)
  const message =
    `${resource.text} ${goQuote(name)} already exists, ` +
    'the server was not able to generate a unique name for the object'
  return new StatusError(409, 'AlreadyExists', message, detailsOf(resource, name, retryAfterSeconds))
}

/** 409: the object is not what the writer believed it to be. */
export function conflict(
  groupResource: GroupResource,
  name: string,
  detail = 'the object has been modified; please apply your changes to the latest version and try again',
): StatusError {
  const resource = parseResource(groupResource)
  const message = `Operation cannot be fulfilled on ${resource.text} ${goQuote(name)}: ${detail}`
  return new StatusError(409, 'Conflict', message, detailsOf(resource, name))
}

/** 409: fields of a server-side apply belong to other managers. `message` names them all. */
export function applyConflict(causes: readonly StatusCause[], message: string): StatusError {
  return new StatusError(409, 'Conflict', message, causes.length > 0 ? { causes } : {})
}

/** 422: the object is well-formed but breaks rules. */
export function invalid(groupKind: GroupKind, name: string, errors: readonly FieldError[]): StatusError {
  const kind = parseKind(groupKind)
  const subject = `${kind.text} ${goQuote(name)} is invalid`
  const message = errors.length === 0 ? subject : `${subject}: ${aggregateFieldErrors(errors)}`
  return new StatusError(422, 'Invalid', message, {
    ...detailsOf(kind, name),
    ...(errors.length > 0 && { causes: errors.map(toStatusCause) }),
  })
}

/** 400: the request makes no sense. */
export function badRequest(message: string): StatusError {
  return new StatusError(400, 'BadRequest', message)
}

/** 401: no valid credentials. */
export function unauthorized(message = ''): StatusError {
  return withoutStack(() => new StatusError(401, 'Unauthorized', message === '' ? 'not authorized' : message))
}

/**
 * 403: known who asks, but it is not allowed. `detail` says why; without a resource (`''`) the message is
 * `forbidden: detail`.
 */
export function forbidden(groupResource: GroupResource, name: string, detail: string): StatusError {
  const resource = parseResource(groupResource)
  return new StatusError(403, 'Forbidden', forbiddenMessage(resource.text, name, detail), {
    ...detailsOf(resource, name),
  })
}

function forbiddenMessage(resource: string, name: string, detail: string): string {
  if (resource === '') return `forbidden: ${detail}`
  return name === ''
    ? `${resource} is forbidden: ${detail}`
    : `${resource} ${goQuote(name)} is forbidden: ${detail}`
}

/** 405: `action` (`create`, `patch`, ...) does not exist for this resource. */
export function methodNotSupported(groupResource: GroupResource, action: string): StatusError {
  const resource = parseResource(groupResource)
  const message = `${action} is not supported on resources of kind ${goQuote(resource.text)}`
  return new StatusError(405, 'MethodNotAllowed', message, detailsOf(resource, ''))
}

/** 406: the client accepts none of the media types we can send. */
export function notAcceptable(accepted: readonly string[]): StatusError {
  const message = `only the following media types are accepted: ${accepted.join(', ')}`
  return new StatusError(406, 'NotAcceptable', message)
}

/** 415: the body has a media type we cannot read. */
export function unsupportedMediaType(accepted: readonly string[]): StatusError {
  const message =
    'the body of the request was in an unknown format - ' +
    `accepted media types include: ${accepted.join(', ')}`
  return new StatusError(415, 'UnsupportedMediaType', message)
}

/** 413: `message` says the limit. */
export function requestEntityTooLarge(message: string): StatusError {
  return new StatusError(413, 'RequestEntityTooLarge', `Request entity too large: ${message}`)
}

/** 429: the client must wait. */
export function tooManyRequests(message: string, retryAfterSeconds: number): StatusError {
  return new StatusError(429, 'TooManyRequests', message, retryDetails(retryAfterSeconds))
}

/** 500 with reason ServerTimeout: a passing fault, worth a retry. */
export function serverTimeout(
  groupResource: GroupResource,
  operation: string,
  retryAfterSeconds: number,
): StatusError {
  const resource = parseResource(groupResource)
  const message =
    `The ${operation} operation against ${resource.text} could not be completed at this time, ` +
    'please try again.'
  return new StatusError(500, 'ServerTimeout', message, detailsOf(resource, operation, retryAfterSeconds))
}

/** 504: not done in time; it may still happen. */
export function timeoutError(message: string, retryAfterSeconds: number): StatusError {
  return new StatusError(504, 'Timeout', `Timeout: ${message}`, retryDetails(retryAfterSeconds))
}

/** 504: a read asked for a resource version that is not reached yet. */
export function tooLargeResourceVersion(
  requested: bigint | number | string,
  current: bigint | number | string,
  retryAfterSeconds: number,
): StatusError {
  const message = `Timeout: Too large resource version: ${requested}, current: ${current}`
  return new StatusError(504, 'Timeout', message, {
    causes: [{ reason: 'ResourceVersionTooLarge', message: 'Too large resource version' }],
    ...retryDetails(retryAfterSeconds),
  })
}

/** 410 with reason Gone. */
export function gone(message: string): StatusError {
  return new StatusError(410, 'Gone', message)
}

/** 410 with reason Expired: the content asked for is no longer held. */
export function expired(message: string): StatusError {
  return new StatusError(410, 'Expired', message)
}

/** 410: a watch from before the history that is held; `oldest` is the first revision it may start from. */
export function tooOldResourceVersion(
  requested: bigint | number | string,
  oldest: bigint | number | string,
): StatusError {
  return expired(`too old resource version: ${requested} (${oldest})`)
}

/** 500: a fault of ours. */
export function internalError(error: Error | string): StatusError {
  const message = typeof error === 'string' ? error : error.message
  const causes = [message === '' ? {} : { message }]
  return new StatusError(500, 'InternalError', `Internal error occurred: ${message}`, { causes })
}

/** 503. */
export function serviceUnavailable(message: string): StatusError {
  return new StatusError(503, 'ServiceUnavailable', message)
}

/** A `Status` received, as an error; `code` counts where the status has none. */
export function fromStatus(status: Status, code = 500): StatusError {
  const error = new StatusError(
    status.code ?? code,
    status.reason ?? '',
    status.message ?? '',
    status.details,
  )
  return error
}

/** Anything caught, as a StatusError: itself when it is one, else an internal error. */
export function from(caught: unknown): StatusError {
  if (caught instanceof StatusError) return caught
  const error = internalError(caught instanceof Error ? caught : String(caught))
  error.cause = caught
  return error
}

const knownReasons: ReadonlySet<string> = new Set([
  'Unauthorized',
  'Forbidden',
  'NotFound',
  'AlreadyExists',
  'Conflict',
  'Gone',
  'Invalid',
  'ServerTimeout',
  'StorageReadError',
  'Timeout',
  'TooManyRequests',
  'BadRequest',
  'MethodNotAllowed',
  'NotAcceptable',
  'RequestEntityTooLarge',
  'UnsupportedMediaType',
  'InternalError',
  'Expired',
  'ServiceUnavailable',
])

export function isStatusError(error: unknown): error is StatusError {
  return error instanceof StatusError
}

/** The reason of a StatusError; `''` for any other error. */
export function reasonOf(error: unknown): string {
  return error instanceof StatusError ? error.status.reason : ''
}

export const isNotFound = byReasonOrCode('NotFound', 404)
export const isAlreadyExists = byReason('AlreadyExists')
export const isConflict = byReasonOrCode('Conflict', 409)
export const isInvalid = byReasonOrCode('Invalid', 422)
export const isBadRequest = byReasonOrCode('BadRequest', 400)
export const isUnauthorized = byReasonOrCode('Unauthorized', 401)
export const isForbidden = byReasonOrCode('Forbidden', 403)
export const isMethodNotSupported = byReasonOrCode('MethodNotAllowed', 405)
export const isUnsupportedMediaType = byReasonOrCode('UnsupportedMediaType', 415)
export const isTimeout = byReasonOrCode('Timeout', 504)
export const isGone = byReasonOrCode('Gone', 410)
export const isExpired = byReason('Expired')
export const isServiceUnavailable = byReasonOrCode('ServiceUnavailable', 503)

export function isTooManyRequests(error: unknown): boolean {
  return reasonOf(error) === 'TooManyRequests' || codeOf(error) === 429
}

/** Whether the failure has a cause of this type: `FieldManagerConflict`, `NamespaceTerminating`, ... */
export function hasStatusCause(error: unknown, type: string): boolean {
  return error instanceof StatusError && !!error.status.details?.causes?.some(({ reason }) => reason === type)
}

/** How long the server asks to wait before the next try, in seconds; undefined when it does not ask. */
export function suggestedDelaySeconds(error: unknown): number | undefined {
  if (!(error instanceof StatusError) || !error.status.details) return undefined
  const { retryAfterSeconds = 0 } = error.status.details
  return retryAfterSeconds > 0 || error.status.reason === 'ServerTimeout' ? retryAfterSeconds : undefined
}

function byReason(reason: string): (error: unknown) => boolean {
  return (error) => reasonOf(error) === reason
}

/** The code decides only where the reason is one that nobody knows. */
function byReasonOrCode(reason: string, code: number): (error: unknown) => boolean {
  return (error) => {
    if (!(error instanceof StatusError)) return false
    const { status } = error
    return status.reason === reason || (status.code === code && !knownReasons.has(status.reason))
  }
}

function codeOf(error: unknown): number {
  return error instanceof StatusError ? error.status.code : 0
}

interface Subject {
  readonly group: string
  readonly kind: string
  readonly text: string
}

function parseResource(groupResource: GroupResource): Subject {
  if (typeof groupResource === 'string') return parseSubject(groupResource)
  return subject(groupResource.group, groupResource.resource)
}

function parseKind(groupKind: GroupKind): Subject {
  if (typeof groupKind === 'string') return parseSubject(groupKind)
  return subject(groupKind.group, groupKind.kind)
}

function parseSubject(text: string): Subject {
  const dot = text.indexOf('.')
  return dot < 0 ? subject('', text) : subject(text.slice(dot + 1), text.slice(0, dot))
}

function subject(group: string, kind: string): Subject {
  return { group, kind, text: group === '' ? kind : `${kind}.${group}` }
}

function detailsOf({ group, kind }: Subject, name: string, retryAfterSeconds = 0): StatusDetails {
  return {
    ...(name !== '' && { name }),
    ...(group !== '' && { group }),
    ...(kind !== '' && { kind }),
    ...retryDetails(retryAfterSeconds),
  }
}

function retryDetails(retryAfterSeconds: number): StatusDetails {
  return retryAfterSeconds === 0 ? {} : { retryAfterSeconds }
}
