import type { CelIssue, Source } from './issue.ts'
import type { Token } from './lexer.ts'

/** Parsing cannot go on; the issue is noted. */
export class Abandoned extends Error {}

/** Goes through the tokens of an expression, and notes what is wrong with them as ANTLR would. */
export class TokenReader {
  readonly #source: Source
  readonly #tokens: readonly Token[]
  readonly #issues: CelIssue[]
  #at = 0

  /** `tokens` end with one of kind `end`; what is wrong is added to `issues`. */
  constructor(source: Source, tokens: readonly Token[], issues: CelIssue[]) {
    this.#source = source
    this.#tokens = tokens
    this.#issues = issues
  }

  get current(): Token {
    return this.#tokens[this.#at]!
  }

  peek(ahead = 1): Token {
    return this.#tokens[Math.min(this.#at + ahead, this.#tokens.length - 1)]!
  }

  is(symbol: string): boolean {
    return this.current.kind === 'symbol' && this.current.text === symbol
  }

  next(): Token {
    const token = this.current
    if (token.kind !== 'end') this.#at++
    return token
  }

  /** Goes over tokens that were looked at by `peek`. */
  skip(count: number): void {
    this.#at += count
  }

  take(symbol: string): Token | undefined {
    return this.is(symbol) ? this.next() : undefined
  }

  /** The token, or what ANTLR makes of its absence: skips one token too many, or supposes one that is missing. */
  expect(symbol: string): Token {
    const token = this.take(symbol)
    if (token) return token
    const found = this.current
    const after = this.peek()
    if (found.kind !== 'end' && after.kind === 'symbol' && after.text === symbol) {
      this.syntaxError(found, `extraneous input '${found.text}' expecting '${symbol}'`)
      this.next()
      return this.next()
    }
    if (symbol !== ':' && (found.kind === 'end' || /^(?:[)\]},:]|&&|\|\|)$/.test(found.text))) {
      this.syntaxError(found, `missing '${symbol}' at '${found.text}'`)
      return { kind: 'symbol', text: symbol, offset: found.offset }
    }
    this.syntaxError(found, `mismatched input '${found.text}' expecting '${symbol}'`)
    throw new Abandoned()
  }

  expectEnd(): void {
    const token = this.current
    if (token.kind === 'end') return
    const problem = this.peek().kind === 'end' ? 'extraneous' : 'mismatched'
    this.syntaxError(token, `${problem} input '${token.text}' expecting <EOF>`)
  }

  syntaxError(token: Token, message: string): void {
    this.report(token.offset, `Syntax error: ${message}`)
  }

  report(offset: number, message: string): void {
    this.#issues.push(this.#source.issueAt(offset, message))
  }

  /** Gives up for a reason that is at no place of the expression. */
  abandon(message: string): never {
    this.#issues.push({ message, line: -1, column: 0 })
    throw new Abandoned()
  }
}
