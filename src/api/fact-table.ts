/**
 * The written form of the table of facts (generated/facts.ts): one paragraph per Go type or closed set of strings, one
 * line per field. Both the generator, which writes it, and the schemas, which are built from it, use this module.
 *
 * ```
 * core.v1.Pod kind                     a type; `kind`: it embeds TypeMeta
 * metadata 1 meta.v1.ObjectMeta o      JSON name, protobuf number, type, flags
 * ~ 2 VolumeSource                     an embedded struct: inline in JSON, a message in protobuf
 *
 * core.v1.Protocol = ["SCTP","TCP"]    a closed set of strings
 * ```
 */

export interface FactField {
  /** JSON name; `~` for an embedded struct. */
  readonly name: string
  /** Protobuf field number, 0 for types without a protobuf form. */
  readonly number: number
  readonly type: FactType
  /** Go `omitempty`. */
  readonly omitEmpty?: boolean
  /** Go `omitzero`. */
  readonly omitZero?: boolean
  /** Whether OpenAPI requires it, where that differs from "without omitempty". */
  readonly required?: boolean
  readonly listType?: 'atomic' | 'set' | 'map'
  readonly mapKeys?: readonly string[]
  readonly mapType?: 'granular' | 'atomic'
  /** Of this field only; a type may say it for all fields of the type. */
  readonly structType?: 'granular' | 'atomic'
  readonly patchStrategy?: string
  readonly patchMergeKey?: string
  /** JSON text. */
  readonly default?: string
  /** Go's name of the type, where the table's type does not say it: `types.UID`. */
  readonly goType?: string
}

export type FactType =
  | { readonly form: 'name'; readonly name: string }
  | { readonly form: 'pointer' | 'list' | 'map' | 'message'; readonly of: FactType }

export interface FactStruct {
  /** `core.v1.Pod`. */
  readonly name: string
  /** It embeds TypeMeta. */
  readonly kind?: boolean
  readonly structType?: 'granular' | 'atomic'
  /** At most one of its fields is set; the value names the field that says which, if there is one. */
  readonly union?: string
  readonly fields: readonly FactField[]
}

const prefixes = [
  ['*', 'pointer'],
  ['[]', 'list'],
  ['{}', 'map'],
  ['()', 'message'],
] as const

/** `*int32`, `[]Container`, `{}quantity`; `()[]string` is a list that protobuf wraps into a message of its own. */
function parseFactType(text: string): FactType {
  for (const [prefix, form] of prefixes) {
    if (text.startsWith(prefix)) return { form, of: parseFactType(text.slice(prefix.length)) }
  }
  return { form: 'name', name: text }
}

function formatFactType(type: FactType): string {
  if (type.form === 'name') return type.name
  const prefix = prefixes.find(([, form]) => form === type.form)
  return `${prefix?.[0] ?? ''}${formatFactType(type.of)}`
}

export function formatFactStruct(struct: FactStruct): string {
  const head = [
    struct.name,
    struct.kind && 'kind',
    struct.structType && `S:${struct.structType}`,
    struct.union !== undefined && `U:${struct.union}`,
  ]
  return [head.filter(Boolean).join(' '), ...struct.fields.map(formatFactField)].join('\n')
}

function formatFactField(field: FactField): string {
  const requiredByTag = !field.omitEmpty && !field.omitZero
  const required = field.required ?? requiredByTag
  const keys = field.mapKeys?.length ? `:${field.mapKeys.join(',')}` : ''
  return [
    field.name,
    String(field.number),
    formatFactType(field.type),
    field.omitEmpty && 'o',
    field.omitZero && 'z',
    required !== requiredByTag && (required ? '!' : '?'),
    field.listType && `L:${field.listType}${keys}`,
    field.mapType && `M:${field.mapType}`,
    field.structType && `S:${field.structType}`,
    field.patchStrategy && `P:${field.patchStrategy}`,
    field.patchMergeKey && `K:${field.patchMergeKey}`,
    field.default !== undefined && `D:${field.default}`,
    field.goType && `G:${field.goType}`,
  ]
    .filter((part) => typeof part === 'string' && part !== '')
    .join(' ')
}

/** Reads one paragraph that is a type. */
export function parseFactStruct(paragraph: string): FactStruct {
  const [head = '', ...lines] = paragraph.split('\n')
  const [name = '', ...flags] = head.split(' ')
  const structType = flags.find((flag) => flag.startsWith('S:'))?.slice(2)
  const union = flags.find((flag) => flag.startsWith('U:'))?.slice(2)
  return {
    name,
    ...(flags.includes('kind') && { kind: true }),
    ...(structType && { structType: structType as 'granular' | 'atomic' }),
    ...(union !== undefined && { union }),
    fields: lines.map(parseFactField),
  }
}

function parseFactField(line: string): FactField {
  const [name = '', number = '', type = '', ...flags] = line.split(' ')
  const omitEmpty = flags.includes('o')
  const omitZero = flags.includes('z')
  const required = flags.includes('!') || (!flags.includes('?') && !omitEmpty && !omitZero)
  const field: { -readonly [Key in keyof FactField]: FactField[Key] } = {
    name,
    number: Number(number),
    type: parseFactType(type),
    omitEmpty,
    omitZero,
    required,
  }
  for (const flag of flags) {
    if (flag[1] === ':') setAttribute(field, flag[0]!, flag.slice(2))
  }
  return field
}

function setAttribute(
  field: { -readonly [Key in keyof FactField]: FactField[Key] },
  letter: string,
  value: string,
): void {
  switch (letter) {
    case 'L': {
      const [listType = '', keys] = value.split(':')
      field.listType = listType as 'atomic' | 'set' | 'map'
      if (keys) field.mapKeys = keys.split(',')
      break
    }
    case 'M':
      field.mapType = value as 'granular' | 'atomic'
      break
    case 'S':
      field.structType = value as 'granular' | 'atomic'
      break
    case 'P':
      field.patchStrategy = value
      break
    case 'K':
      field.patchMergeKey = value
      break
    case 'D':
      field.default = value
      break
    case 'G':
      field.goType = value
      break
    default:
      throw new Error(`unknown attribute ${letter} of fact ${field.name}`)
  }
}
