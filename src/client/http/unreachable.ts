import { serviceUnavailable } from '../../machinery/status-errors.ts'
import type { StatusError } from '../../machinery/status.ts'

/** A request that got no answer: refused, cut off or timed out. Whether a write was done is not known. */
export function unreachable(message: string, cause: unknown): StatusError {
  const error = serviceUnavailable(message)
  error.cause = cause
  return error
}
