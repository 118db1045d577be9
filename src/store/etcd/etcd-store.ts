import type { Clock } from '../../machinery/clock.ts'
import type { Logger } from '../../machinery/log.ts'
import type { Entry, ListOptions, Range, Store, StoreWatch, WatchHandlers, WriteOptions } from '../store.ts'
import { StoreError } from '../store.ts'
import { keepCompacting } from './compactor.ts'
import { Connection, type EtcdTls, type Member } from './connection.ts'
import { isLeaseNotFound } from './etcd-error.ts'
import { EtcdWatch } from './etcd-watch.ts'
import {
  Compare_CompareResult,
  Compare_CompareTarget,
  KV,
  Maintenance,
  type RangeResponse,
  type TxnResponse,
} from './generated/rpc_pb.ts'
import { encodeKey, entryOf, isFence, prefixRange } from './key-range.ts'
import { LeasePool } from './lease-pool.ts'
import { reportsProgress } from './server-version.ts'

export interface EtcdStoreOptions {
  /** `https://host:port` or `http://host:port`, one per member of the cluster. */
  readonly endpoints: readonly string[]
  readonly tls?: EtcdTls | undefined
  readonly clock: Clock
  readonly log: Logger
}

type Condition = { readonly type: 'absent' } | { readonly type: 'at'; readonly revision: bigint }

type Change = { readonly type: 'put'; readonly value: Uint8Array } | { readonly type: 'delete' }

/** The most entries asked for at once: more come in further calls at the same revision. */
const pageLength = 2000
/** How long the traces of progress requests stay. */
const fenceTtlSeconds = 60

/** A store in an etcd cluster, 3.4 or later. While it is open it sees to it that history does not grow for ever. */
export class EtcdStore implements Store {
  readonly #clock: Clock
  readonly #log: Logger
  readonly #connection: Connection
  readonly #leases: LeasePool
  readonly #watches = new Set<EtcdWatch>()
  readonly #reportsProgress = new WeakMap<Member, Promise<boolean>>()
  readonly #closing = new AbortController()
  #closed = false

  constructor({ endpoints, tls, clock, log }: EtcdStoreOptions) {
    this.#clock = clock
    this.#log = log
    const connection = new Connection({ endpoints, tls, clock })
    this.#connection = connection
    this.#leases = new LeasePool(connection, clock)
    const compact = (revision: bigint) => this.compact(revision)
    void keepCompacting({ connection, compact }, clock, log, this.#closing.signal)
  }

  async get(key: string): Promise<Entry | undefined> {
    const { kvs } = await this.#connection.read(KV.method.range, { key: encodeKey(key) })
    return kvs[0] && entryOf(kvs[0])
  }

  async list(prefix: string, options: ListOptions = {}): Promise<Range> {
    for (;;) {
      try {
        return await this.#list(prefix, options)
      } catch (error) {
        // Without a revision of the caller's, a compaction between two pages only means to begin again.
        const began = error instanceof StoreError && error.reason === 'compacted'
        if (!began || options.revision) throw error
      }
    }
  }

  async create(key: string, value: Uint8Array, options?: WriteOptions): Promise<Entry> {
    return this.#put(key, value, { type: 'absent' }, options)
  }

  async update(key: string, value: Uint8Array, revision: bigint, options?: WriteOptions): Promise<Entry> {
    return this.#put(key, value, { type: 'at', revision }, options)
  }

  async delete(key: string, revision: bigint): Promise<bigint> {
    const { header } = await this.#change(key, { type: 'at', revision }, { type: 'delete' })
    return header!.revision
  }

  watch(prefix: string, after: bigint, handlers: WatchHandlers): StoreWatch {
    if (this.#closed) throw new StoreError('closed', 'the store is closed')
    const context = {
      connection: this.#connection,
      clock: this.#clock,
      reportsProgress: (member: Member) => this.#askReportsProgress(member),
      writeFence: (key: Uint8Array) => this.#writeFence(key),
      currentRevision: () => this.currentRevision(),
      onEnded: (ended: EtcdWatch) => this.#watches.delete(ended),
      onFault: (error: unknown) => this.#log.error('the end of a watch was not handled', { error }),
    }
    const watch = new EtcdWatch(context, prefix, after, handlers)
    this.#watches.add(watch)
    return watch
  }

  async compact(revision: bigint): Promise<void> {
    try {
      await this.#connection.read(KV.method.compact, { revision })
    } catch (error) {
      if (!(error instanceof StoreError && error.reason === 'compacted')) throw error
    }
  }

  async currentRevision(): Promise<bigint> {
    const { header } = await this.#connection.read(KV.method.range, {
      ...prefixRange(''),
      limit: 1n,
      countOnly: true,
    })
    return header!.revision
  }

  async close(): Promise<void> {
    if (this.#closed) return
    this.#closed = true
    this.#closing.abort()
    for (const watch of this.#watches) watch.close()
    this.#connection.close()
  }

  async #list(prefix: string, { revision, limit, startKey }: ListOptions): Promise<Range> {
    const entries: Entry[] = []
    const wanted = limit || Infinity
    let { key, rangeEnd } = prefixRange(prefix, startKey)
    let at = revision ?? 0n
    for (;;) {
      const pageLimit = Math.min(pageLength, wanted - entries.length)
      const request = { key, rangeEnd, revision: at, limit: BigInt(pageLimit) }
      const page: RangeResponse = await this.#connection.read(KV.method.range, request)
      if (at === 0n) at = page.header!.revision
      for (const kv of page.kvs) if (!isFence(kv.key)) entries.push(entryOf(kv))
      const remaining = Number(page.count) - page.kvs.length
      if (!page.more || entries.length >= wanted) return { entries, revision: at, remaining }
      key = Buffer.concat([page.kvs.at(-1)!.key, Buffer.of(0)])
    }
  }

  async #put(key: string, value: Uint8Array, condition: Condition, options?: WriteOptions): Promise<Entry> {
    const { header, responses } = await this.#change(
      key,
      condition,
      { type: 'put', value },
      options?.ttlSeconds,
    )
    const revision = header!.revision
    if (condition.type === 'absent') return { key, value, revision, createRevision: revision }
    return { key, value, revision, createRevision: rangeOf(responses[1]).kvs[0]!.createRevision }
  }

  /** Makes the change if the condition holds; throws `conflict` with what was found otherwise. */
  async #change(
    key: string,
    condition: Condition,
    change: Change,
    ttlSeconds?: number,
  ): Promise<TxnResponse> {
    const lease = ttlSeconds === undefined ? 0n : await this.#leases.leaseFor(ttlSeconds)
    try {
      const response = await this.#connection.write(KV.method.txn, transaction(key, condition, change, lease))
      if (response.succeeded) return response
      const found = rangeOf(response.responses[0]).kvs[0]
      throw new StoreError(
        'conflict',
        conflictMessage(key, condition, found?.modRevision),
        found && entryOf(found),
      )
    } catch (error) {
      if (ttlSeconds === undefined || !isLeaseNotFound(error)) throw error
      this.#leases.forget(ttlSeconds)
      return this.#change(key, condition, change, ttlSeconds)
    }
  }

  async #writeFence(key: Uint8Array): Promise<bigint> {
    const lease = await this.#leases.leaseFor(fenceTtlSeconds)
    try {
      const { header } = await this.#connection.read(KV.method.put, { key, lease })
      return header!.revision
    } catch (error) {
      if (isLeaseNotFound(error)) this.#leases.forget(fenceTtlSeconds)
      throw error
    }
  }

  /** Asked once of each member and then again only after a failure: members are not replaced by older ones. */
  #askReportsProgress(member: Member): Promise<boolean> {
    const known = this.#reportsProgress.get(member)
    if (known) return known
    const asked = this.#connection.ask(member, Maintenance.method.status, {}).then(
      ({ version }) => reportsProgress(version),
      (error: unknown) => {
        this.#reportsProgress.delete(member)
        throw error
      },
    )
    this.#reportsProgress.set(member, asked)
    return asked
  }
}

function transaction(key: string, condition: Condition, change: Change, lease: bigint) {
  const keyBytes = encodeKey(key)
  return {
    compare: comparisons(keyBytes, condition),
    success: changes(keyBytes, change, lease),
    failure: [{ request: { case: 'requestRange' as const, value: { key: keyBytes } } }],
  }
}

function comparisons(key: Uint8Array, condition: Condition) {
  const modRevision = condition.type === 'at' ? condition.revision : 0n
  const isAt = {
    key,
    target: Compare_CompareTarget.MOD,
    result: Compare_CompareResult.EQUAL,
    targetUnion: { case: 'modRevision' as const, value: modRevision },
  }
  if (condition.type === 'absent') return [isAt]
  // What is not there has revision 0, and must not be found by it.
  const isThere = {
    key,
    target: Compare_CompareTarget.CREATE,
    result: Compare_CompareResult.GREATER,
    targetUnion: { case: 'createRevision' as const, value: 0n },
  }
  return [isAt, isThere]
}

function changes(key: Uint8Array, change: Change, lease: bigint) {
  if (change.type === 'delete') return [{ request: { case: 'requestDeleteRange' as const, value: { key } } }]
  return [
    { request: { case: 'requestPut' as const, value: { key, value: change.value, lease } } },
    { request: { case: 'requestRange' as const, value: { key, keysOnly: true } } },
  ]
}

function rangeOf(operation: TxnResponse['responses'][number] | undefined): RangeResponse {
  if (operation?.response.case !== 'responseRange')
    throw new TypeError('etcd answered something else than it was asked')
  return operation.response.value
}

function conflictMessage(key: string, condition: Condition, found: bigint | undefined): string {
  if (condition.type === 'absent') return `${key} already exists`
  return found === undefined
    ? `${key} does not exist`
    : `${key} is at revision ${found}, not ${condition.revision}`
}
