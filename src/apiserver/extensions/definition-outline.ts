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
  for (let at = value.indexOf(marker); at >= 0; at = value.indexOf(marker, from)) {
    const start = at + marker.length - 1
    pieces.push(value.subarray(from, start + 1))
    from = endOfObject(value, start)
  }
  pieces.push(value.subarray(from))
  return JSON.parse(Buffer.concat(pieces).toString()) as CustomResourceDefinition
}
