import { invalid, required, type FieldError, type FieldPath } from '../../../machinery/field-error.ts'
import { validateLocalNonReservedPath } from '../../../machinery/validation/paths.ts'
import type { DownwardAPIVolumeFile, KeyToPath } from '../../generated/core.v1.ts'
import { validateFieldSelector, validateResourceFieldSelector } from './env-validation.ts'

/** Permissions of a file. */
export function validateMode(mode: number | undefined, at: FieldPath): FieldError[] {
  if (mode === undefined || (mode >= 0 && mode <= 0o777)) return []
  return [invalid(at, mode, 'must be a number between 0 and 0777 (octal), both inclusive')]
}

/** Which keys become which files. */
export function validateItems(items: readonly KeyToPath[] | undefined, field: FieldPath): FieldError[] {
  return (items ?? []).flatMap(({ key, path, mode }, index) => {
    const at = field.index(index)
    const errors: FieldError[] = []
    if (!key) errors.push(required(at.child('key')))
    if (!path) errors.push(required(at.child('path')))
    errors.push(...validateLocalNonReservedPath(at.child('path'), path))
    return [...errors, ...validateMode(mode, at.child('mode'))]
  })
}

const volumeFieldPaths = [
  'metadata.annotations',
  'metadata.labels',
  'metadata.name',
  'metadata.namespace',
  'metadata.uid',
]

/** Files with what the pod says of itself. Upstream tells of all of them at one place. */
export function validateDownwardFiles(
  items: readonly DownwardAPIVolumeFile[] | undefined,
  field: FieldPath,
): FieldError[] {
  return (items ?? []).flatMap(({ path, fieldRef, resourceFieldRef, mode }) => {
    const errors: FieldError[] = []
    if (!path) errors.push(required(field.child('path')))
    errors.push(...validateLocalNonReservedPath(field.child('path'), path))
    if (fieldRef) {
      errors.push(...validateFieldSelector(fieldRef, volumeFieldPaths, field.child('fieldRef')))
      if (resourceFieldRef) {
        const detail = 'fieldRef and resourceFieldRef can not be specified simultaneously'
        errors.push(invalid(field, 'resource', detail))
      }
    } else if (resourceFieldRef) {
      const at = field.child('resourceFieldRef')
      errors.push(...validateResourceFieldSelector(resourceFieldRef, at, true))
    } else errors.push(required(field, 'one of fieldRef and resourceFieldRef is required'))
    return [...errors, ...validateMode(mode, field.child('mode'))]
  })
}
