import type { Clock } from '../clock.ts'

/** A clock that moves only when told to, and runs what became due in order of time. */
export interface FakeClock extends Clock {
  /** Moves time forward, running due calls one after the other, letting promises settle between them. */
  advance(milliseconds: number): Promise<void>
  /** How many calls are waiting. */
  readonly pending: number
}

export function fakeClock(startMs: number = Date.UTC(2026, 0, 1)): FakeClock {
  let now = startMs
  let sequence = 0
  const waiting = new Map<number, { readonly dueMs: number; readonly run: () => void }>()

  function nextDue(untilMs: number): number | undefined {
    let best: number | undefined
    for (const [id, { dueMs }] of waiting) {
      if (dueMs <= untilMs && (best === undefined || dueMs < waiting.get(best)!.dueMs)) best = id
    }
    return best
  }

  return {
    now: () => now,
    monotonic: () => now - startMs,
    after(delayMs, run) {
      const id = sequence++
      waiting.set(id, { dueMs: now + Math.max(0, delayMs), run })
      return () => void waiting.delete(id)
    },
    async advance(milliseconds) {
      const untilMs = now + milliseconds
      await settle()
      for (let id = nextDue(untilMs); id !== undefined; id = nextDue(untilMs)) {
        const { dueMs, run } = waiting.get(id)!
        waiting.delete(id)
        now = Math.max(now, dueMs)
        run()
        await settle()
      }
      now = untilMs
    },
    get pending() {
      return waiting.size
    },
  }
}

/** Lets every promise that can settle without time or I/O do so. */
async function settle(): Promise<void> {
  for (let turn = 0; turn < 20; turn++) await Promise.resolve()
  await new Promise((resolve) => setImmediate(resolve))
}
