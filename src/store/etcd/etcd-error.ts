import { status } from '@grpc/grpc-js'
import { StoreError } from '../store.ts'

/** etcd, or the way to it, failed. Whether a write was made is then unknown, unless `isNotExecuted` says it was not. */
export class EtcdError extends Error {
  /** A gRPC status code. */
  readonly code: number

  constructor(code: number, message: string, options?: ErrorOptions) {
    super(message, options)
    this.name = 'EtcdError'
    this.code = code
  }
}

/** The messages are in etcd's api/v3rpc/rpctypes/error.go. */
const compactedMessage = 'required revision has been compacted'
const futureMessage = 'required revision is a future revision'
const tooLargeMessages = ['request is too large', 'message larger than max']
const leaseNotFoundMessage = 'requested lease not found'
/** etcd's own, before it looks at a request that asks for a leader; gRPC's own, before it sends one. */
const notExecutedMessages = ['etcdserver: no leader', 'No connection established', 'Name resolution failed']

const unavailableCodes: readonly number[] = [status.UNAVAILABLE, status.DEADLINE_EXCEEDED]
const finalCodes: readonly number[] = [
  status.INVALID_ARGUMENT,
  status.PERMISSION_DENIED,
  status.UNAUTHENTICATED,
  status.UNIMPLEMENTED,
]

/** The error of a store that an error of gRPC stands for. */
export function fromGrpc(error: unknown): Error {
  if (error instanceof StoreError || error instanceof EtcdError) return error
  const { code, details } = error as { code?: unknown; details?: unknown }
  if (typeof code !== 'number' || typeof details !== 'string') {
    return error instanceof Error ? error : new Error('the call failed', { cause: error })
  }
  if (details.includes(compactedMessage)) return new StoreError('compacted', details)
  if (details.includes(futureMessage)) return new StoreError('future', details)
  if (tooLargeMessages.some((message) => details.includes(message)))
    return new StoreError('tooLarge', details)
  return new EtcdError(code, `${status[code] ?? code}: ${details}`, { cause: error })
}

/** Whether another endpoint, or the same one later, may do better. */
export function isUnavailable(error: unknown): boolean {
  return error instanceof EtcdError && unavailableCodes.includes(error.code)
}

/** Whether the call certainly changed nothing, so that making it again does not make it twice. */
export function isNotExecuted(error: unknown): boolean {
  return (
    isUnavailable(error) &&
    notExecutedMessages.some((message) => (error as EtcdError).message.includes(message))
  )
}

export function isLeaseNotFound(error: unknown): boolean {
  return error instanceof EtcdError && error.message.includes(leaseNotFoundMessage)
}

/** Whether making the call again, at any member, would end the same way. */
export function isFinal(error: unknown): boolean {
  return error instanceof EtcdError && finalCodes.includes(error.code)
}
