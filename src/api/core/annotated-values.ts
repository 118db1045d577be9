import { structSchema } from '../fact-schemas.ts'
import { decode } from '../decode.ts'
import { DecodeError } from '../decode-error.ts'
import { parseJson } from '../json-text.ts'

/** What an annotation of old holds in JSON, or what is wrong with it in the words of Go's encoding/json. */
type Annotated<T> = { readonly value: T } | { readonly fault: string }

const kinds: Readonly<Record<string, string>> = { object: 'object', boolean: 'bool', number: 'number' }

/** A list of values of a type of core/v1 (`Taint`). Null is an empty one. */
export function annotatedList<T>(text: string, type: string): Annotated<readonly T[]> {
  return reading(() => {
    const value = parseJson(text)
    if (value === null) return []
    if (!Array.isArray(value)) {
      const kind = kinds[typeof value] ?? 'string'
      throw new DecodeError(`json: cannot unmarshal ${kind} into Go value of type []core.${type}`)
    }
    const schema = structSchema(`core.v1.${type}`)
    return value.map((item) => decode(item ?? {}, schema) as T)
  })
}

export function annotatedValue<T>(text: string, type: string): Annotated<T> {
  return reading(() => decode(parseJson(text) ?? {}, structSchema(`core.v1.${type}`)) as T)
}

function reading<T>(read: () => T): Annotated<T> {
  try {
    return { value: read() }
  } catch (error) {
    if (!(error instanceof DecodeError)) throw error
    return { fault: error.message }
  }
}
