import type { Clock } from '../../machinery/clock.ts'
import type { Logger } from '../../machinery/log.ts'
import { Expirations, type Expiring } from '../mvcc/expirations.ts'
import { eventRevision } from '../mvcc/event.ts'
import { Mvcc } from '../mvcc/mvcc.ts'
import { defaultHistoryLimits, type HistoryLimits, Retention } from '../mvcc/retention.ts'
import { checkWrite, planWrite, type Write } from '../mvcc/write.ts'
import type {
  Entry,
  ListOptions,
  Range,
  Store,
  StoreEvent,
  StoreWatch,
  WatchHandlers,
  WriteOptions,
} from '../store.ts'
import { StoreError } from '../store.ts'

export interface MemoryStoreOptions {
  readonly clock: Clock
  readonly log: Logger
  readonly historyLimits?: HistoryLimits
}

/** A store that lives as long as its process. Values are held as given: they must not be changed afterwards. */
export class MemoryStore implements Store {
  readonly #mvcc: Mvcc
  readonly #expirations: Expirations
  readonly #retention: Retention
  #closed = false

  constructor({ clock, log, historyLimits = defaultHistoryLimits }: MemoryStoreOptions) {
    this.#mvcc = new Mvcc((error) => log.error('the end of a watch was not handled', { error }))
    this.#expirations = new Expirations(clock, (expired) => this.#expire(expired))
    this.#retention = new Retention(clock, this.#mvcc, historyLimits, (revision) =>
      this.#mvcc.compact(revision),
    )
  }

  async get(key: string): Promise<Entry | undefined> {
    this.#mustBeOpen()
    return this.#mvcc.get(key)
  }

  async list(prefix: string, options?: ListOptions): Promise<Range> {
    this.#mustBeOpen()
    return this.#mvcc.list(prefix, options)
  }

  async create(key: string, value: Uint8Array, options?: WriteOptions): Promise<Entry> {
    return this.#put({ type: 'create', key, value, bulk: options?.bulk }, options)
  }

  async update(key: string, value: Uint8Array, revision: bigint, options?: WriteOptions): Promise<Entry> {
    return this.#put({ type: 'update', key, value, revision, bulk: options?.bulk }, options)
  }

  async delete(key: string, revision: bigint): Promise<bigint> {
    return eventRevision(this.#write({ type: 'delete', key, revision }))
  }

  watch(prefix: string, after: bigint, handlers: WatchHandlers): StoreWatch {
    this.#mustBeOpen()
    return this.#mvcc.watch(prefix, after, handlers)
  }

  async compact(revision: bigint): Promise<void> {
    this.#mustBeOpen()
    this.#mvcc.compact(revision)
  }

  async currentRevision(): Promise<bigint> {
    this.#mustBeOpen()
    return this.#mvcc.revision
  }

  async close(): Promise<void> {
    if (this.#closed) return
    this.#closed = true
    this.#expirations.close()
    this.#retention.close()
    this.#mvcc.close()
  }

  #put(write: Write & { type: 'create' | 'update' }, options: WriteOptions | undefined): Entry {
    const event = this.#write(write) as StoreEvent & { type: 'put' }
    const { entry } = event
    if (options?.ttlSeconds !== undefined) {
      this.#expirations.add({ key: entry.key, revision: entry.revision }, options.ttlSeconds * 1000)
    }
    return entry
  }

  #write(write: Write): StoreEvent {
    this.#mustBeOpen()
    checkWrite(write)
    const event = planWrite(write, this.#mvcc.get(write.key), this.#mvcc.revision + 1n)
    this.#commit([event])
    return event
  }

  #commit(events: readonly StoreEvent[]): void {
    this.#mvcc.apply(events)
    this.#retention.committed()
  }

  #expire(expired: readonly Expiring[]): void {
    const events: StoreEvent[] = []
    for (const { key, revision } of expired) {
      const previous = this.#mvcc.get(key)
      if (previous?.revision !== revision) continue
      events.push({
        type: 'delete',
        key,
        revision: this.#mvcc.revision + BigInt(events.length + 1),
        previous,
      })
    }
    if (events.length > 0) this.#commit(events)
  }

  #mustBeOpen(): void {
    if (this.#closed) throw new StoreError('closed', 'the store is closed')
  }
}
