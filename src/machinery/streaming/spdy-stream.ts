import { ByteQueue } from './byte-queue.ts'
import type { FlowWindow } from './flow-window.ts'
import { SpdyError, resetStatus, type ResetStatus, type SpdyFrame } from './spdy-frames.ts'
import type { SpdyHeaders } from './spdy-headers.ts'

/** What a stream needs of its connection. */
export interface StreamTransport {
  /** Resolves when the wire can take more. Never rejects. */
  send(frame: SpdyFrame): Promise<void>
  reply(streamId: number, headers: SpdyHeaders): void
  readonly sessionWindow: FlowWindow | undefined
  onRead(stream: SpdyStream, bytes: number): void
  /** Both directions are closed: the stream can be forgotten. */
  onFinished(streamId: number): void
}

/** How a stream came to its end: both sides ended it, one reset it, or the connection was lost. */
export type SpdyStreamOutcome = 'ended' | 'reset' | 'lost'

/** Data is cut into frames of this size, so that streams of one connection take turns. */
const maxFrameSize = 32 * 1024
const windowUpdateThreshold = 32 * 1024

/**
 * A stream of a SPDY connection: bytes both ways, each way ended by itself. Reading ends without an error when the peer
 * ends or resets the stream, as in upstream's implementation; `outcome` says which it was.
 */
export class SpdyStream implements AsyncIterable<Uint8Array> {
  readonly id: number
  readonly headers: SpdyHeaders
  /** Resolves with the peer's reply; rejects when it resets the stream instead. For streams opened here. */
  readonly accepted: Promise<SpdyHeaders>
  /** Resolves at the end of the stream. */
  readonly outcome: Promise<SpdyStreamOutcome>

  readonly #transport: StreamTransport
  readonly #window: FlowWindow | undefined
  readonly #incoming: ByteQueue
  readonly #reply = Promise.withResolvers<SpdyHeaders>()
  readonly #outcome = Promise.withResolvers<SpdyStreamOutcome>()
  #isOffered: boolean
  #isEnding = false
  #hasEnded = false
  #isFinished = false
  #unacknowledged = 0
  #writes: Promise<void> = Promise.resolve()

  constructor(
    id: number,
    headers: SpdyHeaders,
    state: 'opening' | 'offered',
    transport: StreamTransport,
    window: FlowWindow | undefined,
  ) {
    this.id = id
    this.headers = headers
    this.#isOffered = state === 'offered'
    this.#transport = transport
    this.#window = window
    this.#incoming = new ByteQueue((bytes) => this.#onRead(bytes))
    this.accepted = this.#reply.promise
    this.outcome = this.#outcome.promise
    // Not everybody waits for the reply.
    this.accepted.catch(() => {})
    if (state === 'offered') this.#reply.resolve(headers)
  }

  /** Bytes received that nobody has read yet. */
  get unreadBytes(): number {
    return this.#incoming.size
  }

  /** Accepts a stream that the peer opened. */
  accept(headers: SpdyHeaders = {}): void {
    if (!this.#isOffered || this.#isFinished) return
    this.#isOffered = false
    this.#transport.reply(this.id, headers)
  }

  /** The next bytes, once there are some; undefined at the end. One reader. */
  read(): Promise<Uint8Array | undefined> {
    return this.#incoming.read()
  }

  [Symbol.asyncIterator](): AsyncGenerator<Uint8Array> {
    return this.#incoming[Symbol.asyncIterator]()
  }

  /** Throws away what comes: for a direction that nobody reads, which would hold up the other streams. */
  discard(): void {
    this.#incoming.discard()
  }

  /** Sends bytes; resolves when the wire can take more. Rejects with a SpdyError once the stream is over. */
  write(data: Uint8Array): Promise<void> {
    if (this.#isEnding) return Promise.reject(new SpdyError('the stream has been ended'))
    return this.#enqueue(() => this.#send(data))
  }

  /** Ends this side: the peer reads to the end of what was written. Resolves when that is sent. */
  end(): Promise<void> {
    if (this.#isEnding || this.#isFinished) return this.#writes.catch(() => {})
    this.#isEnding = true
    return this.#enqueue(async () => {
      if (this.#isFinished) return
      await this.#transport.send({ type: 'data', streamId: this.id, data: new Uint8Array(), fin: true })
      this.#hasEnded = true
      this.#finishIfEnded()
    })
  }

  /** Gives the stream up, both ways, at once. */
  reset(status: ResetStatus = resetStatus.cancel): void {
    if (this.#isFinished) return
    void this.#transport.send({ type: 'rstStream', streamId: this.id, status })
    this.#finish('reset')
  }

  /** Whether somebody may read the data. */
  handleData(data: Uint8Array, fin: boolean): boolean {
    if (this.#isFinished || this.#incoming.isClosed) return false
    this.#incoming.push(data)
    if (fin) {
      this.#incoming.close()
      this.#finishIfEnded()
    }
    return true
  }

  handleReply(headers: SpdyHeaders, fin: boolean): void {
    this.#reply.resolve(headers)
    if (fin) this.handleData(new Uint8Array(), true)
  }

  handleReset(status: number): void {
    this.#reply.reject(new SpdyError(`the peer reset the stream with status ${status}`))
    this.#finish('reset')
  }

  handleLoss(): void {
    this.#reply.reject(new SpdyError('the connection was lost'))
    this.#finish('lost')
  }

  handleWindowUpdate(delta: number): void {
    this.#window?.grant(delta)
  }

  #enqueue(action: () => Promise<void>): Promise<void> {
    const done = this.#writes.catch(() => {}).then(action)
    this.#writes = done
    // Whoever asked sees the rejection; the queue only goes on.
    done.catch(() => {})
    return done
  }

  async #send(data: Uint8Array): Promise<void> {
    for (let sent = 0; sent < data.length;) {
      if (this.#isFinished) throw new SpdyError('the stream is over')
      const length = await this.#allowance(Math.min(maxFrameSize, data.length - sent))
      if (this.#isFinished) throw new SpdyError('the stream is over')
      const part = data.subarray(sent, sent + length)
      sent += length
      await this.#transport.send({ type: 'data', streamId: this.id, data: part, fin: false })
    }
  }

  /** How much may be sent now, by the windows of the stream and of the connection. */
  async #allowance(wanted: number): Promise<number> {
    const { sessionWindow } = this.#transport
    if (!this.#window || !sessionWindow) return wanted
    const byStream = await this.#window.take(wanted)
    if (byStream === 0) return 0
    const bySession = await sessionWindow.take(byStream)
    this.#window.grant(byStream - bySession)
    return bySession
  }

  #onRead(bytes: number): void {
    this.#transport.onRead(this, bytes)
    if (!this.#window || this.#incoming.isClosed) return
    this.#unacknowledged += bytes
    if (this.#unacknowledged < windowUpdateThreshold) return
    void this.#transport.send({ type: 'windowUpdate', streamId: this.id, delta: this.#unacknowledged })
    this.#unacknowledged = 0
  }

  #finishIfEnded(): void {
    if (this.#hasEnded && this.#incoming.isClosed) this.#finish('ended')
  }

  #finish(outcome: SpdyStreamOutcome): void {
    if (this.#isFinished) return
    this.#isFinished = true
    this.#incoming.close()
    this.#window?.close()
    this.#reply.reject(new SpdyError('the stream is over'))
    this.#outcome.resolve(outcome)
    this.#transport.onFinished(this.id)
  }
}
