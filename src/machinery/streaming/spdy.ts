import { FlowWindow } from './flow-window.ts'
import {
  SpdyError,
  SpdyFrameDecoder,
  encodeFrame,
  goAwayStatus,
  initialWindowSetting,
  resetStatus,
  type SpdyFrame,
} from './spdy-frames.ts'
import { HeaderReader, HeaderWriter, type SpdyHeaders } from './spdy-headers.ts'
import { SpdyStream, type StreamTransport } from './spdy-stream.ts'

export { SpdyError, resetStatus, type ResetStatus } from './spdy-frames.ts'
export type { SpdyHeaders } from './spdy-headers.ts'
export { SpdyStream } from './spdy-stream.ts'

export interface SpdyOptions {
  readonly role: 'client' | 'server'
  /** Puts bytes on the wire, in the order of the calls. What it returns resolves when the wire can take more. */
  send(bytes: Uint8Array): void | Promise<void>
  /** The peer opened a stream: to be accepted or reset. Without it every stream is refused. */
  onStream?(stream: SpdyStream): void
  /** Called once, when the connection is over: with an error when the peer broke the protocol or the wire failed. */
  onClose?(error?: Error): void
  /**
   * Windows of SPDY/3.1, per stream and for the connection. Off by default, because Kubernetes' implementations (moby's
   * spdystream) neither grant nor respect them and rely on the wire's own backpressure.
   */
  readonly flowControl?: boolean
  /** From how many unread bytes of one stream on `receive` asks for a pause. Default 256 KiB. */
  readonly maxUnreadBytes?: number
}

const defaultMaxUnreadBytes = 256 * 1024
const initialWindow = 64 * 1024

/**
 * One SPDY/3.1 connection, without a socket: bytes go in through `receive` and out through `send`. Serves both sides of
 * `kubectl exec`, `attach`, `cp` and `port-forward`, over an upgraded HTTP/1.1 connection or tunnelled in a WebSocket.
 */
export class SpdyConnection {
  readonly #options: SpdyOptions
  readonly #decoder = new SpdyFrameDecoder()
  readonly #headerReader = new HeaderReader()
  readonly #headerWriter = new HeaderWriter()
  readonly #streams = new Map<number, SpdyStream>()
  readonly #pings = new Map<number, () => void>()
  readonly #sessionWindow: FlowWindow | undefined
  readonly #transport: StreamTransport
  #peerWindow = initialWindow
  #nextStreamId: number
  #nextPingId: number
  #lastPeerStreamId = 0
  #unreadPause: PromiseWithResolvers<void> | undefined
  #unacknowledged = 0
  #peerIsLeaving = false
  #isClosed = false

  constructor(options: SpdyOptions) {
    this.#options = options
    this.#nextStreamId = options.role === 'client' ? 1 : 2
    this.#nextPingId = this.#nextStreamId
    this.#sessionWindow = options.flowControl ? new FlowWindow(initialWindow) : undefined
    this.#transport = {
      send: (frame) => this.#send(frame),
      reply: (streamId, headers) => {
        void this.#send({
          type: 'synReply',
          streamId,
          fin: false,
          headerBlock: this.#headerWriter.write(headers),
        })
      },
      sessionWindow: this.#sessionWindow,
      onRead: (stream, bytes) => this.#onRead(stream, bytes),
      onFinished: (streamId) => this.#streams.delete(streamId),
    }
  }

  get isClosed(): boolean {
    return this.#isClosed
  }

  /**
   * Takes bytes from the wire, which may not be changed afterwards. When a stream's reader lags behind, the promise returned resolves when more bytes are
   * welcome; whoever reads the wire should wait for it.
   */
  receive(chunk: Uint8Array): Promise<void> | undefined {
    if (this.#isClosed) return undefined
    try {
      for (const frame of this.#decoder.decode(chunk)) this.#handle(frame)
    } catch (error) {
      void this.#send({
        type: 'goAway',
        lastStreamId: this.#lastPeerStreamId,
        status: goAwayStatus.protocolError,
      })
      this.end(error instanceof SpdyError ? error : new SpdyError(`malformed frame: ${messageOf(error)}`))
      return undefined
    }
    const { maxUnreadBytes = defaultMaxUnreadBytes } = this.#options
    if (![...this.#streams.values()].some(({ unreadBytes }) => unreadBytes > maxUnreadBytes)) return undefined
    this.#unreadPause ??= Promise.withResolvers<void>()
    return this.#unreadPause.promise
  }

  /** Opens a stream; its `accepted` resolves when the peer has replied. Throws a SpdyError once the connection ends. */
  openStream(headers: SpdyHeaders): SpdyStream {
    if (this.#isClosed || this.#peerIsLeaving) throw new SpdyError('the connection is closing')
    const id = this.#nextStreamId
    this.#nextStreamId += 2
    const stream = this.#addStream(id, headers, 'opening')
    const headerBlock = this.#headerWriter.write(headers)
    void this.#send({ type: 'synStream', streamId: id, fin: false, headerBlock })
    return stream
  }

  /** Resolves when the peer has answered; also when the connection ends first. */
  ping(): Promise<void> {
    if (this.#isClosed) return Promise.resolve()
    const id = this.#nextPingId
    this.#nextPingId += 2
    return new Promise((resolve) => {
      this.#pings.set(id, resolve)
      void this.#send({ type: 'ping', id })
    })
  }

  /** Resets all streams, says goodbye and ends the connection; the wire is the caller's to close. */
  close(): void {
    if (this.#isClosed) return
    for (const stream of this.#streams.values()) stream.reset(resetStatus.cancel)
    void this.#send({ type: 'goAway', lastStreamId: this.#lastPeerStreamId, status: goAwayStatus.ok })
    this.end()
  }

  /** The wire has ended, or failed: so do all streams. */
  end(error?: Error): void {
    if (this.#isClosed) return
    this.#isClosed = true
    for (const stream of this.#streams.values()) stream.handleLoss()
    this.#streams.clear()
    for (const resolve of this.#pings.values()) resolve()
    this.#pings.clear()
    this.#sessionWindow?.close()
    this.#unreadPause?.resolve()
    this.#options.onClose?.(error)
  }

  /** Never rejects: a wire that fails ends the connection. */
  async #send(frame: SpdyFrame): Promise<void> {
    if (this.#isClosed) return
    try {
      await this.#options.send(encodeFrame(frame))
    } catch (error) {
      this.end(error instanceof Error ? error : new SpdyError(messageOf(error)))
    }
  }

  #addStream(id: number, headers: SpdyHeaders, state: 'opening' | 'offered'): SpdyStream {
    const window = this.#options.flowControl ? new FlowWindow(this.#peerWindow) : undefined
    const stream = new SpdyStream(id, headers, state, this.#transport, window)
    this.#streams.set(id, stream)
    return stream
  }

  #handle(frame: SpdyFrame): void {
    switch (frame.type) {
      case 'data':
        if (!this.#streams.get(frame.streamId)?.handleData(frame.data, frame.fin))
          this.#acknowledge(frame.data.length)
        return
      case 'synStream':
        return this.#handleSynStream(frame.streamId, this.#headerReader.read(frame.headerBlock), frame.fin)
      case 'synReply': {
        const headers = this.#headerReader.read(frame.headerBlock)
        return this.#streams.get(frame.streamId)?.handleReply(headers, frame.fin)
      }
      case 'headers':
        // Decoded in any case, since all header blocks of a direction are one compressed stream.
        this.#headerReader.read(frame.headerBlock)
        if (frame.fin) this.#streams.get(frame.streamId)?.handleData(new Uint8Array(), true)
        return
      case 'rstStream':
        return this.#streams.get(frame.streamId)?.handleReset(frame.status)
      case 'ping':
        return this.#handlePing(frame.id)
      case 'settings':
        return this.#handleSettings(frame.settings)
      case 'windowUpdate':
        if (frame.streamId === 0) this.#sessionWindow?.grant(frame.delta)
        else this.#streams.get(frame.streamId)?.handleWindowUpdate(frame.delta)
        return
      case 'goAway':
        this.#peerIsLeaving = true
    }
  }

  #handleSynStream(id: number, headers: Record<string, string>, fin: boolean): void {
    const isPeers = id % 2 !== this.#nextStreamId % 2
    if (!isPeers || id <= this.#lastPeerStreamId) {
      void this.#send({ type: 'rstStream', streamId: id, status: resetStatus.protocolError })
      return
    }
    this.#lastPeerStreamId = id
    if (!this.#options.onStream) {
      void this.#send({ type: 'rstStream', streamId: id, status: resetStatus.refusedStream })
      return
    }
    const stream = this.#addStream(id, headers, 'offered')
    if (fin) stream.handleData(new Uint8Array(), true)
    this.#options.onStream(stream)
  }

  #handlePing(id: number): void {
    if (id % 2 !== this.#nextPingId % 2) {
      void this.#send({ type: 'ping', id })
      return
    }
    this.#pings.get(id)?.()
    this.#pings.delete(id)
  }

  #handleSettings(settings: ReadonlyMap<number, number>): void {
    const size = settings.get(initialWindowSetting)
    if (size === undefined) return
    for (const stream of this.#streams.values()) stream.handleWindowUpdate(size - this.#peerWindow)
    this.#peerWindow = size
  }

  #onRead(stream: SpdyStream, bytes: number): void {
    this.#acknowledge(bytes)
    const { maxUnreadBytes = defaultMaxUnreadBytes } = this.#options
    if (!this.#unreadPause || stream.unreadBytes > maxUnreadBytes / 2) return
    if ([...this.#streams.values()].some(({ unreadBytes }) => unreadBytes > maxUnreadBytes)) return
    this.#unreadPause.resolve()
    this.#unreadPause = undefined
  }

  /** Grants the connection's window anew as data is read, or is for nobody. */
  #acknowledge(bytes: number): void {
    if (!this.#sessionWindow) return
    this.#unacknowledged += bytes
    if (this.#unacknowledged < initialWindow / 2) return
    void this.#send({ type: 'windowUpdate', streamId: 0, delta: this.#unacknowledged })
    this.#unacknowledged = 0
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
