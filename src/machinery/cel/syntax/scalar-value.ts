import { CelUint } from '../values/uint.ts'
import type { CelValue } from '../values/value.ts'
import type { Token } from './lexer.ts'
import { bytesLiteral, LiteralError, stringLiteral } from './literal-text.ts'
import type { TokenReader } from './token-reader.ts'

/** What a token of kind `int`, `uint`, `double`, `string` or `bytes` says; problems are noted at `start`, a sign before it. */
export function scalarValue(reader: TokenReader, start: Token, token: Token, sign: '' | '-'): CelValue {
  switch (token.kind) {
    case 'int': {
      const value = BigInt(token.text)
      const signed = sign === '-' ? -value : value
      if (BigInt.asIntN(64, signed) !== signed) reader.report(start.offset, 'invalid int literal')
      return signed
    }
    case 'uint': {
      const value = BigInt(token.text.slice(0, -1))
      if (value >= 2n ** 64n) reader.report(start.offset, 'invalid uint literal')
      return new CelUint(value)
    }
    case 'double': {
      const value = Number(sign + token.text)
      if (!Number.isFinite(value)) reader.report(start.offset, 'invalid double literal')
      return value
    }
    default:
      return quoted(reader, token)
  }
}

function quoted(reader: TokenReader, token: Token): CelValue {
  try {
    return token.kind === 'bytes' ? bytesLiteral(token.text) : stringLiteral(token.text)
  } catch (error) {
    if (!(error instanceof LiteralError)) throw error
    reader.report(token.offset, error.message)
    return token.text
  }
}
