import type { KubernetesObject, Status } from '../../machinery/meta.ts'
import type { CacheEvent, ObjectEvent, WatchedEvent } from './cache-event.ts'
import type { Selection } from './selection.ts'

/** Events that may wait for a watcher that reads slowly, beside its initial ones; one more and it is cut off. */
export const maxQueuedEvents = 10_000

export interface WatcherOptions<T extends KubernetesObject> {
  readonly selection: Selection
  readonly after: bigint
  readonly wantsBookmarks: boolean
  /** Events to begin with; the watcher takes the array over. */
  readonly initial: WatchedEvent<T>[]
}

/**
 * One watch of one resource. The cache pushes, one consumer takes; a consumer that does not keep up loses the watch and
 * harms nobody.
 */
export class Watcher<T extends KubernetesObject = KubernetesObject> {
  readonly selection: Selection
  /** Changes up to this revision are known to the consumer. */
  readonly after: bigint
  readonly wantsBookmarks: boolean
  /** Why the watch ended before its consumer closed it: for logs and metrics. */
  endReason: 'open' | 'closed' | 'slow' | 'ended' = 'open'
  readonly #onClose: () => void
  #queue: WatchedEvent<T>[]
  #limit: number
  #wake: (() => void) | undefined
  readonly #onEnd: (() => void)[] = []
  /** What events are of, while they wait to be refined. */
  readonly #changes = new WeakMap<WatchedEvent<T>, CacheEvent<T>>()

  constructor(options: WatcherOptions<T>, onClose: () => void) {
    this.selection = options.selection
    this.after = options.after
    this.wantsBookmarks = options.wantsBookmarks
    this.#queue = options.initial
    this.#limit = options.initial.length + maxQueuedEvents
    this.#onClose = onClose
  }

  /**
   * All events that are waiting, oldest first; waits for one when there are none. Undefined when the watch is over. An
   * event of type ERROR is the last one.
   */
  async take(): Promise<readonly WatchedEvent<T>[] | undefined> {
    for (;;) {
      const batch = await this.#takeBatch()
      if (!batch || !this.selection.refine) return batch
      const refined = await this.#refine(batch, this.selection.refine)
      if (refined.length > 0) return refined
    }
  }

  async #takeBatch(): Promise<readonly WatchedEvent<T>[] | undefined> {
    while (this.#queue.length === 0) {
      if (this.endReason !== 'open') return undefined
      await new Promise<void>((resolve) => (this.#wake = resolve))
    }
    const batch = this.#queue
    this.#queue = []
    this.#limit = maxQueuedEvents
    return batch
  }

  /** `change`: what the event is of. */
  push(event: ObjectEvent<T>, change: CacheEvent<T>): void {
    if (this.endReason !== 'open') return
    if (this.#queue.length >= this.#limit) {
      this.#queue = []
      this.#end('slow')
      return
    }
    if (this.selection.refine) this.#changes.set(event, change)
    this.#queue.push(event)
    this.#wakeUp()
  }

  /** Events as the whole selection sees them. */
  async #refine(
    batch: readonly WatchedEvent<T>[],
    refine: NonNullable<Selection['refine']>,
  ): Promise<readonly WatchedEvent<T>[]> {
    const involved = batch.flatMap((event) => {
      if (!('stored' in event)) return []
      const before = event.type === 'MODIFIED' && this.#changes.get(event)?.previous
      return before ? [event.stored, before] : [event.stored]
    })
    const isRefined = await refine(involved)
    return batch.flatMap((event) => {
      if (event.type !== 'MODIFIED') return !('stored' in event) || isRefined(event.stored) ? [event] : []
      const change = this.#changes.get(event)!
      const seen = change.seenBy(isRefined(change.previous!), isRefined(event.stored))
      return seen ? [seen] : []
    })
  }

  /** Everything up to `resourceVersion` has been pushed. */
  bookmark(resourceVersion: string, initialEventsEnd = false): void {
    if (this.endReason !== 'open' || !this.wantsBookmarks) return
    // A watcher that is behind gets its bookmark when it has caught up.
    if (this.#queue.length > 0 && !initialEventsEnd) return
    this.#queue.push({ type: 'BOOKMARK', resourceVersion, initialEventsEnd })
    this.#wakeUp()
  }

  /** Ends the watch from the server's side: the consumer still gets what is waiting, then `error` if there is one. */
  end(error?: Status & { readonly code: number }): void {
    if (this.endReason !== 'open') return
    if (error) this.#queue.push({ type: 'ERROR', status: error })
    this.#end('ended')
  }

  /** Calls `handler` when the watch is over, whoever ended it. */
  onEnd(handler: () => void): void {
    if (this.endReason === 'open') this.#onEnd.push(handler)
    else handler()
  }

  /** The consumer has lost interest. */
  close(): void {
    if (this.endReason !== 'open') return
    this.#queue = []
    this.#end('closed')
  }

  #end(reason: Watcher['endReason']): void {
    this.endReason = reason
    this.#onClose()
    for (const handler of this.#onEnd) handler()
    this.#wakeUp()
  }

  #wakeUp(): void {
    const wake = this.#wake
    this.#wake = undefined
    wake?.()
  }
}
