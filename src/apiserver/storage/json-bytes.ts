const quote = 0x22
const backslash = 0x5c
const openingBrace = 0x7b
const closingBrace = 0x7d

/**
 * Where the brace stands that closes the one at `start`, in bytes that are JSON. A plain loop: it goes over megabytes when a server starts, and
 * calls into native code would cost more than they save on strings so short.
 */
export function endOfObject(value: Uint8Array, start: number): number {
  const { length } = value
  let depth = 0
  for (let at = start; at < length; at++) {
    const byte = value[at]
    if (byte === quote) {
      at++
      for (let next = value[at]; next !== quote && at < length; next = value[++at]) {
        if (next === backslash) at++
      }
    } else if (byte === openingBrace) {
      depth++
    } else if (byte === closingBrace && --depth === 0) {
      return at
    }
  }
  throw new Error('an object in the store is cut short')
}
