import { required, tooMany, type FieldError, type FieldPath } from '../../machinery/field-error.ts'
import type { Counter } from '../generated/resource.v1.ts'
import { validateLabelName } from './names.ts'

const maxCounters = 32

/** What devices share, by name. */
export function validateCounters(
  counters: Readonly<Record<string, Counter>> | undefined = {},
  at: FieldPath,
): FieldError[] {
  const names = Object.keys(counters)
  if (names.length === 0) return [required(at)]
  if (names.length > maxCounters) return [tooMany(at, names.length, maxCounters)]
  return names.flatMap((name) => validateLabelName(name, at))
}
