import type { CustomResourceDefinition } from '../../api/generated/apiextensions.v1.ts'

const marker = Buffer.from('"openAPIV3Schema":{')
const quote = 0x22
const backslash = 0x5c
const openingBrace = 0x7b
const closingBrace = 0x7d

/**
 * A CustomResourceDefinition without its schemas, made of its bytes: schemas are nearly all of it, and most are never
 * looked at. In their place stand empty ones.
 */
export function definitionOutline(value: Buffer): CustomResourceDefinition {
  const pieces: Buffer[] = []
  let from = 0
  for (let at = value.indexOf(marker); at >= 0; at = value.indexOf(marker, from)) {
    const start = at + marker.length - 1
    pieces.push(value.subarray(from, start + 1))
    from = endOfObject(value, start)
  }
  pieces.push(value.subarray(from))
  return JSON.parse(Buffer.concat(pieces).toString()) as CustomResourceDefinition
}

/**
 * Where the brace stands that closes the one at `start`. A plain loop: it goes over megabytes when a server starts, and
 * calls into native code would cost more than they save on strings so short.
 */
function endOfObject(value: Uint8Array, start: number): number {
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
  throw new Error('a definition in the store is cut short')
}
