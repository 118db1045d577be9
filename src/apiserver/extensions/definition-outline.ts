import { createHash } from 'node:crypto'
import { endOfObject } from '../storage/json-bytes.ts'
import type { CustomResourceDefinition } from '../../api/generated/apiextensions.v1.ts'

const marker = Buffer.from('"openAPIV3Schema":{')

/**
 * A CustomResourceDefinition without its schemas, made of its bytes: schemas are nearly all of it, and most are never
 * looked at. In their place stand empty ones.
 */
export function definitionOutline(value: Buffer): CustomResourceDefinition {
  const pieces: Buffer[] = []
  let from = 0
  for (const { start, end } of schemasIn(value)) {
    pieces.push(value.subarray(from, start + 1))
    from = end
  }
  pieces.push(value.subarray(from))
  return JSON.parse(Buffer.concat(pieces).toString()) as CustomResourceDefinition
}

/** Tells a definition's schemas from others, without reading them. */
export function schemasDigest(value: Buffer): string {
  const hash = createHash('sha256')
  for (const { start, end } of schemasIn(value)) hash.update(value.subarray(start, end + 1))
  return hash.digest('base64')
}

/** Where the braces of the schemas stand. */
function* schemasIn(value: Buffer): Generator<{ readonly start: number; readonly end: number }> {
  let end = 0
  for (let at = value.indexOf(marker); at >= 0; at = value.indexOf(marker, end)) {
    const start = at + marker.length - 1
    end = endOfObject(value, start)
    yield { start, end }
  }
}
