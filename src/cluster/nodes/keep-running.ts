import type { Clock } from '../../machinery/clock.ts'

export interface KeepRunningOptions {
  readonly clock: Clock
  /** Asked once a second: must cost next to nothing. */
  readonly isRunning: () => boolean
  /** Called when it does not run; not again before it has settled. */
  readonly start: () => Promise<void>
  /** Told of each attempt that failed; the next one follows. */
  readonly onFailure: (error: unknown) => void
}

const [periodMs, lastBackoffMs] = [1000, 30_000]

/** Starts again what has ended by itself, until told to let go; that resolves once no attempt is under way. */
export function keepRunning({ clock, isRunning, start, onFailure }: KeepRunningOptions): () => Promise<void> {
  let underWay: Promise<void> | undefined
  let waitMs = periodMs
  let stopped = false
  let cancel = clock.after(periodMs, look)

  function look(): void {
    underWay = startWhereNeeded().finally(() => {
      underWay = undefined
      if (!stopped) cancel = clock.after(waitMs, look)
    })
  }

  async function startWhereNeeded(): Promise<void> {
    if (isRunning()) {
      waitMs = periodMs
      return
    }
    try {
      await start()
      waitMs = periodMs
    } catch (error) {
      waitMs = Math.min(waitMs * 2, lastBackoffMs)
      onFailure(error)
    }
  }

  return async () => {
    stopped = true
    cancel()
    await underWay
  }
}
