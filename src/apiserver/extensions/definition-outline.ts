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

/** Where the brace stands that closes the one at `start`. */
function endOfObject(value: Buffer, start: number): number {
  let depth = 0
  for (let at = start; at < value.length; at++) {
    switch (value[at]) {
      case openingBrace:
        depth++
        break
      case closingBrace:
        if (--depth === 0) return at
        break
      case quote:
        at = endOfString(value, at)
        break
      default:
    }
  }
  throw new Error('a definition in the store is cut short')
}

function endOfString(value: Buffer, start: number): number {
  let at = value.indexOf(quote, start + 1)
  while (isEscaped(value, at)) at = value.indexOf(quote, at + 1)
  return at
}

function isEscaped(value: Buffer, at: number): boolean {
  let backslashes = 0
  while (value[at - 1 - backslashes] === backslash) backslashes++
  return backslashes % 2 === 1
}
