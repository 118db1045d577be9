import { jsonEqual } from '../machinery/equal.ts'

/**
 * Whether two values (statuses, metadata) say the same once written: API servers leave out zeros, false, empty strings,
 * lists and maps, so these are as good as absent.
 */
export function sameOnceWritten(a: unknown, b: unknown): boolean {
  return a === b || jsonEqual(significant(a), significant(b))
}

function significant(value: unknown): unknown {
  if (value === null || value === 0 || value === false || value === '') return undefined
  if (typeof value !== 'object') return value
  if (Array.isArray(value))
    return value.length === 0 ? undefined : value.map((item) => significant(item) ?? null)
  const result: Record<string, unknown> = {}
  for (const [key, item] of Object.entries(value)) {
    const kept = significant(item)
    if (kept !== undefined) result[key] = kept
  }
  return Object.keys(result).length === 0 ? undefined : result
}
