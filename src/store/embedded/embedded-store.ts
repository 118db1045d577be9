import { setImmediate as afterThisTurn } from 'node:timers'
import type { Clock } from '../../machinery/clock.ts'
import type { Logger } from '../../machinery/log.ts'
import { compressedForm } from '../large-value.ts'
import { eventResult, eventRevision } from '../mvcc/event.ts'
import { Expirations, type Expiring } from '../mvcc/expirations.ts'
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
import type { LoadedLog } from './loading.ts'
import type { DurableWrite } from './log-file.ts'
import { encodeRecord, maxKeyBytes, valueOf } from './record.ts'
import { RevisionLog } from './revision-log.ts'
import type { LogState } from './state-file.ts'

export interface EmbeddedStoreOptions {
  /** Where the data is kept; made if need be. One process at a time can have it open. */
  readonly directory: string
  readonly clock: Clock
  readonly log: Logger
  readonly historyLimits?: HistoryLimits
  /** How bytes get on the disk; replaced in tests. */
  readonly write?: DurableWrite
}

/** A write whose caller waits. */
interface PendingWrite {
  readonly write: Write
  readonly ttlSeconds: number | undefined
  resolve(event: StoreEvent): void
  reject(error: unknown): void
}

/** Writes that become durable, and then visible, together. */
interface Group {
  readonly records: Buffer[]
  readonly events: StoreEvent[]
  readonly accepted: PendingWrite[]
  /** Refused because of what this group writes, which nobody may learn before it is durable. */
  readonly refused: { readonly pending: PendingWrite; readonly error: unknown }[]
  /** What will stand at the keys that this group writes. */
  readonly results: Map<string, Entry | undefined>
  /** On its way to the disk: further writes wait for the next group. */
  sealed: boolean
}

/** How long to wait before trying again to remove expired entries that could not be removed. */
const expirationRetryMs = 1000

/**
 * A durable store in a directory of this machine: everything is read from memory, every write is in the log on disk
 * before anyone sees it. Writes that arrive while the disk is busy share its next commit.
 */
export class EmbeddedStore implements Store {
  readonly #clock: Clock
  readonly #log: Logger
  readonly #revisions: RevisionLog
  readonly #mvcc: Mvcc
  readonly #expirations: Expirations
  readonly #retention: Retention
  /** Of the entries that have a time to live. */
  readonly #expiresAtMs = new WeakMap<Entry, number>()
  #group: Group | undefined
  #waiting: PendingWrite[] = []
  #compaction: Promise<void> = Promise.resolve()
  #onIdle: (() => void) | undefined
  #closing: Promise<void> | undefined

  private constructor(options: EmbeddedStoreOptions, revisions: RevisionLog, loaded: LoadedLog) {
    const { clock, log, historyLimits = defaultHistoryLimits } = options
    this.#clock = clock
    this.#log = log
    this.#revisions = revisions
    this.#mvcc = new Mvcc((error) => log.error('the end of a watch was not handled', { error }), loaded)
    this.#expirations = new Expirations(clock, (expired) => this.#expire(expired))
    for (const { entry, expiresAtMs } of loaded.expiring) {
      this.#expiresAtMs.set(entry, expiresAtMs)
      this.#expirations.add(entry, Math.max(0, expiresAtMs - clock.now()))
    }
    this.#retention = new Retention(clock, this.#mvcc, historyLimits, (revision) => {
      this.#compact(revision).catch((error: unknown) => log.warn('history could not be compacted', { error }))
    })
  }

  /** Throws a DataDirectoryError when the directory is in use, or holds what is not a sound store. */
  static async open(options: EmbeddedStoreOptions): Promise<EmbeddedStore> {
    const { directory, log, write } = options
    const { log: revisions, loaded } = await RevisionLog.open(directory, write)
    const { cutBytes } = revisions
    if (cutBytes > 0)
      log.info('writes that a crash had interrupted were cut off', { directory, bytes: cutBytes })
    return new EmbeddedStore(options, revisions, loaded)
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
    return eventResult(await this.#write({ type: 'create', key, value, bulk: options?.bulk }, options))!
  }

  async update(key: string, value: Uint8Array, revision: bigint, options?: WriteOptions): Promise<Entry> {
    return eventResult(
      await this.#write({ type: 'update', key, value, revision, bulk: options?.bulk }, options),
    )!
  }

  async delete(key: string, revision: bigint): Promise<bigint> {
    return eventRevision(await this.#write({ type: 'delete', key, revision }))
  }

  watch(prefix: string, after: bigint, handlers: WatchHandlers): StoreWatch {
    this.#mustBeOpen()
    return this.#mvcc.watch(prefix, after, handlers)
  }

  async compact(revision: bigint): Promise<void> {
    this.#mustBeOpen()
    await this.#compact(revision)
  }

  async currentRevision(): Promise<bigint> {
    this.#mustBeOpen()
    return this.#mvcc.revision
  }

  close(): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  async #close(): Promise<void> {
    this.#expirations.close()
    if (this.#group) await new Promise<void>((resolve) => (this.#onIdle = resolve))
    this.#retention.close()
    await this.#compaction
    this.#mvcc.close()
    await this.#revisions.close()
  }

  #write(write: Write, options?: WriteOptions): Promise<StoreEvent> {
    this.#mustBeOpen()
    checkWrite(write)
    if (Buffer.byteLength(write.key) > maxKeyBytes) throw new StoreError('tooLarge', 'the key is too long')
    return new Promise((resolve, reject) => {
      const pending = { write, ttlSeconds: options?.ttlSeconds, resolve, reject }
      if (this.#group?.sealed) this.#waiting.push(pending)
      else this.#accept(pending)
    })
  }

  /** Adds the write to the open group, or refuses it. */
  #accept(pending: PendingWrite): void {
    const { write } = pending
    const results = this.#group?.results
    const contended = results?.has(write.key) ?? false
    const current = contended ? results!.get(write.key) : this.#mvcc.get(write.key)
    const revision = this.#mvcc.revision + BigInt((this.#group?.events.length ?? 0) + 1)
    try {
      const planned = planWrite(write, current, revision)
      const { event, record } = this.#record(planned, pending.ttlSeconds)
      const group = (this.#group ??= this.#openGroup())
      group.records.push(record)
      group.events.push(event)
      group.accepted.push(pending)
      group.results.set(write.key, eventResult(event))
    } catch (error) {
      if (contended) this.#group!.refused.push({ pending, error })
      else pending.reject(error)
    }
  }

  /** The event as it goes to the log; the one returned shares small values with the record instead of the caller. */
  #record(event: StoreEvent, ttlSeconds: number | undefined): { event: StoreEvent; record: Buffer } {
    if (event.type === 'delete') return { event, record: encodeRecord(event) }
    const expiresAtMs = ttlSeconds === undefined ? 0 : this.#clock.now() + ttlSeconds * 1000
    const { key, revision, createRevision } = event.entry
    const form = compressedForm(event.entry)
    const value = form ?? event.entry.value
    const record = encodeRecord({ type: 'put', key, value, revision, createRevision, expiresAtMs })
    const entry = form ? event.entry : { key, value: valueOf(record), revision, createRevision }
    if (expiresAtMs > 0) this.#expiresAtMs.set(entry, expiresAtMs)
    return { event: { ...event, entry }, record }
  }

  /** Whatever is written until the event loop has gone round shares a commit. */
  #openGroup(): Group {
    const group: Group = {
      records: [],
      events: [],
      accepted: [],
      refused: [],
      results: new Map(),
      sealed: false,
    }
    afterThisTurn(() => this.#commit(group))
    return group
  }

  #commit(group: Group): void {
    group.sealed = true
    this.#revisions.append(group.records, eventRevision(group.events.at(-1)!)).then(
      () => this.#finish(group),
      (error: unknown) => this.#fail(group, error),
    )
  }

  #finish(group: Group): void {
    this.#mvcc.apply(group.events)
    for (const [index, { ttlSeconds, resolve }] of group.accepted.entries()) {
      const event = group.events[index]!
      if (ttlSeconds !== undefined && event.type === 'put') {
        this.#expirations.add({ key: event.entry.key, revision: event.entry.revision }, ttlSeconds * 1000)
      }
      resolve(event)
    }
    for (const { pending, error } of group.refused) pending.reject(error)
    this.#retention.committed()
    this.#startNext()
  }

  #fail(group: Group, error: unknown): void {
    for (const pending of group.accepted) pending.reject(error)
    for (const { pending } of group.refused) pending.reject(error)
    this.#startNext()
  }

  #startNext(): void {
    this.#group = undefined
    for (const pending of this.#waiting.splice(0)) this.#accept(pending)
    if (!this.#group) this.#onIdle?.()
  }

  #expire(expired: readonly Expiring[]): void {
    for (const expiring of expired) {
      if (this.#mvcc.get(expiring.key)?.revision !== expiring.revision) continue
      this.#write({ type: 'delete', ...expiring }).catch((error: unknown) => {
        if (error instanceof StoreError) return
        this.#log.warn('an expired entry could not be removed', { key: expiring.key, error })
        this.#expirations.add(expiring, expirationRetryMs)
      })
    }
  }

  async #compact(revision: bigint): Promise<void> {
    const before = this.#mvcc.compactedRevision
    this.#mvcc.compact(revision)
    if (this.#mvcc.compactedRevision === before) return
    const compacted = this.#compaction.then(() => this.#revisions.compact(revision, () => this.#state()))
    this.#compaction = compacted.catch(() => {})
    await compacted
  }

  /** The oldest that is held. */
  #state(): LogState {
    const revision = this.#mvcc.compactedRevision
    const { entries } = this.#mvcc.list('', { revision })
    return { revision, entries, expiresAtMs: (entry) => this.#expiresAtMs.get(entry) }
  }

  #mustBeOpen(): void {
    if (this.#closing) throw new StoreError('closed', 'the store is closed')
  }
}
