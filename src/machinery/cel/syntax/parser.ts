import { codePointCount } from '../code-points.ts'
import { reservedWords } from '../field-names.ts'
import type { CelValue } from '../values/value.ts'
import type { CallExpression, Expression, MapEntry, StructField } from './expression.ts'
import { Source, type CelIssue } from './issue.ts'
import { tokenize, type Token } from './lexer.ts'
import { expandMacro, MacroError, type Macros } from './macros.ts'
import { scalarValue } from './scalar-value.ts'
import { Abandoned, TokenReader } from './token-reader.ts'

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
  const parser = new Parser(new TokenReader(source, tokens, issues), options.macros)
  const expression = parser.run()
  return { source, expression: issues.length > 0 ? undefined : expression, issues }
}

class Parser {
  readonly #tokens: TokenReader
  readonly #macros: Macros
  #depth = 0
  #nodes = 0

  constructor(tokens: TokenReader, macros: Macros) {
    this.#tokens = tokens
    this.#macros = macros
  }

  run(): Expression | undefined {
    try {
      const expression = this.#expression()
      this.#tokens.expectEnd()
      return expression
    } catch (error) {
      if (error instanceof Abandoned) return undefined
      throw error
    }
  }

  #deeper<T>(read: () => T): T {
    if (++this.#depth > maxDepth) this.#tooDeep()
    const result = read()
    this.#depth--
    return result
  }

  #tooDeep(): never {
    this.#tokens.abandon(`expression recursion limit exceeded: ${maxDepth}`)
  }

  #expression(): Expression {
    return this.#deeper(() => {
      const condition = this.#logical('||')
      const operator = this.#tokens.take('?')
      if (!operator) return condition
      const whenTrue = this.#logical('||')
      this.#tokens.expect(':')
      return this.#call('_?_:_', operator, [condition, whenTrue, this.#expression()])
    })
  }

  /** Chains of `||` and `&&` become balanced trees: the result is the same, and long chains do not nest deep. */
  #logical(operator: '||' | '&&'): Expression {
    const read = () => (operator === '||' ? this.#logical('&&') : this.#binary(0))
    const terms = [read()]
    const operators: Token[] = []
    while (this.#tokens.is(operator)) {
      operators.push(this.#tokens.next())
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
    for (
      let chained = 0;
      this.#tokens.current.kind === 'symbol' && operators.has(this.#tokens.current.text);
    ) {
      if (++chained > maxDepth) this.#tooDeep()
      const operator = this.#tokens.next()
      const name = operator.text === 'in' ? '@in' : `_${operator.text}_`
      left = this.#call(name, operator, [left, read()])
    }
    return left
  }

  #unary(): Expression {
    const first = this.#tokens.current
    if (this.#tokens.is('!')) {
      let count = 0
      while (this.#tokens.take('!')) count++
      const operand = this.#member()
      return count % 2 === 0 ? operand : this.#call('!_', first, [operand])
    }
    if (!this.#tokens.is('-') || isNumber(this.#tokens.peek())) return this.#member()
    let count = 0
    while (this.#tokens.is('-') && !(count % 2 === 1 && isNumber(this.#tokens.peek()))) {
      this.#tokens.next()
      count++
    }
    const operand = this.#member()
    return count % 2 === 0 ? operand : this.#call('-_', first, [operand])
  }

  #member(): Expression {
    let operand = this.#primary()
    for (let chained = 0; this.#tokens.is('.') || this.#tokens.is('[');) {
      if (++chained > maxDepth) this.#tooDeep()
      operand = this.#tokens.is('.') ? this.#selection(operand) : this.#index(operand)
    }
    return operand
  }

  #selection(operand: Expression): Expression {
    const dot = this.#tokens.next()
    const optional = this.#tokens.take('?')
    const name = this.#tokens.current
    if (name.kind !== 'identifier' && name.kind !== 'escapedIdentifier') {
      const found = name.kind === 'end' ? '' : name.text
      this.#tokens.syntaxError(
        name,
        /^(?:true|false|null)$/.test(found)
          ? `mismatched input '${found}' expecting IDENTIFIER`
          : `no viable alternative at input '.${optional ? '?' : ''}${found}'`,
      )
      throw new Abandoned()
    }
    this.#tokens.next()
    const field = name.kind === 'identifier' ? name.text : name.text.slice(1, -1)
    if (optional) {
      return this.#call('_?._', dot, [operand, this.#literal(name, field)])
    }
    if (name.kind === 'identifier' && this.#tokens.is('(')) {
      const open = this.#tokens.next()
      return this.#macroOrCall(field, open, operand, this.#arguments())
    }
    this.#count()
    return { kind: 'select', offset: dot.offset, operand, field, testOnly: false }
  }

  #index(operand: Expression): Expression {
    const bracket = this.#tokens.next()
    const optional = this.#tokens.take('?')
    const index = this.#expression()
    this.#tokens.expect(']')
    return this.#call(optional ? '_[?_]' : '_[_]', bracket, [operand, index])
  }

  /** After the opening bracket, up to and with the closing one. */
  #arguments(): Expression[] {
    const args: Expression[] = []
    if (this.#tokens.take(')')) return args
    do args.push(this.#expression())
    while (this.#tokens.take(','))
    this.#tokens.expect(')')
    return args
  }

  #primary(): Expression {
    const token = this.#tokens.current
    switch (token.kind) {
      case 'identifier':
        return this.#named()
      case 'int':
      case 'uint':
      case 'double':
      case 'string':
      case 'bytes':
        this.#tokens.next()
        return this.#literal(token, scalarValue(this.#tokens, token, token, ''))
      default:
        return this.#bracketed(token)
    }
  }

  #bracketed(token: Token): Expression {
    switch (token.kind === 'symbol' ? token.text : '') {
      case '(': {
        this.#tokens.next()
        const inner = this.#expression()
        this.#tokens.expect(')')
        return inner
      }
      case '[':
        return this.#list()
      case '{':
        return this.#map()
      case '.':
        return this.#named()
      case '-':
        if (isNumber(this.#tokens.peek())) {
          this.#tokens.next()
          return this.#literal(token, scalarValue(this.#tokens, token, this.#tokens.next(), '-'))
        }
        return this.#noOperand(operandStart)
      case 'true':
      case 'false':
      case 'null':
        this.#tokens.next()
        return this.#literal(token, token.text === 'null' ? null : token.text === 'true')
      default:
        return this.#noOperand(operandStart)
    }
  }

  /** Skips one token when an operand follows it. */
  #noOperand(expected: string): Expression {
    const found = this.#tokens.current
    const skip = found.kind !== 'end' && startsOperand(this.#tokens.peek())
    this.#tokens.syntaxError(
      found,
      `${skip ? 'extraneous' : 'mismatched'} input '${found.text}' expecting ${expected}`,
    )
    if (found.kind !== 'end') this.#tokens.next()
    if (skip) return this.#primary()
    if (found.kind !== 'end' && this.#tokens.current.kind === 'end') {
      this.#tokens.syntaxError(this.#tokens.current, `mismatched input '<EOF>' expecting ${expected}`)
    }
    throw new Abandoned()
  }

  /** A variable, a global call or the making of an object: `a`, `.a.b{}`, `f(x)`. */
  #named(): Expression {
    const dot = this.#tokens.take('.')
    const start = this.#tokens.current
    if (start.kind !== 'identifier') {
      this.#tokens.syntaxError(
        start,
        `no viable alternative at input '.${start.kind === 'end' ? '' : start.text}'`,
      )
      throw new Abandoned()
    }
    const typeName = this.#structName()
    if (typeName !== undefined) return this.#struct(`${dot ? '.' : ''}${typeName}`)
    this.#tokens.next()
    if (reservedWords.has(start.text)) {
      this.#tokens.report((dot ?? start).offset, `reserved identifier: ${start.text}`)
    }
    const name = `${dot ? '.' : ''}${start.text}`
    if (this.#tokens.is('(')) {
      const open = this.#tokens.next()
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
      if (this.#tokens.peek(ahead).kind !== 'identifier') return undefined
      names.push(this.#tokens.peek(ahead).text)
      const after = this.#tokens.peek(ahead + 1)
      if (after.kind !== 'symbol') return undefined
      if (after.text === '{') break
      if (after.text !== '.') return undefined
      ahead += 2
    }
    this.#tokens.skip(ahead + 1)
    return names.join('.')
  }

  #struct(typeName: string): Expression {
    const open = this.#tokens.expect('{')
    const fields: StructField[] = []
    while (!this.#tokens.is('}')) {
      if (fields.length === 0 && this.#tokens.is(',')) this.#tokens.next()
      if (this.#tokens.is('}')) break
      const optional = this.#tokens.take('?') !== undefined
      const name = this.#fieldName()
      const colon = this.#tokens.expect(':')
      const value = this.#expression()
      fields.push({ offset: colon.offset, name, value, optional })
      if (!this.#tokens.take(',')) break
    }
    this.#tokens.expect('}')
    this.#count(fields.length + 1)
    return { kind: 'struct', offset: open.offset, typeName, fields }
  }

  #fieldName(): string {
    const isName = (token: Token) => token.kind === 'identifier' || token.kind === 'escapedIdentifier'
    const found = this.#tokens.current
    if (!isName(found)) {
      const skip = isName(this.#tokens.peek())
      this.#tokens.syntaxError(
        found,
        `${skip ? 'extraneous' : 'mismatched'} input '${found.text}' expecting ${fieldStart}`,
      )
      if (!skip) throw new Abandoned()
      this.#tokens.next()
    }
    const token = this.#tokens.next()
    return token.kind === 'identifier' ? token.text : token.text.slice(1, -1)
  }

  #list(): Expression {
    const open = this.#tokens.next()
    const elements: Expression[] = []
    const optionals = new Set<number>()
    if (this.#tokens.is(',')) this.#tokens.next()
    while (!this.#tokens.is(']')) {
      if (this.#tokens.take('?')) optionals.add(elements.length)
      elements.push(this.#expression())
      if (!this.#tokens.take(',')) break
    }
    this.#tokens.expect(']')
    this.#count()
    return { kind: 'list', offset: open.offset, elements, optionals }
  }

  #map(): Expression {
    const open = this.#tokens.next()
    const entries: MapEntry[] = []
    if (this.#tokens.is(',')) this.#tokens.next()
    while (!this.#tokens.is('}')) {
      const optional = this.#tokens.take('?') !== undefined
      if (entries.length === 0 && !startsOperand(this.#tokens.current)) this.#noEntry()
      const key = this.#expression()
      const colon = this.#tokens.expect(':')
      const value = this.#expression()
      entries.push({ offset: colon.offset, key, value, optional })
      if (!this.#tokens.take(',')) break
    }
    this.#tokens.expect('}')
    this.#count(entries.length + 1)
    return { kind: 'map', offset: open.offset, entries }
  }

  #noEntry(): void {
    const found = this.#tokens.current
    const skip = found.kind !== 'end' && startsOperand(this.#tokens.peek())
    this.#tokens.syntaxError(
      found,
      `${skip ? 'extraneous' : 'mismatched'} input '${found.text}' expecting ${entryStart}`,
    )
    if (!skip) throw new Abandoned()
    this.#tokens.next()
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
    const macro = this.#macros(name, target !== undefined, args.length)
    if (!macro) return this.#call(name, open, args, target)
    try {
      const expanded = expandMacro(macro, open.offset, target, args)
      if (expanded === undefined) return this.#call(name, open, args, target)
      this.#count(expanded.nodes)
      if (this.#nodes > maxNodes) {
        const message = `expression count exceeds limit of ${maxNodes} while expanding macro '${name}'`
        this.#tokens.report(open.offset, message)
        throw new Abandoned()
      }
      return expanded.expression
    } catch (error) {
      if (!(error instanceof MacroError)) throw error
      this.#tokens.report(error.offset ?? open.offset, error.message)
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
