import type { Writable } from './meta.ts'

/** A deep copy of a JSON value that the caller may edit. */
export function writableCopy<T>(value: T): Writable<T> {
  return copy(value) as Writable<T>
}

function copy(value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return value
  if (Array.isArray(value)) return value.map(copy)
  // The spread makes every key an own property, so that assigning one named __proto__ below is harmless.
  const result: Record<string, unknown> = { ...value }
  for (const key of Object.keys(result)) {
    const item = result[key]
    if (typeof item === 'object' && item !== null) result[key] = copy(item)
  }
  return result
}
