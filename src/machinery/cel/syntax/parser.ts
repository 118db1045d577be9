import { codePointCount } from '../code-points.ts'
import { reservedWords } from '../field-names.ts'
import { CelUint } from '../values/uint.ts'
import type { CelValue } from '../values/value.ts'
import type { CallExpression, Expression, MapEntry, StructField } from './expression.ts'
import { Source, type CelIssue } from './issue.ts'
import { tokenize, type Token } from './lexer.ts'
import { bytesLiteral, LiteralError, stringLiteral } from './literal-text.ts'
import { expandMacro, MacroError, type Macros } from './macros.ts'

export interface ParserOptions {
  readonly macros: Macros
}

export interface ParseResult {
  readonly source: Source
  /** Undefined exactly when there are issues. */
  readonly expression: Expression | undefined
  readonly issues: readonly CelIssue[]
}

const maxCodePoints = 100_000
const maxDepth = 250
const maxNodes = 100_000

const operandStart =
  "{'[', '{', '(', '.', '-', '!', 'true', 'false', 'null', NUM_FLOAT, NUM_INT, NUM_UINT, STRING, BYTES, IDENTIFIER}"
const entryStart =
  "{'[', '{', '}', '(', '.', ',', '-', '!', '?', 'true', 'false', 'null', NUM_FLOAT, NUM_INT, NUM_UINT, STRING, BYTES, IDENTIFIER}"
const fieldStart = "{'}', ',', '?', IDENTIFIER, ESC_IDENTIFIER}"

/** The binary operators by how tight they bind, but for `&&` and `||`. */
const relations: ReadonlySet<string> = new Set(['<', '<=', '>=', '>', '==', '!=', 'in'])
const additions: ReadonlySet<string> = new Set(['+', '-'])
const multiplications: ReadonlySet<string> = new Set(['*', '/', '%'])

/** Reads an expression and expands its macros. Source: cel-go's grammar and its messages. */
export function parse(text: string, options: ParserOptions): ParseResult {
  const source = new Source(text)
  const size = codePointCount(text)
  if (size > maxCodePoints) {
    const message = `expression code point size exceeds limit: size: ${size}, limit ${maxCodePoints}`
    return { source, expression: undefined, issues: [{ message, line: -1, column: 0 }] }
  }
  const { tokens, problems } = tokenize(text)
  const issues = problems.map(({ offset, message }) => source.issueAt(offset, `Syntax error: ${message}`))
  const parser = new Parser(source, tokens, issues, options)
  const expression = parser.run()
  return { source, expression: issues.length > 0 ? undefined : expression, issues }
}

/** Parsing cannot go on; the issue is noted. */
class Abandoned extends Error {}

class Parser {
  readonly #source: Source
  readonly #tokens: readonly Token[]
  readonly #issues: CelIssue[]
  readonly #options: ParserOptions
  #at = 0
  #depth = 0
  #nodes = 0

  constructor(source: Source, tokens: readonly Token[], issues: CelIssue[], options: ParserOptions) {
    this.#source = source
    this.#tokens = tokens
    this.#issues = issues
    this.#options = options
  }

  run(): Expression | undefined {
    try {
      const expression = this.#expression()
      this.#expectEnd()
      return expression
    } catch (error) {
      if (error instanceof Abandoned) return undefined
      throw error
    }
  }

  get #token(): Token {
    return this.#tokens[this.#at]!
  }

  #peek(ahead = 1): Token {
    return this.#tokens[Math.min(this.#at + ahead, this.#tokens.length - 1)]!
  }

  #is(symbol: string): boolean {
    return this.#token.kind === 'symbol' && this.#token.text === symbol
  }

  #next(): Token {
    const token = this.#token
    if (token.kind !== 'end') this.#at++
    return token
  }

  #take(symbol: string): Token | undefined {
    return this.#is(symbol) ? this.#next() : undefined
  }

  /** The token, or what ANTLR makes of its absence: skips one token too many, or supposes one that is missing. */
  #expect(symbol: string): Token {
    const token = this.#take(symbol)
    if (token) return token
    const found = this.#token
    const after = this.#peek()
    if (found.kind !== 'end' && after.kind === 'symbol' && after.text === symbol) {
      this.#syntaxError(found, `extraneous input '${found.text}' expecting '${symbol}'`)
      this.#next()
      return this.#next()
    }
    if (symbol !== ':' && (found.kind === 'end' || /^(?:[)\]},:]|&&|\|\|)$/.test(found.text))) {
      this.#syntaxError(found, `missing '${symbol}' at '${found.text}'`)
      return { kind: 'symbol', text: symbol, offset: found.offset }
    }
    this.#syntaxError(found, `mismatched input '${found.text}' expecting '${symbol}'`)
    throw new Abandoned()
  }

  #expectEnd(): void {
    const token = this.#token
    if (token.kind === 'end') return
    const problem = this.#peek().kind === 'end' ? 'extraneous' : 'mismatched'
    this.#syntaxError(token, `${problem} input '${token.text}' expecting <EOF>`)
  }

  #syntaxError(token: Token, message: string): void {
    this.#report(token.offset, `Syntax error: ${message}`)
  }

  #report(offset: number, message: string): void {
    this.#issues.push(this.#source.issueAt(offset, message))
  }

  #deeper<T>(read: () => T): T {
    if (++this.#depth > maxDepth) this.#tooDeep()
    const result = read()
    this.#depth--
    return result
  }

  #tooDeep(): never {
    const message = `expression recursion limit exceeded: ${maxDepth}`
    this.#issues.push({ message, line: -1, column: 0 })
    throw new Abandoned()
  }

  #expression(): Expression {
    return this.#deeper(() => {
      const condition = this.#logical('||')
      const operator = this.#take('?')
      if (!operator) return condition
      const whenTrue = this.#logical('||')
      this.#expect(':')
      return this.#call('_?_:_', operator, [condition, whenTrue, this.#expression()])
    })
  }

  /** Chains of `||` and `&&` become balanced trees: the result is the same, and long chains do not nest deep. */
  #logical(operator: '||' | '&&'): Expression {
    const read = () => (operator === '||' ? this.#logical('&&') : this.#binary(0))
    const terms = [read()]
    const operators: Token[] = []
    while (this.#is(operator)) {
      operators.push(this.#next())
      terms.push(read())
    }
    return this.#balance(`_${operator}_`, terms, operators, 0, operators.length - 1)
  }

  #balance(
    name: string,
    terms: readonly Expression[],
    operators: readonly Token[],
    low: number,
    high: number,
  ): Expression {
    if (operators.length === 0) return terms[0]!
    const middle = (low + high + 1) >> 1
    const left = middle === low ? terms[middle]! : this.#balance(name, terms, operators, low, middle - 1)
    const right =
      middle === high ? terms[middle + 1]! : this.#balance(name, terms, operators, middle + 1, high)
    return this.#call(name, operators[middle]!, [left, right])
  }

  #binary(level: 0 | 1 | 2): Expression {
    const operators = [relations, additions, multiplications][level]!
    const read = () => (level === 2 ? this.#unary() : this.#binary((level + 1) as 1 | 2))
    let left = read()
    for (let chained = 0; this.#token.kind === 'symbol' && operators.has(this.#token.text);) {
      if (++chained > maxDepth) this.#tooDeep()
      const operator = this.#next()
      const name = operator.text === 'in' ? '@in' : `_${operator.text}_`
      left = this.#call(name, operator, [left, read()])
    }
    return left
  }

  #unary(): Expression {
    const first = this.#token
    if (this.#is('!')) {
      let count = 0
      while (this.#take('!')) count++
      const operand = this.#member()
      return count % 2 === 0 ? operand : this.#call('!_', first, [operand])
    }
    if (!this.#is('-') || isNumber(this.#peek())) return this.#member()
    let count = 0
    while (this.#is('-') && !(count % 2 === 1 && isNumber(this.#peek()))) {
      this.#next()
      count++
    }
    const operand = this.#member()
    return count % 2 === 0 ? operand : this.#call('-_', first, [operand])
  }

  #member(): Expression {
    let operand = this.#primary()
    for (let chained = 0; this.#is('.') || this.#is('[');) {
      if (++chained > maxDepth) this.#tooDeep()
      operand = this.#is('.') ? this.#selection(operand) : this.#index(operand)
    }
    return operand
  }

  #selection(operand: Expression): Expression {
    const dot = this.#next()
    const optional = this.#take('?')
    const name = this.#token
    if (name.kind !== 'identifier' && name.kind !== 'escapedIdentifier') {
      const found = name.kind === 'end' ? '' : name.text
      this.#syntaxError(
        name,
        /^(?:true|false|null)$/.test(found)
          ? `mismatched input '${found}' expecting IDENTIFIER`
          : `no viable alternative at input '.${optional ? '?' : ''}${found}'`,
      )
      throw new Abandoned()
    }
    this.#next()
    const field = name.kind === 'identifier' ? name.text : name.text.slice(1, -1)
    if (optional) {
      return this.#call('_?._', dot, [operand, this.#literal(name, field)])
    }
    if (name.kind === 'identifier' && this.#is('(')) {
      const open = this.#next()
      return this.#macroOrCall(field, open, operand, this.#arguments())
    }
    this.#count()
    return { kind: 'select', offset: dot.offset, operand, field, testOnly: false }
  }

  #index(operand: Expression): Expression {
    const bracket = this.#next()
    const optional = this.#take('?')
    const index = this.#expression()
    this.#expect(']')
    return this.#call(optional ? '_[?_]' : '_[_]', bracket, [operand, index])
  }

  /** After the opening bracket, up to and with the closing one. */
  #arguments(): Expression[] {
    const args: Expression[] = []
    if (this.#take(')')) return args
    do args.push(this.#expression())
    while (this.#take(','))
    this.#expect(')')
    return args
  }

  #primary(): Expression {
    const token = this.#token
    switch (token.kind) {
      case 'identifier':
        return this.#named()
      case 'int':
      case 'uint':
      case 'double':
      case 'string':
      case 'bytes':
        this.#next()
        return this.#scalar(token, token, '')
      default:
        return this.#bracketed(token)
    }
  }

  #bracketed(token: Token): Expression {
    switch (token.kind === 'symbol' ? token.text : '') {
      case '(': {
        this.#next()
        const inner = this.#expression()
        this.#expect(')')
        return inner
      }
      case '[':
        return this.#list()
      case '{':
        return this.#map()
      case '.':
        return this.#named()
      case '-':
        if (isNumber(this.#peek())) {
          this.#next()
          return this.#scalar(token, this.#next(), '-')
        }
        return this.#noOperand(operandStart)
      case 'true':
      case 'false':
      case 'null':
        this.#next()
        return this.#literal(token, token.text === 'null' ? null : token.text === 'true')
      default:
        return this.#noOperand(operandStart)
    }
  }

  /** Skips one token when an operand follows it. */
  #noOperand(expected: string): Expression {
    const found = this.#token
    const skip = found.kind !== 'end' && startsOperand(this.#peek())
    this.#syntaxError(
      found,
      `${skip ? 'extraneous' : 'mismatched'} input '${found.text}' expecting ${expected}`,
    )
    if (found.kind !== 'end') this.#next()
    if (skip) return this.#primary()
    if (found.kind !== 'end' && this.#token.kind === 'end') {
      this.#syntaxError(this.#token, `mismatched input '<EOF>' expecting ${expected}`)
    }
    throw new Abandoned()
  }

  /** A variable, a global call or the making of an object: `a`, `.a.b{}`, `f(x)`. */
  #named(): Expression {
    const dot = this.#take('.')
    const start = this.#token
    if (start.kind !== 'identifier') {
      this.#syntaxError(start, `no viable alternative at input '.${start.kind === 'end' ? '' : start.text}'`)
      throw new Abandoned()
    }
    const typeName = this.#structName()
    if (typeName !== undefined) return this.#struct(`${dot ? '.' : ''}${typeName}`)
    this.#next()
    if (reservedWords.has(start.text)) {
      this.#report((dot ?? start).offset, `reserved identifier: ${start.text}`)
    }
    const name = `${dot ? '.' : ''}${start.text}`
    if (this.#is('(')) {
      const open = this.#next()
      return this.#macroOrCall(name, open, undefined, this.#arguments())
    }
    this.#count()
    return { kind: 'ident', offset: start.offset, name }
  }

  /** Reads `a.b.c` when `{` follows; else nothing. */
  #structName(): string | undefined {
    const names: string[] = []
    let ahead = 0
    for (;;) {
      if (this.#peek(ahead).kind !== 'identifier') return undefined
      names.push(this.#peek(ahead).text)
      const after = this.#peek(ahead + 1)
      if (after.kind !== 'symbol') return undefined
      if (after.text === '{') break
      if (after.text !== '.') return undefined
      ahead += 2
    }
    this.#at += ahead + 1
    return names.join('.')
  }

  #struct(typeName: string): Expression {
    const open = this.#expect('{')
    const fields: StructField[] = []
    while (!this.#is('}')) {
      if (fields.length === 0 && this.#is(',')) this.#next()
      if (this.#is('}')) break
      const optional = this.#take('?') !== undefined
      const name = this.#fieldName()
      const colon = this.#expect(':')
      const value = this.#expression()
      fields.push({ offset: colon.offset, name, value, optional })
      if (!this.#take(',')) break
    }
    this.#expect('}')
    this.#count(fields.length + 1)
    return { kind: 'struct', offset: open.offset, typeName, fields }
  }

  #fieldName(): string {
    const isName = (token: Token) => token.kind === 'identifier' || token.kind === 'escapedIdentifier'
    const found = this.#token
    if (!isName(found)) {
      const skip = isName(this.#peek())
      this.#syntaxError(
        found,
        `${skip ? 'extraneous' : 'mismatched'} input '${found.text}' expecting ${fieldStart}`,
      )
      if (!skip) throw new Abandoned()
      this.#next()
    }
    const token = this.#next()
    return token.kind === 'identifier' ? token.text : token.text.slice(1, -1)
  }

  #list(): Expression {
    const open = this.#next()
    const elements: Expression[] = []
    const optionals = new Set<number>()
    if (this.#is(',')) this.#next()
    while (!this.#is(']')) {
      if (this.#take('?')) optionals.add(elements.length)
      elements.push(this.#expression())
      if (!this.#take(',')) break
    }
    this.#expect(']')
    this.#count()
    return { kind: 'list', offset: open.offset, elements, optionals }
  }

  #map(): Expression {
    const open = this.#next()
    const entries: MapEntry[] = []
    if (this.#is(',')) this.#next()
    while (!this.#is('}')) {
      const optional = this.#take('?') !== undefined
      if (entries.length === 0 && !startsOperand(this.#token)) this.#noEntry()
      const key = this.#expression()
      const colon = this.#expect(':')
      const value = this.#expression()
      entries.push({ offset: colon.offset, key, value, optional })
      if (!this.#take(',')) break
    }
    this.#expect('}')
    this.#count(entries.length + 1)
    return { kind: 'map', offset: open.offset, entries }
  }

  #noEntry(): void {
    const found = this.#token
    const skip = found.kind !== 'end' && startsOperand(this.#peek())
    this.#syntaxError(
      found,
      `${skip ? 'extraneous' : 'mismatched'} input '${found.text}' expecting ${entryStart}`,
    )
    if (!skip) throw new Abandoned()
    this.#next()
  }

  #scalar(start: Token, token: Token, sign: '' | '-'): Expression {
    switch (token.kind) {
      case 'int':
        return this.#literal(start, this.#int(start, token.text, sign))
      case 'uint': {
        const value = BigInt(token.text.slice(0, -1))
        if (value >= 2n ** 64n) this.#report(start.offset, 'invalid uint literal')
        return this.#literal(start, new CelUint(value))
      }
      case 'double': {
        const value = Number(sign + token.text)
        if (!Number.isFinite(value)) this.#report(start.offset, 'invalid double literal')
        return this.#literal(start, value)
      }
      default:
        return this.#literal(start, this.#quoted(token))
    }
  }

  #int(start: Token, text: string, sign: '' | '-'): bigint {
    const magnitude = BigInt(text)
    const value = sign === '-' ? -magnitude : magnitude
    if (BigInt.asIntN(64, value) !== value) this.#report(start.offset, 'invalid int literal')
    return value
  }

  #quoted(token: Token): CelValue {
    try {
      return token.kind === 'bytes' ? bytesLiteral(token.text) : stringLiteral(token.text)
    } catch (error) {
      if (!(error instanceof LiteralError)) throw error
      this.#report(token.offset, error.message)
      return token.text
    }
  }

  #literal(token: Token, value: CelValue): Expression {
    this.#count()
    return { kind: 'literal', offset: token.offset, value }
  }

  #call(name: string, operator: Token, args: readonly Expression[], target?: Expression): CallExpression {
    this.#count()
    return { kind: 'call', offset: operator.offset, function: name, target, args }
  }

  #macroOrCall(
    name: string,
    open: Token,
    target: Expression | undefined,
    args: readonly Expression[],
  ): Expression {
    const macro = this.#options.macros(name, target !== undefined, args.length)
    if (!macro) return this.#call(name, open, args, target)
    try {
      const expanded = expandMacro(macro, open.offset, target, args)
      if (expanded === undefined) return this.#call(name, open, args, target)
      this.#count(expanded.nodes)
      if (this.#nodes > maxNodes) {
        const message = `expression count exceeds limit of ${maxNodes} while expanding macro '${name}'`
        this.#report(open.offset, message)
        throw new Abandoned()
      }
      return expanded.expression
    } catch (error) {
      if (!(error instanceof MacroError)) throw error
      this.#report(error.offset ?? open.offset, error.message)
      return this.#call(name, open, args, target)
    }
  }

  #count(nodes = 1): void {
    this.#nodes += nodes
  }
}

function isNumber(token: Token): boolean {
  return token.kind === 'int' || token.kind === 'double'
}

function startsOperand(token: Token): boolean {
  if (token.kind === 'end') return false
  return token.kind !== 'symbol' || /^(?:[[{(.\-!]|true|false|null)$/.test(token.text)
}
