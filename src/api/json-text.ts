import { parseWithLongIntegers } from '../machinery/long-integers.ts'
import type { Schema } from '../machinery/schema.ts'
import { DecodeError } from './decode-error.ts'
import { JsonScanner, type JsonVisitor } from './json-scanner.ts'
import { strictPath } from './strict-path.ts'

/** Parses JSON; throws a DecodeError with Go's words. Of a key that stands twice the last value counts. */
export function parseJson(text: string): unknown {
  return parsed(text, JSON.parse)
}

/** As parseJson; integers beyond 2^53 come as bigints. Slower: for patches, and where a first look found one. */
export function parseExactJson(text: string): unknown {
  return parsed(text, parseWithLongIntegers)
}

function parsed(text: string, parse: (text: string) => unknown): unknown {
  try {
    return parse(wellFormed(text))
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error
    new JsonScanner(text).document()
    throw new DecodeError(error.message)
  }
}

/**
 * The text with an escape for U+FFFD in place of those of half a surrogate pair, as Go reads them. What is sent again is
 * then the same as what was stored.
 */
function wellFormed(text: string): string {
  if (!text.includes('\\') || !/\\u[dD][89a-fA-F]/.test(text)) return text
  return text.replace(surrogateEscapes, (escape) => (escape.length === halfPairLength ? '\\ufffd' : escape))
}

/** Pairs, halves, and escapes of two characters, of which the second may be a backslash. */
const surrogateEscapes =
  /\\u[dD][89abAB][\da-fA-F]{2}\\u[dD][c-fC-F][\da-fA-F]{2}|\\u[dD][89a-fA-F][\da-fA-F]{2}|\\[^u]/g
const halfPairLength = 6

const quote = 34
const colon = 58
const backslash = 92

/**
 * How many keys there are in valid JSON text. When the parsed value has fewer, a key stands twice; this is a tenth of
 * the price of looking at every key.
 */
export function countJsonKeys(text: string): number {
  let count = 0
  for (let position = 0; position < text.length; position++) {
    const code = text.charCodeAt(position)
    if (code === colon) count++
    else if (code === quote) position = endOfString(text, position)
  }
  return count
}

function endOfString(text: string, start: number): number {
  let end = text.indexOf('"', start + 1)
  while (isEscaped(text, end)) end = text.indexOf('"', end + 1)
  return end
}

function isEscaped(text: string, position: number): boolean {
  let backslashes = 0
  while (text.charCodeAt(position - 1 - backslashes) === backslash) backslashes++
  return backslashes % 2 === 1
}

/** Paths of the keys that stand twice, where Go's decoder of this type would look; at most 100. */
export function duplicateFields(text: string, schema: Schema): readonly string[] {
  const found = new Set<string>()
  new JsonScanner(text).document(new DuplicateVisitor(schema, [], found))
  return [...found].slice(0, 100)
}

class DuplicateVisitor implements JsonVisitor {
  /** Undefined where anything may stand. */
  readonly #schema: Schema | undefined
  readonly #path: readonly (string | number)[]
  readonly #found: Set<string>

  constructor(schema: Schema | undefined, path: readonly (string | number)[], found: Set<string>) {
    this.#schema = schema
    this.#path = path
    this.#found = found
  }

  duplicateKey(key: string): void {
    this.#found.add(strictPath([...this.#path, key]))
  }

  field(key: string): JsonVisitor | undefined {
    const schema = this.#schema
    switch (schema?.type) {
      case 'object': {
        const field = Object.hasOwn(schema.fields, key) ? schema.fields[key] : undefined
        // Go skips what it does not know; custom resources are read whole before they are pruned.
        if (!field && schema.name !== undefined) return undefined
        return this.#into(field?.schema, key)
      }
      case 'map':
        return this.#into(schema.values, key)
      default:
        return this.#into(undefined, key)
    }
  }

  item(index: number): JsonVisitor | undefined {
    return this.#into(this.#schema?.type === 'list' ? this.#schema.items : undefined, index)
  }

  #into(schema: Schema | undefined, part: string | number): JsonVisitor | undefined {
    // Types with decoders of their own are not looked into.
    if (schema?.type === 'any' && schema.holds) return undefined
    return new DuplicateVisitor(schema, [...this.#path, part], this.#found)
  }
}
