import { constants, zstdCompressSync, zstdDecompressSync } from 'node:zlib'
import type { Entry } from './store.ts'

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

/** What is held in place of large bytes: a zstd frame of them, and what they are long. */
export interface CompressedForm {
  readonly frame: Uint8Array
  readonly length: number
}

const compressedForms = new WeakMap<Bytes, CompressedForm>()

/** How these bytes are held; undefined where they are held as they are. */
export function compressedForm(bytes: Bytes): CompressedForm | undefined {
  return compressedForms.get(bytes)
}

/** How many bytes are held for these: less than their length where they are kept compressed. */
export function keptLength(bytes: Bytes): number {
  return compressedForms.get(bytes)?.frame.length ?? bytes.value.length
}

/**
 * Bytes to be kept for long. Large ones (definitions with their schemas, above all) are kept compressed: they shrink to
 * a tenth, and few are read again, least of all past revisions.
 */
export function keptBytes(value: Uint8Array): Bytes {
  if (value.length < largeValueBytes) return { value }
  const compressed = zstdCompressSync(value, fast)
  if (compressed.length > value.length * worthwhileShare) return { value }
  // Compressing allocates for the worst case: what is kept must not be a view of that.
  return compressedBytes({ frame: copyOf(compressed), length: value.length }, value)
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
        // One byte more than there is: a piece that is filled makes zlib allocate another.
        const chunkSize = Math.max(form.length + 1, mappedBytes)
        found = zstdDecompressSync(form.frame, { chunkSize })
        plain = new WeakRef(found)
      }
      return found
    },
  }
  compressedForms.set(bytes, form)
  return bytes
}

/** An entry whose value is kept so. */
export function keptEntry(key: string, value: Uint8Array, revision: bigint, createRevision: bigint): Entry {
  return value.length < largeValueBytes
    ? { key, value, revision, createRevision }
    : lazyEntry(key, keptBytes(value), revision, createRevision)
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
  const copy = Buffer.allocUnsafeSlow(view.length)
  copy.set(view)
  return copy
}
