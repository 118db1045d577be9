import type { Clock } from '../machinery/clock.ts'
import type { QueueMetrics } from './queue-metrics.ts'

/**
 * Keys to work on, first in first out. A key waits at most once, and is in the hands of at most one worker: added again
 * meanwhile, it waits until that worker is done.
 */
export interface WorkQueue {
  add(key: string): void
  /** Whether the key waits, for a worker or for the one who has it in hand; delays do not count. */
  has(key: string): boolean
  /** Adds the key once `delayMs` have passed; of several delays for one key the shortest counts. */
  addAfter(key: string, delayMs: number): void
  /** Adds the key after a pause that doubles with each call, until forget(). */
  addFailed(key: string): void
  /** The next failure of the key is its first. */
  forget(key: string): void
  /** How often the key failed since it was last forgotten. */
  failures(key: string): number
  /** The next key, in the hands of the caller until done(); undefined once the queue is closed. */
  take(): Promise<string | undefined>
  done(key: string): void
  /** Keys that wait now, without the delayed ones. */
  readonly length: number
  /** Drops what waits and what is delayed; take() answers undefined from now on. */
  close(): void
}

export interface WorkQueueOptions {
  readonly clock: Clock
  readonly metrics: QueueMetrics
  /** The first pause after a failure, and the longest. Defaults 5 ms and 1000 s, as upstream's controllers. */
  readonly minBackoffMs?: number
  readonly maxBackoffMs?: number
}

/**
 * Source of the numbers: client-go util/workqueue, DefaultTypedControllerRateLimiter. Its second limiter, ten requeues a
 * second over all keys, is left out: after a conflict storm over thousands of healthy objects it delays the last of them
 * by minutes, while the pause per key and the bounded number of workers already protect the API server.
 */
export function createWorkQueue(options: WorkQueueOptions): WorkQueue {
  const { clock, metrics, minBackoffMs = 5, maxBackoffMs = 1_000_000 } = options
  const waiting = createFifo()
  const dirty = new Map<string, number>()
  const processing = new Map<string, number>()
  const delayed = new Map<string, { readonly dueMs: number; readonly cancel: () => void }>()
  const failures = new Map<string, number>()
  const takers: ((key: string | undefined) => void)[] = []
  let closed = false

  function offer(key: string): void {
    waiting.push(key)
    metrics.depth(waiting.length)
    if (takers.length > 0) queueMicrotask(dispatch)
  }

  /** Runs after whoever added is through, so that what one change adds twice is worked on once. */
  function dispatch(): void {
    while (takers.length > 0 && waiting.length > 0) takers.shift()!(next())
  }

  function next(): string | undefined {
    const key = waiting.shift()
    if (key === undefined) return undefined
    const now = clock.monotonic()
    metrics.depth(waiting.length)
    metrics.started(key, now, now - (dirty.get(key) ?? now))
    dirty.delete(key)
    processing.set(key, now)
    return key
  }

  function add(key: string): void {
    if (closed || dirty.has(key)) return
    metrics.added()
    dirty.set(key, clock.monotonic())
    if (!processing.has(key)) offer(key)
  }

  function addAfter(key: string, delayMs: number): void {
    if (closed) return
    if (delayMs <= 0) return add(key)
    const dueMs = clock.monotonic() + delayMs
    const sooner = delayed.get(key)
    if (sooner && sooner.dueMs <= dueMs) return
    sooner?.cancel()
    const cancel = clock.after(Math.min(delayMs, maxTimerMs), () => {
      delayed.delete(key)
      if (delayMs > maxTimerMs) addAfter(key, delayMs - maxTimerMs)
      else add(key)
    })
    delayed.set(key, { dueMs, cancel })
  }

  return {
    add,
    has: (key) => dirty.has(key),
    addAfter,
    addFailed(key) {
      const count = failures.get(key) ?? 0
      failures.set(key, count + 1)
      metrics.retried()
      addAfter(key, Math.min(maxBackoffMs, minBackoffMs * 2 ** count))
    },
    forget: (key) => void failures.delete(key),
    failures: (key) => failures.get(key) ?? 0,
    take() {
      if (closed) return Promise.resolve(undefined)
      const key = next()
      return key === undefined ? new Promise((resolve) => takers.push(resolve)) : Promise.resolve(key)
    },
    done(key) {
      const startedMs = processing.get(key)
      if (startedMs === undefined) return
      processing.delete(key)
      metrics.finished(key, clock.monotonic() - startedMs)
      if (dirty.has(key)) offer(key)
    },
    get length() {
      return waiting.length
    },
    close() {
      closed = true
      for (const { cancel } of delayed.values()) cancel()
      delayed.clear()
      dirty.clear()
      waiting.clear()
      metrics.depth(0)
      for (const taker of takers.splice(0)) taker(undefined)
    },
  }
}

/** The longest that a timer of the machine can wait. */
const maxTimerMs = 2 ** 31 - 1

/** A queue whose head moves instead of its items. */
function createFifo() {
  let items: string[] = []
  let head = 0
  return {
    get length() {
      return items.length - head
    },
    push: (item: string) => void items.push(item),
    shift(): string | undefined {
      if (head === items.length) return undefined
      const item = items[head++]
      if (head > 1024 && head * 2 > items.length) {
        items = items.slice(head)
        head = 0
      }
      return item
    },
    clear() {
      items = []
      head = 0
    },
  }
}
