import { sleep, type Clock } from '../../machinery/clock.ts'
import type { Logger } from '../../machinery/log.ts'
import { isRuntimeError } from '../runtime/runtime-error.ts'
import type { ContainerRuntime, RuntimeEvent } from '../runtime/runtime.ts'

/** Listens to the runtime while it tells what happens, and lists everything again and again while it does not. */
export interface RuntimeFollower {
  /** The runtime tells everything, and what had happened before was listed. */
  readonly isTold: boolean
  stop(): void
}

export interface RuntimeFollowerOptions {
  readonly runtime: ContainerRuntime
  readonly clock: Clock
  readonly log: Logger
  /** Whether there is anything to follow. */
  readonly isNeeded: () => boolean
  /** Lists everything once. Rejects with a RuntimeError. */
  readonly relist: () => Promise<void>
  /** What comes meanwhile waits. When it rejects, the event counts as missed. */
  readonly onEvent: (event: Exclude<RuntimeEvent, { readonly type: 'subscribed' }>) => Promise<void>
  /** The runtime has been seen, or there was nothing to look for. */
  readonly onSeen: () => void
  readonly onSubscription: (outcome: 'success' | 'error', tookMs: number) => void
}

const relistPeriodMs = 1000
/** With events, listing only finds what they have missed: what another process loses on the way to telling it. */
const relistPeriodWithEventsMs = 60_000
/** As upstream with events. */
const relistPeriodInProcessMs = 300_000
/**
 * What ended before the subscription began may come into the runtime's answers after: so long it is listed still. containerd
 * needs some hundredths of a second.
 */
const overlapMs = 5000
const resubscribeMs = 1000
/** A runtime that cannot tell may be replaced by one that can. */
const resubscribeWhenUnimplementedMs = 300_000

export function followRuntime(options: RuntimeFollowerOptions): RuntimeFollower {
  const { runtime, clock, log, isNeeded, relist, onEvent, onSeen, onSubscription } = options
  const periodWithEventsMs = runtime.usesHost ? relistPeriodWithEventsMs : relistPeriodInProcessMs
  const stop = new AbortController()
  const { signal } = stop
  /** When what happens began to be told; undefined while it is not. */
  let subscribedMs: number | undefined
  let isTold = false
  let cancel = () => {}

  /** Ends, or rejects, when events may be missed. */
  async function listen(events: AsyncIterable<RuntimeEvent>): Promise<void> {
    const start = clock.monotonic()
    for await (const event of events) {
      if (event.type === 'subscribed') {
        subscribedMs = clock.monotonic()
        onSubscription('success', subscribedMs - start)
      } else await onEvent(event)
    }
  }

  async function listenAgainAndAgain(): Promise<void> {
    while (runtime.events && !signal.aborted) {
      let delayMs = resubscribeMs
      try {
        await listen(runtime.events(signal))
      } catch (error) {
        if (isRuntimeError(error, 'unimplemented')) delayMs = resubscribeWhenUnimplementedMs
        else if (!signal.aborted) log.warn('following the runtime failed', { error })
      }
      if (signal.aborted) return
      onSubscription('error', 0)
      subscribedMs = undefined
      if (isTold) {
        isTold = false
        onSeen()
        cancel()
        void tick()
      }
      await sleep(clock, delayMs, signal).catch(() => undefined)
    }
  }

  async function tick(): Promise<void> {
    const subscription = subscribedMs
    const startMs = clock.monotonic()
    let isListed = true
    if (isNeeded()) {
      await relist().catch((error: unknown) => {
        isListed = false
        if (!signal.aborted) log.warn('listing pods in the runtime failed', { error })
      })
    } else onSeen()
    if (signal.aborted) return
    isTold =
      isListed &&
      subscription !== undefined &&
      subscription === subscribedMs &&
      startMs - subscription >= overlapMs
    cancel()
    cancel = clock.after(isTold ? periodWithEventsMs : relistPeriodMs, () => void tick())
  }

  void listenAgainAndAgain()
  cancel = clock.after(relistPeriodMs, () => void tick())
  return {
    get isTold() {
      return isTold
    },
    stop() {
      stop.abort()
      cancel()
    },
  }
}
