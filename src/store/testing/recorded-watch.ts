import type { Store, StoreEvent, StoreWatch } from '../store.ts'

/** A watch that keeps what it was told, and lets a test wait for more. */
export interface RecordedWatch extends StoreWatch {
  readonly events: readonly StoreEvent[]
  /** The events of each call, as they came. */
  readonly calls: readonly (readonly StoreEvent[])[]
  readonly progress: readonly bigint[]
  /** How often the end was told. */
  readonly ends: number
  /** Resolves, when the watch is over, with what it ended with. */
  readonly ended: Promise<Error | undefined>
  /** Resolves once the condition holds; looked at whenever the watch is told something. Rejects at its end. */
  until(condition: () => boolean): Promise<void>
  /** Asks for progress until everything up to `revision` is delivered. */
  reaches(revision: bigint): Promise<void>
}

export function recordWatch(store: Store, prefix: string, after: bigint): RecordedWatch {
  const events: StoreEvent[] = []
  const calls: (readonly StoreEvent[])[] = []
  const progress: bigint[] = []
  const waiting = new Set<{ condition: () => boolean; resolve: () => void; reject: (error: Error) => void }>()
  const ended = Promise.withResolvers<Error | undefined>()
  let ends = 0

  function look() {
    for (const waiter of waiting) {
      if (!waiter.condition()) continue
      waiting.delete(waiter)
      waiter.resolve()
    }
  }

  const watch = store.watch(prefix, after, {
    onEvents(more) {
      calls.push(more)
      events.push(...more)
      look()
    },
    onProgress(revision) {
      progress.push(revision)
      look()
    },
    onEnd(error) {
      ends++
      ended.resolve(error)
      look()
      for (const waiter of waiting) waiter.reject(error ?? new Error('the watch is over'))
    },
  })

  function until(condition: () => boolean): Promise<void> {
    return new Promise((resolve, reject) => {
      waiting.add({ condition, resolve, reject })
      look()
    })
  }

  return {
    events,
    calls,
    progress,
    get ends() {
      return ends
    },
    ended: ended.promise,
    until,
    async reaches(revision) {
      while (!progress.some((reached) => reached >= revision)) {
        const seen = progress.length
        watch.requestProgress()
        await until(() => progress.length > seen)
      }
    },
    requestProgress: () => watch.requestProgress(),
    close: () => watch.close(),
  }
}
