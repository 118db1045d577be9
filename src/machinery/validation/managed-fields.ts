import { invalid, tooLong, type FieldError } from '../field-error.ts'
import type { FieldPath } from '../field-path.ts'
import type { ManagedFieldsEntry } from '../meta.ts'
import { exceedsBytes } from './text-rules.ts'

const fieldManagerMaxLength = 128
const subresourceMaxLength = 256

/** What nearly all names are made of. */
const plainText = /^[ -~]*$/
const unprintable = /[^\p{L}\p{M}\p{N}\p{P}\p{S} ]/gu

/** The name of who writes: short and printable. Empty means that it was not given. */
export function validateFieldManager(manager: string, path: FieldPath): FieldError[] {
  if (manager.length <= fieldManagerMaxLength && plainText.test(manager)) return []
  const errors: FieldError[] = []
  if (exceedsBytes(manager, fieldManagerMaxLength)) errors.push(tooLong(path, '', fieldManagerMaxLength))
  for (const { 0: character, index } of manager.matchAll(unprintable)) {
    const code = character.codePointAt(0)!.toString(16).toUpperCase().padStart(4, '0')
    const position = Buffer.byteLength(manager.slice(0, index))
    errors.push(invalid(path, manager, `invalid character U+${code} (at position ${position})`))
  }
  return errors
}

export function validateManagedFields(
  entries: readonly ManagedFieldsEntry[] | undefined,
  path: FieldPath,
): FieldError[] {
  const errors: FieldError[] = []
  entries?.forEach((entry, index) => {
    const at = path.index(index)
    const { operation = '', fieldsType = '', manager = '', subresource = '' } = entry as UncheckedEntry
    if (operation !== 'Apply' && operation !== 'Update') {
      errors.push(invalid(at.child('operation'), operation, 'must be `Apply` or `Update`'))
    }
    if (fieldsType !== '' && fieldsType !== 'FieldsV1') {
      errors.push(invalid(at.child('fieldsType'), fieldsType, 'must be `FieldsV1`'))
    }
    errors.push(...validateFieldManager(manager, at.child('manager')))
    if (exceedsBytes(subresource, subresourceMaxLength)) {
      errors.push(tooLong(at.child('subresource'), '', subresourceMaxLength))
    }
  })
  return errors
}

/** What a client may have sent. */
interface UncheckedEntry {
  readonly operation?: string
  readonly fieldsType?: string
  readonly manager?: string
  readonly subresource?: string
}
