import type { ListMeta, TypeMeta } from '../../machinery/meta.ts'
import type { ObjectSchema } from '../../machinery/schema.ts'
import { DecodeError } from '../decode-error.ts'
import { structSchema } from '../fact-schemas.ts'
import { writeMessage } from './encode.ts'
import { ProtoReader, ProtoWriter, WireType } from './wire.ts'

/**
 * `application/vnd.kubernetes.protobuf`: four bytes of magic, then a runtime.Unknown that names the kind and holds the
 * object's message. Source: k8s.io/apimachinery/pkg/runtime/generated.proto.
 */
const magic = Buffer.from('k8s\0', 'latin1')

const unknown = { typeMeta: 1, raw: 2, contentEncoding: 3, contentType: 4 } as const
const typeMetaFields = { apiVersion: 1, kind: 2 } as const
const listFields = { metadata: 1, items: 2 } as const

/** An object with its kind, as a response body. */
export function encodeProtobuf(object: TypeMeta, schema: ObjectSchema): Buffer {
  return seal(object, (writer) => writeMessage(writer, object, schema))
}

/** A list with its kind, made of messages that encodeMessage has made. */
export function encodeProtobufList(kind: TypeMeta, metadata: ListMeta, items: readonly Uint8Array[]): Buffer {
  return seal(kind, (writer) => {
    for (let index = items.length - 1; index >= 0; index--) {
      const item = items[index]!
      writer.bytes(item)
      prefix(writer, item.length, listFields.items)
    }
    const end = writer.length
    writeMessage(writer, metadata, structSchema('meta.v1.ListMeta'))
    prefix(writer, writer.length - end, listFields.metadata)
  })
}

/** A message that encodeMessage has made, with its kind. */
export function sealProtobuf(kind: TypeMeta, message: Uint8Array): Buffer {
  return seal(kind, (writer) => writer.bytes(message))
}

function seal(kind: TypeMeta, writeObject: (writer: ProtoWriter) => void): Buffer {
  const writer = new ProtoWriter()
  text(writer, '', unknown.contentType)
  text(writer, '', unknown.contentEncoding)
  let end = writer.length
  writeObject(writer)
  prefix(writer, writer.length - end, unknown.raw)
  end = writer.length
  text(writer, kind.kind ?? '', typeMetaFields.kind)
  text(writer, kind.apiVersion ?? '', typeMetaFields.apiVersion)
  prefix(writer, writer.length - end, unknown.typeMeta)
  writer.bytes(magic)
  return writer.finish()
}

function text(writer: ProtoWriter, value: string, number: number): void {
  const end = writer.length
  writer.string(value)
  prefix(writer, writer.length - end, number)
}

function prefix(writer: ProtoWriter, length: number, number: number): void {
  writer.unsigned(length)
  writer.tag(number, WireType.bytes)
}

export interface Envelope {
  readonly apiVersion: string
  readonly kind: string
  /** The object's message; a view into the bytes opened. */
  readonly message: Buffer
}

/** Whether the bytes begin as those of encodeProtobuf do. */
export function isProtobuf(bytes: Uint8Array): boolean {
  return magic.every((byte, index) => bytes[index] === byte)
}

/** Throws a DecodeError with upstream's words. */
export function openProtobuf(bytes: Uint8Array): Envelope {
  if (bytes.length === 0) throw new DecodeError('empty data')
  if (!isProtobuf(bytes)) {
    throw new DecodeError(
      `provided data does not appear to be a protobuf message, expected prefix [${[...magic].join(' ')}]`,
    )
  }
  if (bytes.length === magic.length) throw new DecodeError('empty body')
  const reader = new ProtoReader(bytes, magic.length)
  let type = { apiVersion: '', kind: '' }
  let message: Buffer = Buffer.alloc(0)
  while (!reader.atEnd) {
    const tag = reader.unsigned()
    if (tag === unknown.typeMeta * 8 + WireType.bytes) type = readTypeMeta(reader.message())
    else if (tag === unknown.raw * 8 + WireType.bytes) message = reader.bytes()
    else reader.skip(tag % 8)
  }
  return { ...type, message }
}

function readTypeMeta(reader: ProtoReader): { apiVersion: string; kind: string } {
  const type = { apiVersion: '', kind: '' }
  while (!reader.atEnd) {
    const tag = reader.unsigned()
    if (tag === typeMetaFields.apiVersion * 8 + WireType.bytes) type.apiVersion = reader.string()
    else if (tag === typeMetaFields.kind * 8 + WireType.bytes) type.kind = reader.string()
    else reader.skip(tag % 8)
  }
  return type
}
