/**
 * Integers of 64 bits that a number would change: in objects without a Go type upstream keeps them to the last digit,
 * and so do we, as bigints. Where this module is loaded JSON.stringify writes a bigint as the integer that it is.
 */

/** Digits enough for an integer beyond 2^53, where a value may stand. */
const longNumber = /(?:^|[:,[\s])-?\d{16}/

/** As JSON.parse, but integers of 64 bits beyond 2^53 come as bigints. Throws a SyntaxError. */
export function parseWithLongIntegers(text: string): unknown {
  if (!longNumber.test(text)) return JSON.parse(text)
  const parse = JSON.parse as (text: string, reviver: SourceReviver) => unknown
  return parse(text, (_key, value, { source = '' }) =>
    typeof value === 'number' && /^-?\d+$/.test(source) ? integerOf(source) : value,
  )
}

/** `source`: the text of a value that is none of objects and lists. Source: ECMAScript, JSON.parse. */
type SourceReviver = (key: string, value: unknown, context: { readonly source?: string }) => unknown

/** What an integer's digits say: a bigint where a number would lose some, and a number again beyond 64 bits, as in Go. */
export function integerOf(digits: string): number | bigint {
  const value = Number(digits)
  if (Number.isSafeInteger(value)) return value
  const exact = BigInt(digits)
  return BigInt.asIntN(64, exact) === exact ? exact : value
}

declare global {
  interface JSON {
    /** Text that JSON.stringify writes as it is. Source: ECMAScript; in no library of types yet. */
    rawJSON(text: string): unknown
  }
}

// JSON.stringify knows no other way, and without one it throws.
// oxlint-disable-next-line no-extend-native
Object.defineProperty(BigInt.prototype, 'toJSON', {
  configurable: true,
  writable: true,
  value(this: bigint) {
    return JSON.rawJSON(this.toString())
  },
})
