import { sleep, type Clock } from '../../machinery/clock.ts'
import type { Random } from '../../machinery/random.ts'
import { StatusError } from '../../machinery/status.ts'

const defaultFirstDelayMs = 500
const factor = 1.5
const jitter = 0.2
const attempts = 5

const passing: readonly string[] = ['InternalError', 'ServerTimeout', 'Timeout', 'TooManyRequests']

export interface RetryOptions {
  /** Default 500. */
  readonly firstDelayMs?: number
  /** Which failures are worth another try. Default: those that come of the network or of a server's state. */
  readonly mayPass?: (error: unknown) => boolean
}

/** Tries again what may go better the next time. Source: k8s.io/apiserver/pkg/util/webhook, DefaultRetryBackoff. */
export async function withRetries<T>(
  clock: Clock,
  random: Random,
  run: () => Promise<T>,
  { firstDelayMs = defaultFirstDelayMs, mayPass = isPassing }: RetryOptions = {},
): Promise<T> {
  let delayMs = firstDelayMs
  for (let attempt = 1; ; attempt++) {
    try {
      return await run()
    } catch (error) {
      if (attempt === attempts || !mayPass(error)) throw error
      await sleep(clock, delayMs * (1 + jitter * random.next()))
      delayMs *= factor
    }
  }
}

function isPassing(error: unknown): boolean {
  if (error instanceof StatusError) {
    return passing.includes(error.status.reason ?? '') || (error.status.details?.retryAfterSeconds ?? 0) > 0
  }
  return isReset(error) || (error instanceof Error && isReset(error.cause))
}

function isReset(error: unknown): boolean {
  return error instanceof Error && (error as NodeJS.ErrnoException).code === 'ECONNRESET'
}
