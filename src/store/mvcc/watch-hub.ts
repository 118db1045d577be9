import type { StoreEvent, StoreWatch, WatchHandlers } from '../store.ts'
import { StoreError } from '../store.ts'
import { eventKey, eventRevision } from './event.ts'
import type { History } from './history.ts'
import { PrefixIndex, type PrefixNode } from './prefix-index.ts'

/** What the hub reads of the state it reports on. */
export interface WatchedState {
  readonly revision: bigint
  readonly compactedRevision: bigint
  readonly history: History
}

interface Watch {
  readonly prefix: string
  readonly after: bigint
  readonly handlers: WatchHandlers
  state: 'starting' | 'live' | 'ended'
  progressRequested: boolean
}

/**
 * Delivers changes to watches: first what the history holds, then each commit as it is applied. A watch costs nothing
 * while nothing changes under its prefix.
 */
export class WatchHub {
  readonly #source: WatchedState
  readonly #onFault: (error: unknown) => void
  readonly #live = new PrefixIndex<Watch>()
  readonly #all = new Set<Watch>()
  readonly #unpublished: (readonly StoreEvent[])[] = []
  #publishing = false

  /** `onFault` is told what an `onEnd` throws; what `onEvents` throws ends its watch. */
  constructor(source: WatchedState, onFault: (error: unknown) => void) {
    this.#source = source
    this.#onFault = onFault
  }

  watch(prefix: string, after: bigint, handlers: WatchHandlers): StoreWatch {
    const watch: Watch = { prefix, after, handlers, state: 'starting', progressRequested: false }
    this.#all.add(watch)
    queueMicrotask(() => this.#start(watch))
    return {
      requestProgress: () => {
        watch.progressRequested = true
        if (watch.state === 'live') queueMicrotask(() => this.#reportProgress(watch))
      },
      close: () => this.#end(watch),
    }
  }

  /** Tells the watches of a commit that the state already includes. */
  publish(events: readonly StoreEvent[]): void {
    this.#unpublished.push(events)
    if (this.#publishing) return
    // A handler may write: its commit waits until every watch has been told of this one.
    this.#publishing = true
    try {
      for (let next = this.#unpublished.shift(); next; next = this.#unpublished.shift()) this.#deliver(next)
    } finally {
      this.#publishing = false
    }
  }

  close(): void {
    for (const watch of this.#all) this.#end(watch)
  }

  #start(watch: Watch): void {
    let position = watch.after
    while (watch.state === 'starting' && position < this.#source.revision) {
      if (position < this.#source.compactedRevision) {
        const message = `revision ${position} has been compacted, up to ${this.#source.compactedRevision}`
        this.#end(watch, new StoreError('compacted', message))
        return
      }
      const events = this.#replay(watch.prefix, position)
      position = this.#source.revision
      if (events.length > 0) this.#notify(watch, events)
    }
    if (watch.state !== 'starting') return
    watch.state = 'live'
    this.#live.add(watch.prefix, watch)
    this.#reportProgress(watch)
  }

  #replay(prefix: string, after: bigint): readonly StoreEvent[] {
    const { history } = this.#source
    const events: StoreEvent[] = []
    for (let index = history.indexAfter(after); index < history.length; index++) {
      const event = history.at(index)!
      if (eventKey(event).startsWith(prefix)) events.push(event)
    }
    return events
  }

  #deliver(events: readonly StoreEvent[]): void {
    for (const [node, own] of this.#byPrefix(events)) {
      for (const watch of node.items) {
        const wanted =
          watch.after < eventRevision(own[0]!) ? own : own.filter((e) => eventRevision(e) > watch.after)
        if (watch.state === 'live' && wanted.length > 0) this.#notify(watch, wanted)
      }
    }
  }

  #byPrefix(events: readonly StoreEvent[]): Map<PrefixNode<Watch>, StoreEvent[]> {
    const groups = new Map<PrefixNode<Watch>, StoreEvent[]>()
    for (const event of events) {
      for (let node = this.#live.longest(eventKey(event)); node; node = node.parent) {
        const group = groups.get(node)
        if (group) group.push(event)
        else groups.set(node, [event])
      }
    }
    return groups
  }

  #notify(watch: Watch, events: readonly StoreEvent[]): void {
    try {
      watch.handlers.onEvents(events)
    } catch (error) {
      this.#end(watch, error instanceof Error ? error : new Error('a watch handler failed', { cause: error }))
    }
  }

  #reportProgress(watch: Watch): void {
    if (!watch.progressRequested || watch.state !== 'live') return
    watch.progressRequested = false
    try {
      watch.handlers.onProgress?.(this.#source.revision)
    } catch (error) {
      this.#end(watch, error instanceof Error ? error : new Error('a watch handler failed', { cause: error }))
    }
  }

  #end(watch: Watch, error?: Error): void {
    if (watch.state === 'ended') return
    if (watch.state === 'live') this.#live.remove(watch.prefix, watch)
    watch.state = 'ended'
    this.#all.delete(watch)
    queueMicrotask(() => {
      try {
        watch.handlers.onEnd(error)
      } catch (fault) {
        this.#onFault(fault)
      }
    })
  }
}
