/** Frames of SPDY/3.1, and their bytes. Source: the SPDY protocol, draft 3.1, section 2. */

export type SpdyFrame =
  | { readonly type: 'data'; readonly streamId: number; readonly data: Uint8Array; readonly fin: boolean }
  | {
      readonly type: 'synStream'
      readonly streamId: number
      readonly fin: boolean
      readonly headerBlock: Uint8Array
    }
  | {
      readonly type: 'synReply'
      readonly streamId: number
      readonly fin: boolean
      readonly headerBlock: Uint8Array
    }
  | {
      readonly type: 'headers'
      readonly streamId: number
      readonly fin: boolean
      readonly headerBlock: Uint8Array
    }
  | { readonly type: 'rstStream'; readonly streamId: number; readonly status: number }
  | { readonly type: 'settings'; readonly settings: ReadonlyMap<number, number> }
  | { readonly type: 'ping'; readonly id: number }
  | { readonly type: 'goAway'; readonly lastStreamId: number; readonly status: number }
  | { readonly type: 'windowUpdate'; readonly streamId: number; readonly delta: number }

/** Why a stream is reset. */
export const resetStatus = {
  protocolError: 1,
  invalidStream: 2,
  refusedStream: 3,
  unsupportedVersion: 4,
  cancel: 5,
  internalError: 6,
  flowControlError: 7,
} as const

export type ResetStatus = (typeof resetStatus)[keyof typeof resetStatus]

/** Why a connection is given up. */
export const goAwayStatus = { ok: 0, protocolError: 1, internalError: 2 } as const

export const initialWindowSetting = 7

const controlTypes = {
  synStream: 1,
  synReply: 2,
  rstStream: 3,
  settings: 4,
  ping: 6,
  goAway: 7,
  headers: 8,
  windowUpdate: 9,
} as const

const finFlag = 1
const version = 3
const streamIdMask = 0x7fff_ffff
const headerLength = 8
const maxControlFrameLength = 1024 * 1024

/** The peer does not speak SPDY/3.1. */
export class SpdyError extends Error {
  constructor(message: string) {
    super(message)
    this.name = 'SpdyError'
  }
}

export function encodeFrame(frame: SpdyFrame): Buffer {
  switch (frame.type) {
    case 'data': {
      const bytes = Buffer.allocUnsafe(headerLength + frame.data.length)
      bytes.writeUInt32BE(frame.streamId & streamIdMask)
      writeFlagsAndLength(bytes, frame.fin ? finFlag : 0, frame.data.length)
      bytes.set(frame.data, headerLength)
      return bytes
    }
    case 'synStream':
      return control(controlTypes.synStream, frame.fin, [frame.streamId, 0], priority, frame.headerBlock)
    case 'synReply':
      return control(controlTypes.synReply, frame.fin, [frame.streamId], frame.headerBlock)
    case 'headers':
      return control(controlTypes.headers, frame.fin, [frame.streamId], frame.headerBlock)
    case 'rstStream':
      return control(controlTypes.rstStream, false, [frame.streamId, frame.status])
    case 'settings':
      return control(controlTypes.settings, false, [frame.settings.size, ...[...frame.settings].flat()])
    case 'ping':
      return control(controlTypes.ping, false, [frame.id])
    case 'goAway':
      return control(controlTypes.goAway, false, [frame.lastStreamId, frame.status])
    case 'windowUpdate':
      return control(controlTypes.windowUpdate, false, [frame.streamId, frame.delta])
  }
}

/** Priority and slot of a stream: all the same. */
const priority = new Uint8Array(2)

function control(
  type: number,
  fin: boolean,
  numbers: readonly number[],
  ...parts: readonly Uint8Array[]
): Buffer {
  const bytes = Buffer.alloc(headerLength + numbers.length * 4)
  bytes.writeUInt16BE(0x8000 | version)
  bytes.writeUInt16BE(type, 2)
  numbers.forEach((number, index) => bytes.writeUInt32BE(number >>> 0, headerLength + index * 4))
  const length = numbers.length * 4 + parts.reduce((sum, part) => sum + part.length, 0)
  writeFlagsAndLength(bytes, fin ? finFlag : 0, length)
  return parts.length === 0 ? bytes : Buffer.concat([bytes, ...parts])
}

function writeFlagsAndLength(bytes: Buffer, flags: number, length: number): void {
  bytes.writeUInt8(flags, 4)
  bytes.writeUIntBE(length, 5, 3)
}

/** A data frame of which more is to come. */
interface PartialData {
  readonly streamId: number
  readonly fin: boolean
  remaining: number
}

/**
 * Cuts a stream of bytes into frames. The data of a data frame is handed out as it comes, in parts, of which only the
 * last can have `fin`; control frames are handed out whole. Frames of unknown types are skipped.
 */
export class SpdyFrameDecoder {
  #rest: Buffer = Buffer.alloc(0)
  #data: PartialData | undefined;

  /** Throws a SpdyError. The frames share the chunk's memory. */
  *decode(chunk: Uint8Array): Generator<SpdyFrame> {
    const bytes = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength)
    this.#rest = this.#rest.length === 0 ? bytes : Buffer.concat([this.#rest, bytes])
    for (let frame = this.#next(); frame !== undefined; frame = this.#next()) if (frame) yield frame
  }

  /** Null for a frame to skip, undefined when more bytes are needed. */
  #next(): SpdyFrame | null | undefined {
    if (this.#data) return this.#nextData(this.#data)
    if (this.#rest.length < headerLength) return undefined
    const word = this.#rest.readUInt32BE(0)
    const flags = this.#rest.readUInt8(4)
    const length = this.#rest.readUIntBE(5, 3)
    const fin = (flags & finFlag) !== 0
    if (word >>> 31 === 0) {
      this.#rest = this.#rest.subarray(headerLength)
      this.#data = { streamId: word & streamIdMask, fin, remaining: length }
      return this.#nextData(this.#data)
    }
    if (length > maxControlFrameLength) throw new SpdyError(`control frame of ${length} bytes is too long`)
    if (this.#rest.length < headerLength + length) return undefined
    const body = this.#rest.subarray(headerLength, headerLength + length)
    this.#rest = this.#rest.subarray(headerLength + length)
    const frameVersion = (word >>> 16) & 0x7fff
    if (frameVersion !== version) throw new SpdyError(`unsupported SPDY version ${frameVersion}`)
    try {
      return decodeControl(word & 0xffff, fin, body)
    } catch (error) {
      if (error instanceof RangeError) throw new SpdyError('control frame is too short')
      throw error
    }
  }

  #nextData(frame: PartialData): SpdyFrame | undefined {
    if (this.#rest.length === 0 && frame.remaining > 0) return undefined
    const data = this.#rest.subarray(0, frame.remaining)
    this.#rest = this.#rest.subarray(data.length)
    frame.remaining -= data.length
    const isLast = frame.remaining === 0
    if (isLast) this.#data = undefined
    return { type: 'data', streamId: frame.streamId, data, fin: frame.fin && isLast }
  }
}

function decodeControl(type: number, fin: boolean, body: Buffer): SpdyFrame | null {
  const first = body.readUInt32BE(0)
  const streamId = first & streamIdMask
  switch (type) {
    case controlTypes.synStream:
      body.readUInt16BE(8)
      return { type: 'synStream', streamId, fin, headerBlock: body.subarray(10) }
    case controlTypes.synReply:
      return { type: 'synReply', streamId, fin, headerBlock: body.subarray(4) }
    case controlTypes.headers:
      return { type: 'headers', streamId, fin, headerBlock: body.subarray(4) }
    case controlTypes.rstStream:
      return { type: 'rstStream', streamId, status: body.readUInt32BE(4) }
    case controlTypes.settings:
      return { type: 'settings', settings: decodeSettings(first, body) }
    case controlTypes.ping:
      return { type: 'ping', id: first }
    case controlTypes.goAway:
      return { type: 'goAway', lastStreamId: streamId, status: body.length >= 8 ? body.readUInt32BE(4) : 0 }
    case controlTypes.windowUpdate:
      return { type: 'windowUpdate', streamId, delta: body.readUInt32BE(4) & streamIdMask }
    default:
      return null
  }
}

function decodeSettings(count: number, body: Buffer): Map<number, number> {
  const settings = new Map<number, number>()
  for (let index = 0; index < count; index++) {
    const offset = 4 + index * 8
    settings.set(body.readUInt32BE(offset) & 0xff_ffff, body.readUInt32BE(offset + 4))
  }
  return settings
}
