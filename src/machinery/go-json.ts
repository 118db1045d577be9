import { compareGoStrings } from './go-format.ts'

/*
 * JSON in the bytes of Go's encoding/json. JSON.stringify writes the same but for characters that would matter where
 * JSON stands in a page of HTML, which Go escapes in all strings. Two differences are left: -0 comes as 0, which it is
 * upstream once it has been stored, and half a surrogate pair, which no string of Go holds, as its escape: what is read
 * from others has none (api/json-text.ts).
 */

/** json.Marshal; `null` for undefined. `indent`: blanks for each level, as json.MarshalIndent; default all in one line. */
export function goJson(value: unknown, indent?: number): string {
  // V8 writes faster where no other parameter is given, and objects are written by this in the way of every request.
  const json = indent ? JSON.stringify(value, undefined, indent) : JSON.stringify(value)
  return json === undefined ? 'null' : safeInHtml(json)
}

/** json.Encoder, which ends what it writes with a line break: the body of a request or an answer. */
export function goJsonLine(value: unknown): string {
  return `${goJson(value)}\n`
}

/** json.Marshal of a map: as goJson, with the keys of every object in order. */
export function goJsonSorted(value: unknown): string {
  return goJson(withSortedKeys(value))
}

/** A copy with the keys of every object in order, as Go writes maps. */
export function withSortedKeys(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withSortedKeys)
  if (typeof value !== 'object' || value === null) return value
  const entries = Object.entries(value).sort(([a], [b]) => compareGoStrings(a, b))
  return Object.fromEntries(entries.map(([key, item]) => [key, withSortedKeys(item)]))
}

const htmlEscapes: Readonly<Record<string, string>> = {
  '<': '\\u003c',
  '>': '\\u003e',
  '&': '\\u0026',
  '\u2028': '\\u2028',
  '\u2029': '\\u2029',
}

/** Most texts have none of these characters, which searches for one each tell faster than a pattern. */
function safeInHtml(json: string): string {
  const isSafe =
    !json.includes('<') &&
    !json.includes('>') &&
    !json.includes('&') &&
    !json.includes('\u2028') &&
    !json.includes('\u2029')
  return isSafe ? json : json.replace(/[<>&\u2028\u2029]/g, (character) => htmlEscapes[character]!)
}
