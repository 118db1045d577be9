import { fieldErrorText, invalid } from './field-error.ts'
import { compareGoStrings } from './go-format.ts'
import { labelRequirement, type LabelOperator, type LabelRequirement } from './label-requirement.ts'
import { SelectorError } from './selector-error.ts'
import { qualifiedNameErrors } from './validation/names.ts'

/*
 * selector    = [ requirement { "," requirement } ]
 * requirement = [ "!" ] key | key ( "in" | "notin" ) "(" values ")" | key ( "=" | "==" | "!=" | ">" | "<" ) [ value ]
 * values      = [ value ] { "," [ value ] }
 */

const tokens = /[ \t\r\n]*(?:(==|!=|[=!(),<>])|([^ \t\r\n=!(),<>\0]+)|(\0|$))/y

interface Token {
  /** A symbol stands for itself, as do `in` and `notin`; `name` for every other word, `end` for the end. */
  readonly kind: string
  readonly text: string
}

const operators: Readonly<Record<string, LabelOperator>> = {
  in: 'in',
  notin: 'notin',
  '=': '=',
  '==': '==',
  '!=': '!=',
  '>': 'gt',
  '<': 'lt',
}

/** The requirements in the order written. Throws a SelectorError in upstream's words. */
export function parseLabelRequirements(text: string): LabelRequirement[] {
  return new Parser(scan(text)).selector()
}

function scan(text: string): Token[] {
  const scanned: Token[] = []
  tokens.lastIndex = 0
  for (;;) {
    const [, symbol, word] = tokens.exec(text)!
    if (symbol !== undefined) scanned.push({ kind: symbol, text: symbol })
    else if (word !== undefined)
      scanned.push({ kind: Object.hasOwn(operators, word) ? word : 'name', text: word })
    else break
  }
  return [...scanned, { kind: 'end', text: '' }]
}

class Parser {
  readonly #tokens: readonly Token[]
  #position = 0

  constructor(scanned: readonly Token[]) {
    this.#tokens = scanned
  }

  selector(): LabelRequirement[] {
    const requirements: LabelRequirement[] = []
    for (;;) {
      const token = this.#peek()
      if (token.kind === 'end') return requirements
      if (token.kind !== 'name' && token.kind !== '!') {
        throw unexpected(token, "!, identifier, or 'end of string'")
      }
      requirements.push(this.#requirement())
      const separator = this.#next()
      if (separator.kind === 'end') return requirements
      if (separator.kind !== ',') throw unexpected(separator, "',' or 'end of string'")
      const following = this.#peek()
      if (following.kind !== 'name' && following.kind !== '!')
        throw unexpected(following, "identifier after ','")
    }
  }

  #requirement(): LabelRequirement {
    try {
      return this.#bareRequirement()
    } catch (error) {
      if (!(error instanceof SelectorError)) throw error
      throw new SelectorError(`unable to parse requirement: ${error.message}`)
    }
  }

  #bareRequirement(): LabelRequirement {
    let token = this.#next()
    const negated = token.kind === '!'
    if (negated) token = this.#next()
    if (token.kind !== 'name') throw unexpected(token, 'identifier')
    const key = token.text
    const messages = qualifiedNameErrors(key)
    if (messages.length > 0) {
      throw new SelectorError(fieldErrorText(invalid(undefined, key, messages.join('; '))))
    }
    const following = this.#peek().kind
    if (negated) return labelRequirement(key, '!', [])
    if (following === 'end' || following === ',') return labelRequirement(key, 'exists', [])

    const operator = this.#operator()
    const values = operator === 'in' || operator === 'notin' ? this.#values() : [this.#value()]
    return labelRequirement(key, operator, values)
  }

  #operator(): LabelOperator {
    const token = this.#tokens[this.#position++]!
    const operator = token.kind === 'name' ? undefined : operators[token.kind]
    if (!operator) throw unexpected(token, 'in, notin, =, ==, !=, gt, lt')
    return operator
  }

  #value(): string {
    const { kind } = this.#peek()
    if (kind === 'end' || kind === ',') return ''
    const token = this.#next()
    if (token.kind !== 'name') throw unexpected(token, 'identifier')
    return token.text
  }

  #values(): string[] {
    const open = this.#next()
    if (open.kind !== '(') throw new SelectorError(`found '${open.text}' expected: '('`)
    const first = this.#peek()
    if (first.kind === ')') {
      this.#next()
      return ['']
    }
    if (first.kind !== 'name' && first.kind !== ',') throw unexpected(first, "',', ')' or identifier")
    const values = this.#list()
    this.#next()
    return [...values].sort(compareGoStrings)
  }

  /** Up to the closing parenthesis, which stays. What is missing between commas is an empty value. */
  #list(): Set<string> {
    const values = new Set<string>()
    for (;;) {
      const token = this.#next()
      const following = this.#peek()
      if (token.kind === 'name') {
        values.add(token.text)
        if (following.kind === ')') return values
        if (following.kind !== ',') throw unexpected(following, "',' or ')'")
      } else if (token.kind === ',') {
        if (values.size === 0 || following.kind === ',' || following.kind === ')') values.add('')
        if (following.kind === ')') return values
      } else {
        throw unexpected(token, "',', or identifier")
      }
    }
  }

  /** Outside the place of an operator, `in` and `notin` are names. */
  #peek(): Token {
    const token = this.#tokens[Math.min(this.#position, this.#tokens.length - 1)]!
    return token.kind === 'in' || token.kind === 'notin' ? { kind: 'name', text: token.text } : token
  }

  #next(): Token {
    const token = this.#peek()
    this.#position++
    return token
  }
}

function unexpected(token: Token, expected: string): SelectorError {
  return new SelectorError(`found '${token.text}', expected: ${expected}`)
}
