import type { Clock } from '../../machinery/clock.ts'
import type { Random } from '../../machinery/random.ts'

/** Pauses between failures: 0.8 s doubling to 30 s, each up to twice as long by chance, anew after two quiet minutes. */
export interface Backoff {
  nextMs(): number
}

const initialMs = 800
const maxMs = 30_000
const resetMs = 120_000

/** Source of the numbers: client-go tools/cache/reflector.go. */
export function createBackoff(clock: Clock, random: Random): Backoff {
  let baseMs = initialMs
  let lastMs = -Infinity
  return {
    nextMs() {
      const now = clock.monotonic()
      if (now - lastMs > resetMs) baseMs = initialMs
      lastMs = now
      const delayMs = baseMs * (1 + random.next())
      baseMs = Math.min(maxMs, baseMs * 2)
      return delayMs
    },
  }
}
