import { letterEscapes } from '../../go-format.ts'

/** The text or bytes between a literal's quotes is wrong; worded as cel-go. */
export class LiteralError extends Error {}

const escapes = /\\(?:([xX])([0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|([0-3][0-7]{2})|([^]))/g

/** The text of a string token. Throws a LiteralError. */
export function stringLiteral(token: string): string {
  const { content, raw } = unquote(token)
  if (raw) return content
  return content.replace(
    escapes,
    (_, _x, hex: string, short: string, long: string, octal: string, other: string) => {
      if (other !== undefined) return letterEscapes[other] ?? other
      const code = octal === undefined ? Number.parseInt(hex ?? short ?? long, 16) : Number.parseInt(octal, 8)
      if (code > 0x10ffff || (code >= 0xd800 && code <= 0xdfff)) {
        throw new LiteralError('invalid unicode code point')
      }
      return String.fromCodePoint(code)
    },
  )
}

/** The bytes of a bytes token: text as UTF-8, escapes as bytes. Throws a LiteralError. */
export function bytesLiteral(token: string): Uint8Array {
  const { content, raw } = unquote(token.replace(/^([rR]?)[bB]/, '$1'))
  if (raw) return new Uint8Array(Buffer.from(content))
  const bytes: number[] = []
  let end = 0
  for (const match of content.matchAll(escapes)) {
    bytes.push(...Buffer.from(content.slice(end, match.index)))
    end = match.index + match[0].length
    const [, , hex, short, long, octal, other] = match
    if (short !== undefined || long !== undefined) throw new LiteralError('unable to unescape string')
    if (other !== undefined) bytes.push(...Buffer.from(letterEscapes[other] ?? other))
    else bytes.push(hex === undefined ? Number.parseInt(octal!, 8) : Number.parseInt(hex, 16))
  }
  bytes.push(...Buffer.from(content.slice(end)))
  return Uint8Array.from(bytes)
}

function unquote(token: string): { content: string; raw: boolean } {
  const raw = /^[rR]/.test(token)
  const quoted = (raw ? token.slice(1) : token).replace(/\r\n?/g, '\n')
  const quotes = /^("""|''')/.test(quoted) && quoted.length >= 6 ? 3 : 1
  return { content: quoted.slice(quotes, -quotes), raw }
}
