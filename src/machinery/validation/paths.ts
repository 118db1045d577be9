import { invalid, type FieldError, type FieldLocation } from '../field-error.ts'

/** A path that does not climb: no segment is `..`. */
export function validatePathNoBacksteps(path: FieldLocation, value: string): FieldError[] {
  return value.split('/').includes('..') ? [invalid(path, value, "must not contain '..'")] : []
}

/** A path below some directory: relative, and not climbing out. */
export function validateLocalDescendingPath(path: FieldLocation, value: string): FieldError[] {
  const errors = value.startsWith('/') ? [invalid(path, value, 'must be a relative path')] : []
  return [...errors, ...validatePathNoBacksteps(path, value)]
}

/** As validateLocalDescendingPath, and not among the names that a volume's atomic updates use. */
export function validateLocalNonReservedPath(path: FieldLocation, value: string): FieldError[] {
  const errors = validateLocalDescendingPath(path, value)
  if (value.startsWith('..') && !value.startsWith('../'))
    errors.push(invalid(path, value, "must not start with '..'"))
  return errors
}
