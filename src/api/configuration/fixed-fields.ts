import { parseDuration } from '../../machinery/duration.ts'
import { jsonEqual } from '../../machinery/equal.ts'
import { forbidden, type FieldError, type FieldPath } from '../../machinery/field-error.ts'
import type { Field, Schema } from '../../machinery/schema.ts'

/**
 * Fields that a component does not act on, with the one value each may have: what it does anyhow. Any other value would
 * be ignored, and is refused.
 */
export type FixedFields = Readonly<Record<string, readonly [schema: Schema | Field, value: unknown]>>

/** A field that would have no effect is a mistake, where it says something else than what is done anyhow. */
export function fixedFieldErrors(
  configuration: Readonly<Record<string, unknown>>,
  fixedFields: FixedFields,
  at?: FieldPath,
): FieldError[] {
  return Object.entries(fixedFields).flatMap(([name, [, value]]) => {
    const given = configuration[name]
    if (isUnset(given) || jsonEqual(given, value) || isSameDuration(given, value)) return []
    return [forbidden(at?.child(name) ?? name, `not supported; may only be ${JSON.stringify(value)}`)]
  })
}

/** As upstream's defaulting sees it: files that programs write are full of these. */
export function isUnset(given: unknown): boolean {
  if (given === undefined || given === null || given === '' || given === '0s') return true
  return typeof given === 'object' && Object.keys(given).length === 0
}

function isSameDuration(a: unknown, b: unknown): boolean {
  if (typeof a !== 'string' || typeof b !== 'string' || !/^\d/.test(b) || !/^\d/.test(a)) return false
  try {
    return parseDuration(a) === parseDuration(b)
  } catch {
    return false
  }
}
