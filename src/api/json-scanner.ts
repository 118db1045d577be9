import { goQuote } from '../machinery/go-format.ts'
import { maxJsonDepth } from '../machinery/json-depth.ts'
import { DecodeError } from './decode-error.ts'

/** Scalars count as a level, too. */
const maxScannedDepth = maxJsonDepth + 1

/**
 * Reads JSON text the slow way, where JSON.parse does not tell enough: which key stands twice, and what is wrong in
 * the words of Go's encoding/json.
 */
export class JsonScanner {
  readonly #text: string
  #position = 0
  #depth = 0

  constructor(text: string) {
    this.#text = text
  }

  /** Reads one value and all that is in it; throws a DecodeError where the text is no JSON. */
  document(visitor?: JsonVisitor): void {
    this.#value(visitor)
    this.#skipSpace()
    if (this.#position < this.#text.length) throw this.#invalid('after top-level value')
  }

  #value(visitor: JsonVisitor | undefined): void {
    if (++this.#depth > maxScannedDepth) throw new DecodeError('exceeded max depth')
    this.#skipSpace()
    const character = this.#text[this.#position]
    if (character === '{') this.#object(visitor)
    else if (character === '[') this.#array(visitor)
    else if (character === '"') this.#string()
    else if (character === '-' || isDigit(character)) this.#number()
    else if (character === 't') this.#literal('true')
    else if (character === 'f') this.#literal('false')
    else if (character === 'n') this.#literal('null')
    else throw this.#invalid('looking for beginning of value')
    this.#depth--
  }

  #object(visitor: JsonVisitor | undefined): void {
    const seen = new Set<string>()
    this.#position++
    this.#skipSpace()
    if (this.#accept('}')) return
    for (;;) {
      this.#skipSpace()
      if (this.#text[this.#position] !== '"') {
        throw this.#invalid('looking for beginning of object key string')
      }
      const key = this.#string()
      if (seen.has(key)) visitor?.duplicateKey(key)
      seen.add(key)
      this.#skipSpace()
      if (!this.#accept(':')) throw this.#invalid('after object key')
      this.#value(visitor?.field(key))
      this.#skipSpace()
      if (this.#accept('}')) return
      if (!this.#accept(',')) throw this.#invalid('after object key:value pair')
    }
  }

  #array(visitor: JsonVisitor | undefined): void {
    this.#position++
    this.#skipSpace()
    if (this.#accept(']')) return
    for (let index = 0; ; index++) {
      this.#value(visitor?.item(index))
      this.#skipSpace()
      if (this.#accept(']')) return
      if (!this.#accept(',')) throw this.#invalid('after array element')
    }
  }

  #string(): string {
    const start = this.#position++
    for (;;) {
      const character = this.#text[this.#position]
      if (character === undefined || character < ' ') throw this.#invalid('in string literal')
      this.#position++
      if (character === '"') {
        return (JSON.parse(this.#text.slice(start, this.#position)) as string).toWellFormed()
      }
      if (character === '\\') this.#escape()
    }
  }

  #escape(): void {
    const character = this.#text[this.#position]
    if (character === undefined || !'"\\/bfnrtu'.includes(character)) {
      throw this.#invalid('in string escape code')
    }
    this.#position++
    if (character !== 'u') return
    for (let digit = 0; digit < 4; digit++) {
      if (!/^[0-9a-fA-F]$/.test(this.#text[this.#position] ?? '')) {
        throw this.#invalid('in \\u hexadecimal character escape')
      }
      this.#position++
    }
  }

  #number(): void {
    this.#accept('-')
    if (!this.#accept('0')) this.#digits('in numeric literal')
    if (this.#accept('.')) this.#digits('after decimal point in numeric literal')
    if (this.#accept('e') || this.#accept('E')) {
      if (!this.#accept('+')) this.#accept('-')
      this.#digits('in exponent of numeric literal')
    }
  }

  #digits(context: string): void {
    if (!isDigit(this.#text[this.#position])) throw this.#invalid(context)
    while (isDigit(this.#text[this.#position])) this.#position++
  }

  #literal(word: string): void {
    for (const expected of word) {
      if (!this.#accept(expected)) throw this.#invalid(`in literal ${word} (expecting '${expected}')`)
    }
  }

  #accept(character: string): boolean {
    if (this.#text[this.#position] !== character) return false
    this.#position++
    return true
  }

  #skipSpace(): void {
    while (/^[ \t\r\n]$/.test(this.#text[this.#position] ?? '')) this.#position++
  }

  #invalid(context: string): DecodeError {
    const codePoint = this.#text.codePointAt(this.#position)
    if (codePoint === undefined) return new DecodeError('unexpected end of JSON input')
    return new DecodeError(`invalid character ${quoteCharacter(String.fromCodePoint(codePoint))} ${context}`)
  }
}

/** Is told of keys that stand twice in one object; `field` and `item` give the visitor of what is inside, or none. */
export interface JsonVisitor {
  duplicateKey(key: string): void
  field(key: string): JsonVisitor | undefined
  item(index: number): JsonVisitor | undefined
}

function isDigit(character: string | undefined): boolean {
  return character !== undefined && character >= '0' && character <= '9'
}

function quoteCharacter(character: string): string {
  if (character === "'") return String.raw`'\''`
  if (character === '"') return `'"'`
  return `'${goQuote(character).slice(1, -1)}'`
}
