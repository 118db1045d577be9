import { duplicate, tooMany, type FieldError, type FieldPath } from '../../machinery/field-error.ts'

/** How lists are checked in this group: a list that is too long is not looked at, and items may have to differ. */
export interface ListRule<T> {
  readonly max?: number
  /** What must differ. */
  readonly key?: (item: T) => string
  /** How messages show keys that are the same, where not as they are. */
  readonly shownKey?: unknown
  readonly item: (item: T, at: FieldPath) => readonly FieldError[]
}

export function validateList<T>(
  list: readonly T[] | undefined = [],
  at: FieldPath,
  { max, key, shownKey, item: validate }: ListRule<T>,
): FieldError[] {
  if (max !== undefined && list.length > max) return [tooMany(at, list.length, max)]
  const errors = list.flatMap((item, index) => validate(item, at.index(index)))
  if (!key) return errors
  const seen = new Set<string>()
  for (const [index, item] of list.entries()) {
    const value = key(item)
    if (seen.has(value)) errors.push(duplicate(at.index(index), shownKey ?? value))
    seen.add(value)
  }
  return errors
}
