import { createHash } from 'node:crypto'
import type { Store, StoreEvent } from '../store.ts'

/** A store under test, and how to let its time pass. */
export interface StoreFixture {
  readonly store: Store
  /** Moves the store's clock, or does nothing where the store lives by real time. */
  passTime(milliseconds: number): Promise<void>
  /** Closes the store, if it is still open, and removes what it left. */
  dispose(): Promise<void>
}

const encoder = new TextEncoder()
const decoder = new TextDecoder()

export function bytes(text: string): Uint8Array {
  return encoder.encode(text)
}

export function text(value: Uint8Array | undefined): string | undefined {
  return value && decoder.decode(value)
}

/** An event in one line: what happened, where, and what it wrote. */
export function describeEvent(event: StoreEvent): string {
  if (event.type === 'delete') return `delete ${event.key} of ${text(event.previous.value)}`
  const { key, value } = event.entry
  return event.previous
    ? `update ${key} to ${text(value)} of ${text(event.previous.value)}`
    : `create ${key} as ${text(value)}`
}

/** So many characters that do not compress, the same for the same seed. */
export function noise(length: number, seed: number): string {
  const outputLength = Math.ceil((length * 3) / 4)
  return createHash('shake256', { outputLength }).update(String(seed)).digest('base64').slice(0, length)
}
