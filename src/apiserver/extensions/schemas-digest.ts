import { createHash } from 'node:crypto'
import { customResourceDefinitionDefinition } from '../../api/apiextensions/custom-resource-definition.ts'
import { bulkIn } from '../storage/bulk.ts'

/** Tells a definition's schemas from others, without reading them. */
export function schemasDigest(value: Buffer): string {
  const hash = createHash('sha256')
  for (const { start, end } of bulkIn(value, customResourceDefinitionDefinition.bulkyField!)) {
    hash.update(value.subarray(start - 1, end + 1))
  }
  return hash.digest('base64')
}
