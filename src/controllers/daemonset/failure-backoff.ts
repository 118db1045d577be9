import type { Clock } from '../../machinery/clock.ts'

const initialMs = 1_000
const maxMs = 15 * 60_000

/** Pauses between failures of one thing: 1 s doubling to 15 min, anew after twice the longest pause without one. */
export interface FailureBackoff {
  /** 0 when the thing may be tried now, which counts as a failure more; else the milliseconds left to wait. */
  next(key: string): number
}

interface Entry {
  readonly atMs: number
  readonly pauseMs: number
}

export function createFailureBackoff(clock: Clock): FailureBackoff {
  const entries = new Map<string, Entry>()
  return {
    next(key) {
      const now = clock.monotonic()
      for (const [other, { atMs }] of entries) if (now - atMs > 2 * maxMs) entries.delete(other)
      const entry = entries.get(key)
      if (entry && now - entry.atMs < entry.pauseMs) return entry.pauseMs - (now - entry.atMs)
      entries.set(key, { atMs: now, pauseMs: entry ? Math.min(maxMs, entry.pauseMs * 2) : initialMs })
      return 0
    },
  }
}
