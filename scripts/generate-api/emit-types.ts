import type { FactField, FactStruct, FactType } from '../../src/api/fact-table.ts'
import { header } from './header.ts'
import type { Facts } from './read-facts.ts'

/** Types that machinery/meta.ts declares by hand; the generated ones import them from there. */
const declaredInMachinery = new Set([
  'OwnerReference',
  'ManagedFieldsEntry',
  'ObjectMeta',
  'ListMeta',
  'LabelSelectorRequirement',
  'LabelSelector',
  'FieldSelectorRequirement',
  'Condition',
  'GroupVersionKind',
  'Preconditions',
  'DeleteOptions',
  'WatchEvent',
  'StatusCause',
  'StatusDetails',
  'Status',
])

/** Words of the table whose TypeScript type stands in machinery/meta.ts, and the others. */
const words: Readonly<Record<string, { readonly type: string; readonly fromMeta?: boolean }>> = {
  string: { type: 'string' },
  bool: { type: 'boolean' },
  int32: { type: 'number' },
  int64: { type: 'number' },
  double: { type: 'number' },
  duration: { type: 'string' },
  bytes: { type: 'Bytes', fromMeta: true },
  time: { type: 'Time', fromMeta: true },
  microTime: { type: 'MicroTime', fromMeta: true },
  quantity: { type: 'Quantity', fromMeta: true },
  intOrString: { type: 'IntOrString', fromMeta: true },
  raw: { type: 'RawExtension', fromMeta: true },
  fieldsV1: { type: 'FieldsV1', fromMeta: true },
  json: { type: 'JsonValue', fromMeta: true },
  any: { type: 'JsonValue', fromMeta: true },
}
const schemaUnions: Readonly<Record<string, string>> = {
  schemaOrArray: 'JSONSchemaProps | readonly JSONSchemaProps[]',
  schemaOrBool: 'JSONSchemaProps | boolean',
  schemaOrStringArray: 'JSONSchemaProps | readonly string[]',
}

/** The TypeScript source of one generated file, for example of `core.v1`. */
export function emitTypes(short: string, facts: Facts): string {
  const structs = facts.structs.filter((struct) => ownerOf(struct.name) === short)
  const enums = [...facts.enums].filter(([name]) => ownerOf(name) === short)
  const file = new TypesFile(short)
  const unions = enums.map(([name, values]) => unionOf(localName(name), values))
  const interfaces = structs
    .filter((struct) => short !== 'meta.v1' || !declaredInMachinery.has(localName(struct.name)))
    .map((struct) => file.interfaceOf(struct))
  return `${[header, file.imports(), ...unions, ...interfaces].filter(Boolean).join('\n\n')}\n`
}

function unionOf(name: string, values: readonly string[]): string {
  const literals = values.map((value) => `'${value}'`)
  const line = `export type ${name} = ${literals.join(' | ')}`
  return line.length <= 110 ? line : `export type ${name} =\n  | ${literals.join('\n  | ')}`
}

class TypesFile {
  readonly #short: string
  readonly #imported = new Map<string, Set<string>>()

  constructor(short: string) {
    this.#short = short
  }

  interfaceOf(struct: FactStruct): string {
    const name = localName(struct.name)
    const bases = struct.fields.filter((field) => field.name === '~').map((field) => this.#typeOf(field.type))
    if (struct.kind) bases.unshift(this.#import('TypeMeta', '../../machinery/meta.ts'))
    const extend = bases.length ? ` extends ${bases.join(', ')}` : ''
    const fields = struct.fields.filter((field) => field.name !== '~')
    if (fields.length === 0) {
      return bases.length
        ? `export interface ${name}${extend} {}`
        : `export type ${name} = Readonly<Record<string, never>>`
    }
    const lines = fields.map((field) => `  ${this.#fieldOf(field)}`)
    return `export interface ${name}${extend} {\n${lines.join('\n')}\n}`
  }

  #fieldOf(field: FactField): string {
    const name = /^[A-Za-z_$][\w$]*$/.test(field.name) ? field.name : `'${field.name}'`
    const optional = field.required ? '' : '?'
    return `readonly ${name}${optional}: ${this.#typeOf(field.type)}${mayBeNull(field) ? ' | null' : ''}`
  }

  #typeOf(type: FactType): string {
    switch (type.form) {
      case 'pointer':
      case 'message':
        return this.#typeOf(type.of)
      case 'list': {
        const items = this.#typeOf(type.of)
        return `readonly ${items.includes(' ') ? `(${items})` : items}[]`
      }
      case 'map':
        return `Readonly<Record<string, ${this.#typeOf(type.of)}>>`
      case 'name':
        return this.#nameOf(type.name)
    }
  }

  #nameOf(name: string): string {
    const word = words[name]
    if (word) return word.fromMeta ? this.#import(word.type, '../../machinery/meta.ts') : word.type
    if (schemaUnions[name]) return schemaUnions[name]
    const owner = ownerOf(name) || this.#short
    const local = localName(name)
    if (owner === 'meta.v1' && declaredInMachinery.has(local)) {
      return this.#import(local, '../../machinery/meta.ts')
    }
    return owner === this.#short ? local : this.#import(local, `./${owner}.ts`)
  }

  #import(name: string, module: string): string {
    const names = this.#imported.get(module) ?? new Set()
    this.#imported.set(module, names.add(name))
    return name
  }

  imports(): string {
    return [...this.#imported]
      .sort(([left], [right]) => (left < right ? -1 : 1))
      .map(([module, names]) => importLine([...names].sort(), module))
      .join('\n')
  }
}

function importLine(names: readonly string[], module: string): string {
  const line = `import type { ${names.join(', ')} } from '${module}'`
  return line.length <= 110 ? line : `import type {\n  ${names.join(',\n  ')},\n} from '${module}'`
}

/** A time that is no pointer is serialised as null when it is zero, unless it has `omitzero`. */
function mayBeNull(field: FactField): boolean {
  const { type, omitZero, required } = field
  const isTime = type.form === 'name' && (type.name === 'time' || type.name === 'microTime')
  return isTime && !omitZero && !required
}

function ownerOf(name: string): string {
  return name.slice(0, Math.max(0, name.lastIndexOf('.')))
}

function localName(name: string): string {
  return name.slice(name.lastIndexOf('.') + 1)
}
