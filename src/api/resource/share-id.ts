import { invalid, type FieldError, type FieldPath } from '../../machinery/field-error.ts'
import { goQuote } from '../../machinery/go-format.ts'

const normalized = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/
const hyphenated = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i
const hexadecimal = /^[0-9a-f]{32}$/i

/** The UUID of a share of a device, in the one form of the many that UUIDs have. */
export function validateShareId(id: string | undefined, at: FieldPath): FieldError[] {
  if (id === undefined || normalized.test(id)) return []
  const fault = uuidFault(id)
  const detail =
    fault === undefined
      ? 'uid must be in RFC 4122 normalized form, `xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx` with lowercase hexadecimal characters'
      : `error validating uid: ${fault}`
  return [invalid(at, id, detail)]
}

/** Why the text is no UUID in any form. Source: github.com/google/uuid, Validate. */
function uuidFault(text: string): string | undefined {
  const length = Buffer.byteLength(text)
  const malformed = 'invalid UUID format'
  switch (length) {
    case 32:
      return hexadecimal.test(text) ? undefined : malformed
    case 36:
      return hyphenated.test(text) ? undefined : malformed
    case 38:
      if (!text.startsWith('{') || !text.endsWith('}')) return 'invalid bracketed UUID format'
      return hyphenated.test(text.slice(1, -1)) ? undefined : malformed
    case 45: {
      const prefix = text.slice(0, 9)
      if (prefix.toLowerCase() !== 'urn:uuid:') return `invalid urn prefix: ${goQuote(prefix)}`
      return hyphenated.test(text.slice(9)) ? undefined : malformed
    }
    default:
      return `invalid UUID length: ${length}`
  }
}
