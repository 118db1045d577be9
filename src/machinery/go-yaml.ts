import { yaml } from './yaml.ts'

/** As Go's YAML writer: keys in order, lists as far left as their key, no line breaks added, YAML 1.1's words quoted. */
export function toYaml(value: unknown): string {
  const { dump, intYaml11Tag, YAML11_SCHEMA } = yaml()
  const intTag = {
    ...intYaml11Tag,
    identify: (item: unknown) => typeof item === 'bigint' || (intYaml11Tag.identify?.(item) ?? false),
  }
  return dump(value, {
    schema: YAML11_SCHEMA.withTags(intTag),
    sortKeys: true,
    noRefs: true,
    lineWidth: -1,
    seqNoIndent: true,
  })
}
