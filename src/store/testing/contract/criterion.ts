import assert from 'node:assert/strict'
import type { Store } from '../../store.ts'
import { StoreError, type StoreErrorReason } from '../../store.ts'
import { bytes, type StoreFixture, text } from '../store-fixture.ts'

/** Adds a test of one thing that every store must do, on an empty store. */
export type Criterion = (title: string, run: (store: Store, fixture: StoreFixture) => Promise<void>) => void

/** The error of an operation that must be refused for this reason. */
export async function refusal(operation: Promise<unknown>, reason: StoreErrorReason): Promise<StoreError> {
  const error: unknown = await operation.then(
    () => undefined,
    (refused: unknown) => refused,
  )
  assert.ok(error instanceof StoreError, String(error))
  assert.equal(error.reason, reason, error.message)
  return error
}

export function described(
  entry: { key: string; value: Uint8Array; revision: bigint; createRevision: bigint } | undefined,
) {
  return entry && { ...entry, value: text(entry.value) }
}

export function keysOf({ entries }: { readonly entries: readonly { readonly key: string }[] }): string[] {
  return entries.map((entry) => entry.key)
}

export async function createAll(store: Store, keys: readonly string[]) {
  let last
  for (const key of keys) last = await store.create(key, bytes(key))
  assert.ok(last)
  return last
}
