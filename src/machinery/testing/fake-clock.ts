import type { Clock } from '../clock.ts'

/** A clock that moves only when told to, and runs what became due in order of time. */
export interface FakeClock extends Clock {
  /** Moves time forward, running due calls one after the other, letting promises settle between them. */
  advance(milliseconds: number): Promise<void>
  /** How many calls are waiting. */
  readonly pending: number
}

interface DueCall {
  readonly dueMs: number
  /** In which order calls were asked for: that of calls that are due together. */
  readonly sequence: number
  /** Undefined when cancelled. */
  run: (() => void) | undefined
}

export function fakeClock(startMs: number = Date.UTC(2026, 0, 1)): FakeClock {
  let now = startMs
  let sequence = 0
  let pending = 0
  /** A heap: none is due before the one above it. */
  const waiting: DueCall[] = []

  /** Takes out the call that is due next, unless that is later. */
  function takeDue(untilMs: number): DueCall | undefined {
    for (let [first] = waiting; first && (!first.run || first.dueMs <= untilMs); [first] = waiting) {
      const last = waiting.pop()!
      if (last !== first) sinkIn(waiting, last)
      if (first.run) return first
    }
    return undefined
  }

  return {
    now: () => now,
    monotonic: () => now - startMs,
    after(delayMs, run) {
      const call: DueCall = { dueMs: now + Math.max(0, delayMs), sequence: sequence++, run }
      riseIn(waiting, call)
      pending++
      return () => {
        if (!call.run) return
        call.run = undefined
        pending--
      }
    },
    async advance(milliseconds) {
      const untilMs = now + milliseconds
      await settle()
      for (let call = takeDue(untilMs); call; call = takeDue(untilMs)) {
        const { dueMs, run } = call
        call.run = undefined
        pending--
        now = Math.max(now, dueMs)
        run?.()
        await settle()
      }
      now = untilMs
    },
    get pending() {
      return pending
    },
  }
}

function isBefore(a: DueCall, b: DueCall): boolean {
  return a.dueMs < b.dueMs || (a.dueMs === b.dueMs && a.sequence < b.sequence)
}

function riseIn(heap: DueCall[], call: DueCall): void {
  let index = heap.length
  for (; index > 0; index = (index - 1) >> 1) {
    const above = heap[(index - 1) >> 1]!
    if (!isBefore(call, above)) break
    heap[index] = above
  }
  heap[index] = call
}

/** Puts a call in the place of the first. */
function sinkIn(heap: DueCall[], call: DueCall): void {
  let index = 0
  for (;;) {
    let below = 2 * index + 1
    if (below >= heap.length) break
    if (below + 1 < heap.length && isBefore(heap[below + 1]!, heap[below]!)) below++
    if (!isBefore(heap[below]!, call)) break
    heap[index] = heap[below]!
    index = below
  }
  heap[index] = call
}

/** Lets every promise that can settle without time or I/O do so: all of them have, before what is immediate runs. */
function settle(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve))
}
