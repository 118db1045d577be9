import type { MessageInitShape } from '@bufbuild/protobuf'
import type { ClientDuplexStream } from '@grpc/grpc-js'
import type { Cancel, Clock } from '../../machinery/clock.ts'
import type { StoreEvent, StoreWatch, WatchHandlers } from '../store.ts'
import { StoreError } from '../store.ts'
import type { Connection, Member } from './connection.ts'
import { fromGrpc, isFinal } from './etcd-error.ts'
import {
  type Event,
  Event_EventType,
  Watch,
  type WatchRequestSchema,
  type WatchResponse,
} from './generated/rpc_pb.ts'
import { decodeKey, entryOf, fencedRange, isFence } from './key-range.ts'
import { WatchProgress } from './watch-progress.ts'

/** What a watch needs of its store. */
export interface EtcdWatchContext {
  readonly connection: Connection
  readonly clock: Clock
  /** Whether this member answers progress requests, and truly. */
  reportsProgress(member: Member): Promise<boolean>
  /** Writes to a key of the store's own; resolves with the revision. */
  writeFence(key: Uint8Array): Promise<bigint>
  currentRevision(): Promise<bigint>
  onEnded(watch: EtcdWatch): void
  /** Told what an `onEnd` throws. */
  onFault(error: unknown): void
}

interface Stream {
  readonly member: Member
  readonly call: ClientDuplexStream<MessageInitShape<typeof WatchRequestSchema>, WatchResponse>
}

/** Waiting times before a broken watch is resumed: doubled from the first to the last. Milliseconds. */
const firstResumeDelayMs = 50
const lastResumeDelayMs = 2000

/**
 * A watch that outlives its streams: when one breaks, the next goes on where it ended, at another member if need be.
 * Only a compaction, a refusal, a failing handler or `close` ends it.
 */
export class EtcdWatch implements StoreWatch {
  readonly #context: EtcdWatchContext
  readonly #range: ReturnType<typeof fencedRange>
  readonly #handlers: WatchHandlers
  readonly #progress: WatchProgress
  /** Everything up to this revision has been delivered. */
  #position: bigint
  #stream: Stream | undefined
  #resumeDelayMs = firstResumeDelayMs
  #cancelResume: Cancel | undefined
  #ended = false

  constructor(context: EtcdWatchContext, prefix: string, after: bigint, handlers: WatchHandlers) {
    this.#context = context
    this.#range = fencedRange(prefix)
    this.#position = after
    this.#handlers = handlers
    this.#progress = new WatchProgress(context.clock, {
      askForProgress: () => this.#askForProgress(),
      position: () => this.#position,
      onProgress: () => this.#handle(() => this.#handlers.onProgress?.(this.#position)),
    })
    this.#connect()
  }

  requestProgress(): void {
    if (!this.#ended) this.#progress.request()
  }

  close(): void {
    this.#end()
  }

  #connect(): void {
    const stream = this.#context.connection.stream(Watch.method.watch)
    this.#stream = stream
    stream.call.on('data', (response: WatchResponse) => {
      if (stream === this.#stream) this.#receive(response)
    })
    stream.call.on('error', (error) => this.#broken(stream, fromGrpc(error)))
    stream.call.on('end', () => this.#broken(stream))
    const { key, rangeEnd } = this.#range
    // From the last revision seen, not the next: only so is it certain that a compaction of the next one is noticed.
    const startRevision = this.#position > 1n ? this.#position : 1n
    const value = { key, rangeEnd, startRevision, progressNotify: true, prevKv: true }
    stream.call.write({ requestUnion: { case: 'createRequest', value } })
  }

  #receive(response: WatchResponse): void {
    const { created, canceled, compactRevision, cancelReason, events, header } = response
    if (canceled && compactRevision > 0n) {
      const message = `revision ${this.#position} has been compacted, up to ${compactRevision}`
      this.#end(new StoreError('compacted', message))
    } else if (canceled) {
      // As when the member has lost its leader: another one may have it.
      this.#broken(this.#stream!, new Error(`etcd ended the watch: ${cancelReason}`))
    } else {
      this.#resumeDelayMs = firstResumeDelayMs
      if (events.length > 0) this.#deliver(events)
      else if (!created) this.#moveTo(header!.revision)
    }
  }

  #deliver(received: readonly Event[]): void {
    const events: StoreEvent[] = []
    for (const event of received) {
      const { key, modRevision } = event.kv!
      if (modRevision > this.#position && !isFence(key)) events.push(toStoreEvent(event))
    }
    if (events.length > 0) this.#handle(() => this.#handlers.onEvents(events))
    this.#moveTo(received.at(-1)!.kv!.modRevision)
  }

  #moveTo(revision: bigint): void {
    if (this.#ended || revision <= this.#position) return
    this.#position = revision
    this.#progress.moved()
  }

  /** etcd is asked where it answers truly; elsewhere a write that the watch sees shows that it has seen all before. */
  async #askForProgress(): Promise<bigint> {
    const stream = this.#stream
    if (!stream) throw new Error('the watch is not connected')
    if (!(await this.#context.reportsProgress(stream.member))) {
      return this.#context.writeFence(this.#range.fenceKey)
    }
    const revision = await this.#context.currentRevision()
    if (stream === this.#stream) stream.call.write({ requestUnion: { case: 'progressRequest', value: {} } })
    return revision
  }

  #broken(stream: Stream, error?: Error): void {
    if (stream !== this.#stream || this.#ended) return
    if (isFinal(error)) {
      this.#end(error)
      return
    }
    this.#stream = undefined
    stream.call.cancel()
    this.#context.connection.avoid(stream.member)
    this.#cancelResume = this.#context.clock.after(this.#resumeDelayMs, () => this.#connect())
    this.#resumeDelayMs = Math.min(this.#resumeDelayMs * 2, lastResumeDelayMs)
  }

  #handle(run: () => void): void {
    if (this.#ended) return
    try {
      run()
    } catch (error) {
      this.#end(error instanceof Error ? error : new Error('a watch handler failed', { cause: error }))
    }
  }

  #end(error?: Error): void {
    if (this.#ended) return
    this.#ended = true
    this.#cancelResume?.()
    this.#progress.close()
    this.#stream?.call.cancel()
    this.#stream = undefined
    this.#context.onEnded(this)
    queueMicrotask(() => {
      try {
        this.#handlers.onEnd(error)
      } catch (fault) {
        this.#context.onFault(fault)
      }
    })
  }
}

function toStoreEvent({ type, kv, prevKv }: Event): StoreEvent {
  const previous = prevKv && entryOf(prevKv)
  if (type !== Event_EventType.DELETE) {
    const entry = entryOf(kv!)
    return previous ? { type: 'put', entry, previous } : { type: 'put', entry }
  }
  if (!previous)
    throw new Error(`etcd does not tell what ${decodeKey(kv!.key)} was before revision ${kv!.modRevision}`)
  return { type: 'delete', key: previous.key, revision: kv!.modRevision, previous }
}
