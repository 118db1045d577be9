import { letterEscapes } from './go-format.ts'

/** A template that cannot be read or evaluated; worded as upstream. */
export class JsonPathError extends Error {
  constructor(message: string) {
    super(message)
    this.name = 'JsonPathError'
  }
}

/** What a template is made of. Source: k8s.io/client-go/util/jsonpath. */
export type JsonPathNode =
  | { readonly kind: 'list'; readonly nodes: readonly JsonPathNode[] }
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'field'; readonly name: string }
  /** `[start:end:step]`, or `[start]`, for which the end is derived. */
  | {
      readonly kind: 'slice'
      readonly start?: number
      readonly end?: number
      readonly step?: number
      readonly single: boolean
    }
  | {
      readonly kind: 'filter'
      readonly left: JsonPathNode
      readonly operator: string
      readonly right: JsonPathNode
    }
  | { readonly kind: 'literal'; readonly value: number | boolean }
  | { readonly kind: 'wildcard' }
  | { readonly kind: 'recursive' }
  | { readonly kind: 'union'; readonly alternatives: readonly JsonPathNode[] }
  /** `range` or `end`. */
  | { readonly kind: 'identifier'; readonly name: string }

const terminators = new Set([' ', '\t', '\r', '\n', '.', ',', '[', ']', '$', '@', '{', '}', ''])
const alphanumeric = /^[\p{L}\p{Nd}_]$/u
const digit = /^\p{Nd}$/u
const sliceFormat = /^(-?[0-9]*)(:-?[0-9]*)?(:-?[0-9]*)?$/
const comparison = /^([^!<>=]+)([!<>=]+)(.+?)$/

/** Reads a template: text with expressions in braces. Each expression becomes a list. Throws a JsonPathError. */
export function parseTemplate(template: string): readonly JsonPathNode[] {
  return new Parser(template).template()
}

/** Reads what stands inside braces. */
function parseExpression(text: string): JsonPathNode {
  return parseTemplate(`{${text}}`)[0]!
}

class Parser {
  readonly #characters: readonly string[]
  #position = 0

  constructor(text: string) {
    this.#characters = Array.from(text)
  }

  template(): JsonPathNode[] {
    const nodes: JsonPathNode[] = []
    let text = ''
    for (let character = this.#next(); character !== ''; character = this.#next()) {
      if (character !== '{') {
        text += character
        continue
      }
      if (text !== '') nodes.push({ kind: 'text', text })
      text = ''
      nodes.push({ kind: 'list', nodes: this.#expression() })
    }
    return text === '' ? nodes : [...nodes, { kind: 'text', text }]
  }

  /** Up to and with the closing brace. */
  #expression(): JsonPathNode[] {
    const nodes: JsonPathNode[] = []
    for (;;) {
      if (this.#take('}')) return nodes
      if (this.#take('[?(')) nodes.push(this.#filter())
      else if (this.#take('..')) this.#recursive(nodes)
      else nodes.push(...this.#step())
    }
  }

  #step(): readonly JsonPathNode[] {
    const character = this.#next()
    switch (character) {
      case '':
      case '\r':
      case '\n':
        throw new JsonPathError('unclosed action')
      case ' ':
      case '@':
      case '$':
        return []
      case '[':
        return this.#brackets()
      case '"':
      case "'":
        return [this.#quoted(character)]
      case '.':
        return [this.#field()]
    }
    this.#position--
    if (character === '+' || character === '-' || digit.test(character)) return [this.#number()]
    if (alphanumeric.test(character)) return [this.#identifier()]
    throw new JsonPathError(`unrecognized character in action: ${describeCharacter(character)}`)
  }

  #recursive(nodes: JsonPathNode[]): void {
    if (nodes.at(-1)?.kind === 'recursive') throw new JsonPathError('invalid multiple recursive descent')
    nodes.push({ kind: 'recursive' })
    if (alphanumeric.test(this.#peek())) nodes.push(this.#field())
  }

  #field(): JsonPathNode {
    let name = ''
    while (!terminators.has(this.#peek())) {
      const character = this.#next()
      name += character === '\\' ? this.#next() : character
    }
    return name === '*' ? { kind: 'wildcard' } : { kind: 'field', name }
  }

  #identifier(): JsonPathNode {
    let name = ''
    while (!terminators.has(this.#peek())) name += this.#next()
    if (name === 'true' || name === 'false') return { kind: 'literal', value: name === 'true' }
    return { kind: 'identifier', name }
  }

  #number(): JsonPathNode {
    let text = this.#next()
    while (this.#peek() === '.' || digit.test(this.#peek())) text += this.#next()
    if (!/^[-+]?([0-9]+\.?[0-9]*|\.[0-9]+)$/.test(text))
      throw new JsonPathError(`cannot parse number ${text}`)
    return { kind: 'literal', value: Number(text) }
  }

  /** An index, a slice, a key in quotes, or several of them. */
  #brackets(): readonly JsonPathNode[] {
    let text = ''
    for (let character = this.#next(); character !== ']'; character = this.#next()) {
      if (character === '' || character === '\n') throw new JsonPathError('unterminated array')
      text += character
    }
    const alternatives = text.split(',')
    if (alternatives.length > 1) {
      const expressions = alternatives.map((part) => parseExpression(`[${part.replace(/^ +| +$/g, '')}]`))
      return [{ kind: 'union', alternatives: expressions }]
    }
    const key = /^'([^']*)'$/.exec(text)
    if (key) return nodesOf(parseExpression(`.${key[1]}`))
    return [parseSlice(text === '*' ? ':' : text)]
  }

  #filter(): JsonPathNode {
    const text = this.#filterText()
    if (this.#next() !== ']') throw new JsonPathError('unclosed array expect ]')
    const match = comparison.exec(text)
    if (!match) {
      return {
        kind: 'filter',
        left: parseExpression(text),
        operator: 'exists',
        right: { kind: 'list', nodes: [] },
      }
    }
    const [, left = '', operator = '', right = ''] = match
    return { kind: 'filter', left: parseExpression(left), operator, right: parseExpression(right) }
  }

  /** Up to the closing parenthesis; one inside the first pair of quotes does not count. */
  #filterText(): string {
    let text = ''
    let quote: string | undefined
    let closed = false
    for (;;) {
      const character = this.#next()
      if (character === '' || character === '\n') throw new JsonPathError('unterminated filter')
      if (character === ')' && (quote !== undefined) === closed) return text
      if (character === '"' || character === "'") {
        if (quote === undefined) quote = character
        else if (character === quote && !text.endsWith('\\')) closed = true
      }
      text += character
    }
  }

  #quoted(quote: string): JsonPathNode {
    let text = ''
    for (;;) {
      const character = this.#next()
      if (character === '' || character === '\n') throw new JsonPathError('unterminated quoted string')
      if (character === quote && !text.endsWith('\\')) return { kind: 'text', text: unquote(text, quote) }
      text += character
    }
  }

  #take(prefix: string): boolean {
    for (let offset = 0; offset < prefix.length; offset++) {
      if (this.#characters[this.#position + offset] !== prefix[offset]) return false
    }
    this.#position += prefix.length
    return true
  }

  #peek(): string {
    return this.#characters[this.#position] ?? ''
  }

  /** Empty at the end. */
  #next(): string {
    const character = this.#peek()
    this.#position++
    return character
  }
}

function nodesOf(node: JsonPathNode): readonly JsonPathNode[] {
  return node.kind === 'list' ? node.nodes : [node]
}

function parseSlice(text: string): JsonPathNode {
  const match = sliceFormat.exec(text)
  if (!match) throw new JsonPathError(`invalid array index ${text}`)
  const [, first = '', second, third] = match
  const start = parseBound(first)
  const end = parseBound(second?.slice(1) ?? '')
  const step = parseBound(third?.slice(1) ?? '')
  return {
    kind: 'slice',
    single: second === undefined,
    ...(start !== undefined && { start }),
    ...(end !== undefined && { end }),
    ...(step !== undefined && { step }),
  }
}

function parseBound(text: string): number | undefined {
  if (text === '') return undefined
  if (text === '-') throw new JsonPathError(`array index ${text} is not a number`)
  return Number(text)
}

const escapes: Readonly<Record<string, string>> = { ...letterEscapes, '\\': '\\' }

/** strconv.Unquote, for single quotes too. */
function unquote(text: string, quote: string): string {
  if (!text.includes('\\')) return text
  const escape = /\\(?:x([0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|([0-7]{3})|([^]))|\\$/gu
  return text.replace(escape, (_sequence, ...groups: (string | undefined)[]) => {
    const [hexByte, hexShort, hexLong, octal, character] = groups
    const hex = hexByte ?? hexShort ?? hexLong
    if (hex !== undefined) return String.fromCodePoint(Number.parseInt(hex, 16))
    if (octal !== undefined) return String.fromCodePoint(Number.parseInt(octal, 8))
    if (character === quote) return character
    const known = character === undefined ? undefined : escapes[character]
    if (known !== undefined) return known
    throw new JsonPathError(`unquote string ${quote}${text}${quote} error invalid syntax`)
  })
}

/** `%#U`: `U+0028 '('`. */
function describeCharacter(character: string): string {
  const code = character.codePointAt(0)!.toString(16).toUpperCase().padStart(4, '0')
  return `U+${code} '${character}'`
}
