import type { WatchEventType } from '../../machinery/meta.ts'
import { DecodeError } from '../decode-error.ts'
import { ProtoReader, ProtoWriter, WireType } from './wire.ts'

/**
 * `application/vnd.kubernetes.protobuf;stream=watch`: frames of a length (four bytes, big-endian) and a WatchEvent
 * message without an envelope, whose object is a whole enveloped body.
 */

const eventFields = { type: 1, object: 2 } as const
const rawField = 1
const lengthSize = 4
/** A frame beyond it is no event but a broken stream. */
const maxFrameSize = 64 * 1024 * 1024

/** The frame of an event; `object` is what encodeProtobuf gives. */
export function encodeWatchFrame(type: WatchEventType, object: Uint8Array): Buffer {
  const writer = new ProtoWriter()
  writer.bytes(object)
  prefix(writer, object.length, rawField)
  prefix(writer, writer.length, eventFields.object)
  const end = writer.length
  writer.string(type)
  prefix(writer, writer.length - end, eventFields.type)
  const length = Buffer.alloc(lengthSize)
  length.writeUInt32BE(writer.length)
  writer.bytes(length)
  return writer.finish()
}

function prefix(writer: ProtoWriter, length: number, number: number): void {
  writer.unsigned(length)
  writer.tag(number, WireType.bytes)
}

export interface WatchFrame {
  readonly type: WatchEventType
  /** An enveloped body, for openProtobuf. */
  readonly object: Buffer
}

/** Cuts a stream of bytes into watch events. */
export class WatchFrameReader {
  #pending: Buffer = Buffer.alloc(0)

  /** The events that are complete with this chunk. */
  push(chunk: Uint8Array): WatchFrame[] {
    this.#pending = this.#pending.length === 0 ? Buffer.from(chunk) : Buffer.concat([this.#pending, chunk])
    const frames: WatchFrame[] = []
    let start = 0
    while (this.#pending.length - start >= lengthSize) {
      const length = this.#pending.readUInt32BE(start)
      if (length > maxFrameSize) throw new DecodeError(`a watch event of ${length} bytes is too large`)
      const end = start + lengthSize + length
      if (end > this.#pending.length) break
      frames.push(readEvent(this.#pending.subarray(start + lengthSize, end)))
      start = end
    }
    this.#pending = this.#pending.subarray(start)
    return frames
  }
}

function readEvent(bytes: Buffer): WatchFrame {
  const reader = new ProtoReader(bytes)
  let type = ''
  let object: Buffer = Buffer.alloc(0)
  while (!reader.atEnd) {
    const tag = reader.unsigned()
    if (tag === eventFields.type * 8 + WireType.bytes) type = reader.string()
    else if (tag === eventFields.object * 8 + WireType.bytes) object = readRaw(reader.message())
    else reader.skip(tag % 8)
  }
  return { type: type as WatchEventType, object }
}

function readRaw(reader: ProtoReader): Buffer {
  let raw: Buffer = Buffer.alloc(0)
  while (!reader.atEnd) {
    const tag = reader.unsigned()
    if (tag === rawField * 8 + WireType.bytes) raw = reader.bytes()
    else reader.skip(tag % 8)
  }
  return raw
}
