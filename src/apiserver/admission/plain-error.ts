import { StatusError } from '../../machinery/status.ts'

/** What becomes of an error to which upstream gives no reason: 500, and the text alone. */
export function plainError(message: string): StatusError {
  return new StatusError(500, '', message)
}
