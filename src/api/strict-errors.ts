import { compareGoStrings, goQuote } from '../machinery/go-format.ts'
import type { ObjectSchema } from '../machinery/schema.ts'

/**
 * What there is to say of fields that a schema does not know, and of others that stand twice, in upstream's order: for
 * custom resources, those that stand twice first, then unknown ones of the metadata, then all others, sorted.
 */
export function strictErrorsOf(
  schema: ObjectSchema,
  unknown: readonly string[],
  duplicates: readonly string[],
): readonly string[] {
  if (!schema.isCustomResource) return [...unknownFields(unknown), ...duplicates]
  return [...duplicates, ...unknownFields(unknownInOrder(schema, unknown))]
}

/** The paths of unknown fields, in upstream's order. */
export function unknownInOrder(schema: ObjectSchema, unknown: readonly string[]): readonly string[] {
  if (!schema.isCustomResource) return unknown
  const sorted = unknown.toSorted(compareGoStrings)
  const isOfMetadata = (path: string) => path.startsWith('metadata.')
  return [...sorted.filter(isOfMetadata), ...sorted.filter((path) => !isOfMetadata(path))]
}

function unknownFields(paths: readonly string[]): readonly string[] {
  return paths.map((path) => `unknown field ${goQuote(path)}`)
}
