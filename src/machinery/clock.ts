/** Cancels what was scheduled; harmless when it has already run. */
export type Cancel = () => void

/**
 * The only source of time. Components are given one; tests give a clock they move by hand.
 * Every duration is in milliseconds.
 */
export interface Clock {
  /** Wall-clock time, milliseconds since the epoch. May jump; use it only for timestamps. */
  now(): number
  /** Monotonic time in milliseconds since an arbitrary start; for measuring and for deadlines. */
  monotonic(): number
  /** Calls `run` once, `delayMs` from now. A pending call does not keep the process alive. */
  after(delayMs: number, run: () => void): Cancel
}

/** Resolves `delayMs` from now, or rejects with the signal's reason when it aborts first. */
export function sleep(clock: Clock, delayMs: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) return reject(signal.reason as Error)
    const onAbort = () => {
      cancel()
      reject(signal?.reason as Error)
    }
    const cancel = clock.after(delayMs, () => {
      signal?.removeEventListener('abort', onAbort)
      resolve()
    })
    signal?.addEventListener('abort', onAbort, { once: true })
  })
}

/** Calls `run` every `periodMs`, the first time one period from now, until cancelled. */
export function every(clock: Clock, periodMs: number, run: () => void): Cancel {
  let cancel = clock.after(periodMs, tick)
  let stopped = false
  function tick() {
    cancel = clock.after(periodMs, tick)
    run()
    if (stopped) cancel()
  }
  return () => {
    stopped = true
    cancel()
  }
}

/** The machine's clock. */
export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  after(delayMs, run) {
    const timer = setTimeout(run, delayMs)
    timer.unref()
    return () => clearTimeout(timer)
  },
}
