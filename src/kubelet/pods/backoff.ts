/** Delays that double from `initialMs` to `maximumMs`, forgotten after twice the maximum without failure. */
export interface BackoffPolicy {
  readonly initialMs: number
  readonly maximumMs: number
}

export interface Backoff {
  readonly delayMs: number
  readonly updatedAtMs: number
}

/** CrashLoopBackOff and ImagePullBackOff: 10 s doubling to 5 min, as upstream. */
export const containerBackoff: BackoffPolicy = { initialMs: 10_000, maximumMs: 300_000 }

/** CrashLoopBackOff of a node whose containers wait at most `maximumMs`. */
export function restartBackoff(maximumMs: number = containerBackoff.maximumMs): BackoffPolicy {
  return { initialMs: Math.min(containerBackoff.initialMs, maximumMs), maximumMs }
}

/** The back-off after one more try at `now`, of something that last failed at `failedAtMs`. */
export function nextBackoff(
  policy: BackoffPolicy,
  backoff: Backoff | undefined,
  failedAtMs: number,
  now: number,
): Backoff {
  const delayMs =
    backoff === undefined || isForgotten(policy, backoff, failedAtMs)
      ? policy.initialMs
      : Math.min(backoff.delayMs * 2, policy.maximumMs)
  return { delayMs, updatedAtMs: now }
}

/** When the next try may be made, of something that last failed at `failedAtMs`; `now` or earlier is at once. */
export function retryAt(policy: BackoffPolicy, backoff: Backoff | undefined, failedAtMs: number): number {
  if (backoff === undefined || isForgotten(policy, backoff, failedAtMs)) return failedAtMs
  return failedAtMs + backoff.delayMs
}

function isForgotten(policy: BackoffPolicy, backoff: Backoff, failedAtMs: number): boolean {
  return failedAtMs - backoff.updatedAtMs > 2 * policy.maximumMs
}
