import { encodeProtobufList } from '../../api/protobuf/envelope.ts'
import { goJson } from '../../machinery/go-json.ts'
import type { KubernetesObject, ListMeta } from '../../machinery/meta.ts'
import type { ServedResource } from '../registry/served-resource.ts'
import type { StoredObject } from '../storage/stored-object.ts'
import type { ListPage } from '../storage/list-page.ts'

/** A body in pieces, made one by one as the client reads. */
export interface EncodedList {
  readonly length: number
  readonly pieces: Iterable<Buffer>
}

const pieceSize = 256 * 1024

function listKindOf({ definition, resource }: ServedResource): string {
  return definition.listKind ?? `${resource.kind}List`
}

export function listMetaOf(page: ListPage): ListMeta {
  return {
    resourceVersion: page.revision.toString(),
    ...(page.continue !== undefined && { continue: page.continue }),
    ...(page.remainingItemCount !== undefined && { remainingItemCount: page.remainingItemCount }),
  }
}

/** A list as an object, for forms that are made of one. Built-in kinds leave kind and apiVersion to the list. */
export function listObject(as: ServedResource, page: ListPage): KubernetesObject {
  const items = page.items.map((stored) => {
    const shown = as.show(stored)
    if (as.isCustom) return shown
    const { kind: _kind, apiVersion: _apiVersion, ...rest } = shown
    return rest
  })
  const list = { kind: listKindOf(as), apiVersion: as.apiVersion, metadata: listMetaOf(page), items }
  return list
}

/** A list as JSON, made of the bytes that the objects are stored in. */
export function encodeJsonList(as: ServedResource, page: ListPage): EncodedList {
  const { items } = page
  const head = Buffer.from(
    `{"kind":${goJson(listKindOf(as))},"apiVersion":${goJson(as.apiVersion)},` +
      `"metadata":${goJson(listMetaOf(page))},"items":[`,
  )
  const tail = Buffer.from(']}\n')
  const encode = as.sendsStored ? storedItems(as, items) : convertedItems(as, items)
  let length = head.length + tail.length + Math.max(0, items.length - 1)
  for (let index = 0; index < items.length; index++) length += encode.length(index)
  return { length, pieces: pieces(head, tail, items.length, encode) }
}

interface ItemEncoder {
  length(index: number): number
  /** Returns the offset behind the item. */
  write(index: number, target: Buffer, offset: number): number
}

function storedItems({ isCustom }: ServedResource, items: readonly StoredObject[]): ItemEncoder {
  if (isCustom) {
    return {
      length: (index) => items[index]!.encodedLength,
      write: (index, target, offset) => items[index]!.encodeInto(target, offset),
    }
  }
  return {
    length: (index) => items[index]!.itemLength,
    write: (index, target, offset) => items[index]!.encodeItemInto(target, offset),
  }
}

function convertedItems(as: ServedResource, items: readonly StoredObject[]): ItemEncoder {
  const encoded = items.map((stored) => {
    const { kind, apiVersion, ...rest } = as.show(stored)
    return Buffer.from(goJson(as.isCustom ? { kind, apiVersion, ...rest } : rest))
  })
  return {
    length: (index) => encoded[index]!.length,
    write: (index, target, offset) => offset + encoded[index]!.copy(target, offset),
  }
}

/**
 * Whoever has done with a piece may give it back for asking for the next one, which is then made in its place, of this
 * list or of a later one: to allocate megabytes for each list has V8 collect all of its garbage for every few of them.
 */
function* pieces(
  head: Buffer,
  tail: Buffer,
  count: number,
  encode: ItemEncoder,
): Generator<Buffer, void, Buffer | undefined> {
  let room: Buffer | undefined
  let next = 0
  let isFirst = true
  while (isFirst || next < count) {
    const start = next
    let length = isFirst ? head.length : 0
    while (next < count && (next === start || length < pieceSize))
      length += encode.length(next++) + (next > 1 ? 1 : 0)
    const isLast = next === count
    if (isLast) length += tail.length
    if (room && room.length < length) room = leaveRoom(room)
    room ??= takeRoom(length)
    const piece = room.subarray(0, length)
    let offset = isFirst ? head.copy(piece) : 0
    for (let index = start; index < next; index++) {
      if (index > 0) piece[offset++] = comma
      offset = encode.write(index, piece, offset)
    }
    if (isLast) tail.copy(piece, offset)
    isFirst = false
    if ((yield piece) !== piece) room = undefined
  }
  if (room) leaveRoom(room)
}

/** An eighth more than a piece has at least, as its last item takes it beyond that. */
const roomBytes = pieceSize + (pieceSize >> 3)
/** So many lists at a time find their room without allocating it. */
const mostSpareRooms = 4
const spareRooms: Buffer[] = []

function takeRoom(length: number): Buffer {
  const isUsual = length > roomBytes / 2 && length <= roomBytes
  if (!isUsual) return Buffer.allocUnsafeSlow(length)
  return spareRooms.pop() ?? Buffer.allocUnsafeSlow(roomBytes)
}

function leaveRoom(room: Buffer): undefined {
  if (room.length === roomBytes && spareRooms.length < mostSpareRooms) spareRooms.push(room)
}

const comma = 0x2c

export function encodeProtobufListOf(as: ServedResource, page: ListPage): Buffer {
  const kind = { kind: listKindOf(as), apiVersion: as.apiVersion }
  const messages = page.items.map((stored) => as.protobuf(stored))
  return encodeProtobufList(kind, listMetaOf(page), messages)
}
