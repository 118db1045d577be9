import { keptEntry } from '../large-value.ts'
import type { ByteRange, Entry, StoreEvent } from '../store.ts'
import { StoreError } from '../store.ts'

export type Write =
  | ({ readonly type: 'create' } & Put)
  | ({ readonly type: 'update'; readonly revision: bigint } & Put)
  | { readonly type: 'delete'; readonly key: string; readonly revision: bigint }

interface Put {
  readonly key: string
  readonly value: Uint8Array
  /** As in WriteOptions. */
  readonly bulk?: readonly ByteRange[] | undefined
}

/** The size of a request that etcd accepts by default, so that the same objects fit in every store. Bytes. */
const maxWriteBytes = 1_572_864

/** Throws for a write that can never be made, whatever stands at the key. */
export function checkWrite(write: Write): void {
  if (write.key === '') throw new TypeError('a key must not be empty')
  if (!write.key.isWellFormed()) throw new TypeError('a key must not contain lone surrogates')
  if (write.type === 'delete') return
  const bytes = write.key.length + write.value.length
  if (bytes > maxWriteBytes) {
    throw new StoreError('tooLarge', `the entry is too large: ${bytes} bytes of at most ${maxWriteBytes}`)
  }
}

/**
 * The change that `write` makes at `revision` to a key where `current` stands. Throws `conflict` when it may not.
 */
export function planWrite(write: Write, current: Entry | undefined, revision: bigint): StoreEvent {
  if (write.type === 'create' ? current !== undefined : current?.revision !== write.revision) {
    throw new StoreError('conflict', conflictMessage(write, current), current)
  }
  if (write.type === 'delete') return { type: 'delete', key: write.key, revision, previous: current! }
  const { key, value, bulk } = write
  const entry = keptEntry(key, value, revision, current?.createRevision ?? revision, bulk)
  return { type: 'put', entry, ...(current && { previous: current }) }
}

function conflictMessage(write: Write, current: Entry | undefined): string {
  if (write.type === 'create') return `${write.key} already exists`
  if (!current) return `${write.key} does not exist`
  return `${write.key} is at revision ${current.revision}, not ${write.revision}`
}
