import type { Clock } from '../../../machinery/clock.ts'
import { timeoutError } from '../../../machinery/status-errors.ts'
import type { StatusError } from '../../../machinery/status.ts'
import type { AdmissionRequest } from '../plugin.ts'

/** How long a webhook may take, in milliseconds: no longer than the request may that it is asked about. */
export function timeLeft({ deadlineMs }: AdmissionRequest, clock: Clock, mostMs: number): number {
  return deadlineMs === undefined ? mostMs : Math.max(0, Math.min(mostMs, deadlineMs - clock.monotonic()))
}

/** What a request is answered that has taken too long, or that nobody waits for any more; undefined while it may go on. */
export function lifetimeFault(
  { deadlineMs, signal }: AdmissionRequest,
  clock: Clock,
): StatusError | undefined {
  if (deadlineMs !== undefined && deadlineMs <= clock.monotonic()) {
    return timeoutError('request did not complete within requested timeout - context deadline exceeded', 0)
  }
  return signal?.().aborted ? timeoutError('request did not complete within requested timeout', 0) : undefined
}
