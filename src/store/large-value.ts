import { constants, zstdCompressSync, zstdDecompressSync } from 'node:zlib'
import type { ByteRange, Entry } from './store.ts'

/** From here on a value is large: it is kept compressed, and made plain for its readers. Bytes. */
export const largeValueBytes = 16 << 10
/** Compressing a value that stays larger than this share of it is not worth the reading. */
const worthwhileShare = 0.7

/**
 * From here on the C library gives an allocation pages of its own, which go back to the system with it. What is read for
 * a moment would otherwise leave holes between what is kept: 20 MB after a start with 500 definitions of 40 KB. Pages
 * that are not written to take no memory. Bytes.
 */
const mappedBytes = 128 << 10

const fast = { params: { [constants.ZSTD_c_compressionLevel]: 1 } }

/** Bytes that are plain, or become so when they are read. */
export interface Bytes {
  readonly value: Uint8Array
}

/** What is held in place of large bytes. */
export interface CompressedForm {
  /** A zstd frame of them, or of what the outline is without. */
  readonly frame: Uint8Array
  /** What they are long. */
  readonly length: number
  readonly outline?: Outline
}

/** What is left of large bytes without their bulk: plain, for those who want no more. */
export interface Outline {
  readonly bytes: Uint8Array
  /** What of the whole is not in it, in order. */
  readonly bulk: readonly ByteRange[]
}

const compressedForms = new WeakMap<Bytes, CompressedForm>()

/** How these bytes are held; undefined where they are held as they are. */
export function compressedForm(bytes: Bytes): CompressedForm | undefined {
  return compressedForms.get(bytes)
}

/** What is held plain of bytes that were kept so; undefined where all is plain, or nothing. */
export function outlineOf(bytes: Bytes): Uint8Array | undefined {
  return compressedForms.get(bytes)?.outline?.bytes
}

/** How long the bytes are, which are not made plain for it. */
export function bytesLength(bytes: Bytes): number {
  return compressedForms.get(bytes)?.length ?? bytes.value.length
}

/** How many bytes are held for these: less than their length where they are kept compressed. */
export function keptLength(bytes: Bytes): number {
  const form = compressedForms.get(bytes)
  return form ? form.frame.length + (form.outline?.bytes.length ?? 0) : bytes.value.length
}

/**
 * Bytes to be kept for long. Large ones (definitions with their schemas, above all) are kept compressed: they shrink to
 * a tenth, and few are read again, least of all past revisions. `bulk`: as in WriteOptions.
 */
export function keptBytes(value: Uint8Array, bulk: readonly ByteRange[] = []): Bytes {
  if (value.length < largeValueBytes) return { value }
  const outline = outlineWithout(bulk, value)
  const packed = outline ? join(bulk.map(({ start, end }) => value.subarray(start, end))) : value
  const compressed = zstdCompressSync(packed, fast)
  if (compressed.length > packed.length * worthwhileShare) return { value }
  // Compressing allocates for the worst case: what is kept must not be a view of that.
  const form = { frame: copyOf(compressed), length: value.length, ...(outline && { outline }) }
  return compressedBytes(form, value)
}

/** Undefined where it would be large itself. */
function outlineWithout(bulk: readonly ByteRange[], value: Uint8Array): Outline | undefined {
  if (bulk.length === 0) return undefined
  const starts = [0, ...bulk.map(({ end }) => end)]
  const pieces = starts.map((start, index) => value.subarray(start, bulk[index]?.start))
  const length = pieces.reduce((sum, piece) => sum + piece.length, 0)
  return length < largeValueBytes ? { bytes: join(pieces), bulk } : undefined
}

/** The whole of an outline and the bulk that is not in it. */
function filled({ bytes, bulk }: Outline, packed: Uint8Array, length: number): Uint8Array {
  const whole = Buffer.allocUnsafeSlow(length)
  let [taken, unpacked, at] = [0, 0, 0]
  for (const { start, end } of bulk) {
    whole.set(bytes.subarray(taken, (taken += start - at)), at)
    whole.set(packed.subarray(unpacked, (unpacked += end - start)), start)
    at = end
  }
  whole.set(bytes.subarray(taken), at)
  return whole
}

/**
 * The bytes that a form is of. They are shared by their readers for as long as one of them holds them, and made anew for
 * later ones; `value`: where they are plain already.
 */
export function compressedBytes(form: CompressedForm, value?: Uint8Array): Bytes {
  let plain = value && new WeakRef(value)
  const bytes: Bytes = {
    get value() {
      let found = plain?.deref()
      if (!found) {
        const { frame, length, outline } = form
        // One byte more than there is: a piece that is filled makes zlib allocate another.
        const chunkSize = Math.max(length + 1, mappedBytes)
        const unpacked = zstdDecompressSync(frame, { chunkSize })
        found = outline ? filled(outline, unpacked, length) : unpacked
        plain = new WeakRef(found)
      }
      return found
    },
  }
  compressedForms.set(bytes, form)
  return bytes
}

/** An entry whose value is kept so. */
export function keptEntry(
  key: string,
  value: Uint8Array,
  revision: bigint,
  createRevision: bigint,
  bulk?: readonly ByteRange[],
): Entry {
  return value.length < largeValueBytes
    ? { key, value, revision, createRevision }
    : lazyEntry(key, keptBytes(value, bulk), revision, createRevision)
}

/** An entry of a value that is a view of something larger, which is not kept for it. */
export function copiedEntry(key: string, view: Uint8Array, revision: bigint, createRevision: bigint): Entry {
  const bytes = view.length < largeValueBytes ? undefined : keptBytes(view)
  if (bytes && compressedForms.has(bytes)) return lazyEntry(key, bytes, revision, createRevision)
  return { key, value: copyOf(view), revision, createRevision }
}

/** An entry that reads its value when it is asked for it. */
export function lazyEntry(key: string, bytes: Bytes, revision: bigint, createRevision: bigint): Entry {
  const entry: Entry = {
    key,
    revision,
    createRevision,
    get value() {
      return bytes.value
    },
  }
  const form = compressedForms.get(bytes)
  if (form) compressedForms.set(entry, form)
  return entry
}

/** Not from the shared pool: a value may live long, and would keep a whole pool of short-lived ones. */
export function copyOf(view: Uint8Array): Buffer {
  return join([view])
}

/** A form of views of something larger, which is not kept for it. */
export function copyOfForm({ frame, length, outline }: CompressedForm): CompressedForm {
  if (!outline) return { frame: copyOf(frame), length }
  const joined = join([outline.bytes, frame])
  const cut = outline.bytes.length
  return {
    frame: joined.subarray(cut),
    length,
    outline: { bytes: joined.subarray(0, cut), bulk: outline.bulk },
  }
}

function join(pieces: readonly Uint8Array[]): Buffer {
  const joined = Buffer.allocUnsafeSlow(pieces.reduce((sum, { length }) => sum + length, 0))
  let at = 0
  for (const piece of pieces) {
    joined.set(piece, at)
    at += piece.length
  }
  return joined
}
