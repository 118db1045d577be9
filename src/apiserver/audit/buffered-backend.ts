import { sleep, type Cancel, type Clock } from '../../machinery/clock.ts'
import { TokenBucket } from '../../machinery/token-bucket.ts'
import type { AuditBackend, AuditEvent } from './audit-event.ts'
import { noteLostEvents, type AuditBackendContext } from './audit-fault.ts'

export interface BatchOptions {
  /** Events that wait while no batch can be sent; what comes beyond is lost. */
  readonly bufferSize: number
  /** Events in a batch. */
  readonly maxSize: number
  /** How long an event waits for others at most, in milliseconds; where a batch holds more than one. */
  readonly maxWaitMs: number
  /** Batches in a second, on average and at once; absent: as many as there are. */
  readonly throttle?: { readonly qps: number; readonly burst: number }
  /** A batch is sent without waiting for the one before. */
  readonly isConcurrent: boolean
}

/**
 * Collects events and hands them on in batches, while requests go on. Source: k8s.io/apiserver/plugin/pkg/audit/buffered.
 */
export class BufferedBackend implements AuditBackend {
  readonly #delegate: AuditBackend
  readonly #options: BatchOptions
  readonly #context: AuditBackendContext & { readonly clock: Clock }
  readonly #throttle: TokenBucket | undefined
  readonly #sending = new Set<Promise<unknown>>()
  #waiting: AuditEvent[] = []
  /** Resolves when everything that waits has been handed on. */
  #draining: Promise<void> | undefined
  #cancelTimer: Cancel | undefined
  /** What waits has waited long enough, also where it does not fill a batch. */
  #isDue = false
  #closed = false

  constructor(
    delegate: AuditBackend,
    options: BatchOptions,
    context: AuditBackendContext & { readonly clock: Clock },
  ) {
    this.#delegate = delegate
    this.#options = options
    this.#context = context
    const { clock } = context
    this.#throttle = options.throttle && new TokenBucket({ ...options.throttle, clock })
  }

  process(events: readonly AuditEvent[]): boolean {
    const { bufferSize, maxSize } = this.#options
    // One batch is in hand while the buffer fills behind it.
    const room = this.#closed ? 0 : Math.max(0, bufferSize + maxSize - this.#waiting.length)
    const lost = events.slice(room)
    if (lost.length > 0) {
      const cause = this.#closed ? 'audit backend shut down' : 'audit buffer queue blocked'
      noteLostEvents(this.#context, 'buffered', cause, lost)
    }
    this.#waiting.push(...events.slice(0, room))
    if (this.#waiting.length >= maxSize) this.#drain()
    else if (this.#waiting.length > 0) this.#drainLater()
    return true
  }

  async close(): Promise<void> {
    this.#closed = true
    this.#cancelTimer?.()
    while (this.#draining || this.#waiting.length > 0) {
      this.#isDue = true
      this.#drain()
      await this.#draining
    }
    await Promise.all(this.#sending)
    await this.#delegate.close()
  }

  #drainLater(): void {
    this.#cancelTimer ??= this.#context.clock.after(this.#options.maxWaitMs, () => {
      this.#cancelTimer = undefined
      this.#isDue = true
      this.#drain()
    })
  }

  #drain(): void {
    this.#draining ??= this.#sendAll().finally(() => {
      this.#draining = undefined
      if (this.#waiting.length > 0) this.#drainLater()
    })
  }

  /** What comes while a batch waits for its turn goes with the next. */
  async #sendAll(): Promise<void> {
    const { maxSize, isConcurrent } = this.#options
    while (this.#waiting.length >= (this.#isDue ? 1 : maxSize)) {
      const pauseMs = this.#throttle?.take() ?? 0
      if (pauseMs > 0) await sleep(this.#context.clock, pauseMs)
      const batch = this.#waiting.slice(0, maxSize)
      this.#waiting = this.#waiting.slice(maxSize)
      if (this.#waiting.length === 0) this.#isDue = false
      const work = this.#delegate.process(batch)
      if (!(work instanceof Promise)) continue
      if (!isConcurrent) await work
      else {
        this.#sending.add(work)
        void work.finally(() => this.#sending.delete(work))
      }
    }
  }
}
