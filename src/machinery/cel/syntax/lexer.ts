/** Reads tokens as CEL's grammar defines them. Source: cel-go's parser/gen/CEL.g4. */
export interface Token {
  readonly kind: TokenKind
  readonly text: string
  readonly offset: number
}

export type TokenKind =
  | 'end'
  | 'identifier'
  | 'escapedIdentifier'
  | 'int'
  | 'uint'
  | 'double'
  | 'string'
  | 'bytes'
  /** An operator, a bracket, or one of `in`, `true`, `false`, `null`. */
  | 'symbol'

export interface LexerProblem {
  readonly offset: number
  readonly message: string
}

const blank = /[\t\n\f\r ]+|\/\/[^\n]*/y
const symbols = /==|!=|<=|>=|&&|\|\||[<>[\]{}(),.\-!?:+*/%]/y
const number =
  /0x[0-9a-fA-F]+[uU]?|(?:[0-9]+\.[0-9]+|\.[0-9]+)(?:[eE][+-]?[0-9]+)?|[0-9]+[eE][+-]?[0-9]+|[0-9]+[uU]?/y
const identifier = /[A-Za-z_][A-Za-z0-9_]*/y
const escapedIdentifier = /`[A-Za-z0-9_.\-/ ]+`/y
const keywords: ReadonlySet<string> = new Set(['in', 'true', 'false', 'null'])
const escape =
  String.raw`\\(?:[abfnrtv"'\\?` +
  '`' +
  String.raw`]|[xX][0-9a-fA-F]{2}|u[0-9a-fA-F]{4}|U[0-9a-fA-F]{8}|[0-3][0-7]{2})`
const strings = new RegExp(
  [
    String.raw`[bB]?[rR](?:"""[^]*?"""|'''[^]*?'''|"[^"\n\r]*"|'[^'\n\r]*')`,
    String.raw`[bB]?(?:"""(?:${escape}|[^\\])*?"""|'''(?:${escape}|[^\\])*?''')`,
    String.raw`[bB]?(?:"(?:${escape}|[^\\"\n\r])*"|'(?:${escape}|[^\\'\n\r])*')`,
  ].join('|'),
  'y',
)
/** What a string that fails had right. */
const stringStart = new RegExp(
  String.raw`[bB]?[rR]?(?:"(?:${escape}|[^\\"\n\r])*|'(?:${escape}|[^\\'\n\r])*)(?:\\(?:[xX][0-9a-fA-F]?|u[0-9a-fA-F]{0,3}|U[0-9a-fA-F]{0,7}|[0-3][0-7]?)?)?`,
  'y',
)

/** All tokens, the last one of kind `end`; what is no token is skipped and noted. */
export function tokenize(text: string): { tokens: Token[]; problems: LexerProblem[] } {
  const tokens: Token[] = []
  const problems: LexerProblem[] = []
  let offset = 0
  while (offset < text.length) {
    const space = match(blank, text, offset)
    if (space !== undefined) {
      offset += space.length
      continue
    }
    const token = readToken(text, offset)
    if (token) {
      tokens.push(token)
      offset += token.text.length
      continue
    }
    const length = failedLength(text, offset)
    problems.push({
      offset,
      message: `token recognition error at: '${printable(text.slice(offset, offset + length))}'`,
    })
    offset += length
  }
  tokens.push({ kind: 'end', text: '<EOF>', offset: text.length })
  return { tokens, problems }
}

function readToken(text: string, offset: number): Token | undefined {
  const string = match(strings, text, offset)
  if (string !== undefined)
    return { kind: /^[rR]?[bB]/.test(string) ? 'bytes' : 'string', text: string, offset }
  const word = match(identifier, text, offset)
  if (word !== undefined) return { kind: keywords.has(word) ? 'symbol' : 'identifier', text: word, offset }
  const digits = match(number, text, offset)
  if (digits !== undefined) return { kind: numberKind(digits), text: digits, offset }
  const escaped = match(escapedIdentifier, text, offset)
  if (escaped !== undefined) return { kind: 'escapedIdentifier', text: escaped, offset }
  const symbol = match(symbols, text, offset)
  return symbol === undefined ? undefined : { kind: 'symbol', text: symbol, offset }
}

function numberKind(digits: string): TokenKind {
  if (/u$/i.test(digits)) return 'uint'
  return !digits.startsWith('0x') && /[.eE]/.test(digits) ? 'double' : 'int'
}

/** Up to and with the character that no token goes on with. */
function failedLength(text: string, offset: number): number {
  const start = match(stringStart, text, offset)
  const right = start ?? (/[=&|]/.test(text[offset]!) ? text[offset]! : '')
  const wrong = text.codePointAt(offset + right.length)
  return right.length + (wrong === undefined ? 0 : String.fromCodePoint(wrong).length)
}

function printable(text: string): string {
  return text.replaceAll('\n', '\\n').replaceAll('\r', '\\r').replaceAll('\t', '\\t')
}

function match(pattern: RegExp, text: string, offset: number): string | undefined {
  pattern.lastIndex = offset
  return pattern.exec(text)?.[0]
}
