import { readFileSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import type { FactField, FactStruct, FactType } from '../../src/api/fact-table.ts'
import { type GoField, type GoPackage, type GoType, readGoFile } from './go-types.ts'
import { packages, type SourcePackage } from './packages.ts'
import { type ProtoMessages, readProto } from './proto-messages.ts'

/** A Kubernetes resource that a `+genclient` marker names. */
export interface ResourceFact {
  readonly source: SourcePackage
  readonly kind: string
  readonly namespaced: boolean
  /** `+resourceName`, where the plural is not that of the kind. */
  readonly resource?: string
}

export interface Facts {
  readonly structs: readonly FactStruct[]
  /** Closed sets of strings by name: `core.v1.Protocol`. */
  readonly enums: ReadonlyMap<string, readonly string[]>
  readonly resources: readonly ResourceFact[]
}

/** Go types that the table knows by a word of its own, because their JSON or protobuf form is special. */
const special: Readonly<Record<string, string>> = {
  'k8s.io/apimachinery/pkg/apis/meta/v1.Time': 'time',
  'k8s.io/apimachinery/pkg/apis/meta/v1.MicroTime': 'microTime',
  'k8s.io/apimachinery/pkg/apis/meta/v1.Duration': 'duration',
  'k8s.io/apimachinery/pkg/apis/meta/v1.FieldsV1': 'fieldsV1',
  'k8s.io/apimachinery/pkg/api/resource.Quantity': 'quantity',
  'k8s.io/apimachinery/pkg/util/intstr.IntOrString': 'intOrString',
  'k8s.io/apimachinery/pkg/runtime.RawExtension': 'raw',
  'k8s.io/apimachinery/pkg/runtime.Object': 'raw',
  'k8s.io/apimachinery/pkg/types.UID': 'string',
  'k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1.JSON': 'json',
  'k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1.JSONSchemaPropsOrArray': 'schemaOrArray',
  'k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1.JSONSchemaPropsOrBool': 'schemaOrBool',
  'k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1.JSONSchemaPropsOrStringArray':
    'schemaOrStringArray',
  'interface{}': 'any',
}
const scalars = new Map([
  ['string', 'string'],
  ['bool', 'bool'],
  ['int32', 'int32'],
  ['int64', 'int64'],
  ['float64', 'double'],
])
/** Types of the meta package that no request or response carries. */
const internal = new Set(['TypeMeta', 'Timestamp', 'Patch', 'InternalEvent'])

/** Reads the facts of all packages below `root`, a GOPATH's `src` folder. */
export function readFacts(root: string): Facts {
  const read = new Map(packages.map((source) => [source.path, readPackage(join(root, source.path))]))
  const structs: FactStruct[] = []
  const enums = new Map<string, readonly string[]>()
  const resources: ResourceFact[] = []
  for (const source of packages) {
    const { go, proto } = read.get(source.path)!
    const resolver = new Resolver(source, read)
    for (const type of [...go.types.values()].sort((a, b) => (a.name < b.name ? -1 : 1))) {
      if (type.definition.form === 'struct' && isWanted(source, type)) {
        structs.push(structOf(type, source, resolver, proto))
        const resource = resourceOf(type, source)
        if (resource) resources.push(resource)
      }
    }
    for (const [name, values] of resolver.usedEnums) enums.set(name, values)
  }
  return { structs, enums, resources }
}

function isWanted(source: SourcePackage, type: GoType): boolean {
  const isLeftOut = source.typesFrom !== undefined && !type.name.startsWith(source.typesFrom)
  return !isLeftOut && !isSpecial(source, type) && !internal.has(type.name)
}

function isSpecial(source: SourcePackage, type: GoType): boolean {
  return `${source.path}.${type.name}` in special
}

interface ReadPackage {
  readonly go: GoPackage
  readonly proto: ProtoMessages
}

function readPackage(folder: string): ReadPackage {
  const go: GoPackage = { types: new Map(), constants: new Map() }
  let proto: ProtoMessages = new Map()
  for (const file of readdirSync(folder)) {
    if (/^(types\w*|watch|group_version)\.go$/.test(file) && !/(_test|swagger\w*)\.go$/.test(file)) {
      readGoFile(readFileSync(join(folder, file), 'utf8'), go)
    }
    if (file === 'generated.proto') proto = readProto(readFileSync(join(folder, file), 'utf8'))
  }
  return { go, proto }
}

/** Turns Go type expressions into types of the table. */
class Resolver {
  readonly usedEnums = new Map<string, readonly string[]>()
  readonly source: SourcePackage
  readonly read: ReadonlyMap<string, ReadPackage>

  constructor(source: SourcePackage, read: ReadonlyMap<string, ReadPackage>) {
    this.source = source
    this.read = read
  }

  resolve(expression: string, path: string, imports: ReadonlyMap<string, string>): FactType {
    if (expression.startsWith('*')) return this.#wrap('pointer', expression.slice(1), path, imports)
    if (expression === '[]byte') return { form: 'name', name: 'bytes' }
    if (expression.startsWith('[]')) return this.#wrap('list', expression.slice(2), path, imports)
    const map = /^map\[[\w.]+\](.*)$/.exec(expression)
    if (map) return this.#wrap('map', map[1]!, path, imports)
    const scalar = scalars.get(expression) ?? special[expression]
    if (scalar) return { form: 'name', name: scalar }
    const [qualifier, local] = expression.includes('.') ? expression.split('.') : ['', expression]
    const from = qualifier ? imports.get(qualifier) : path
    if (!from || !local) throw new Error(`cannot resolve ${expression} in ${path}`)
    return this.#resolveNamed(from, local)
  }

  #wrap(form: 'pointer' | 'list' | 'map', of: string, path: string, imports: ReadonlyMap<string, string>) {
    return { form, of: this.resolve(of, path, imports) }
  }

  #resolveNamed(path: string, name: string): FactType {
    const word = special[`${path}.${name}`]
    if (word) return { form: 'name', name: word }
    const type = this.read.get(path)?.go.types.get(name)
    const source = packages.find((candidate) => candidate.path === path)
    if (!type || !source) throw new Error(`unknown Go type ${path}.${name}`)
    const { definition } = type
    if (definition.form === 'struct') return { form: 'name', name: this.#nameIn(source, name) }
    if (definition.expression === 'string' && type.markers.includes('+enum')) {
      return this.#enumOf(source, name)
    }
    const underlying = this.resolve(definition.expression, path, type.imports)
    // A message of this name exists where protobuf cannot say the type in place.
    const isMessage = this.read.get(path)!.proto.has(name)
    return isMessage ? { form: 'message', of: underlying } : underlying
  }

  #enumOf(source: SourcePackage, name: string): FactType {
    const { constants, types } = this.read.get(source.path)!.go
    const imports = types.get(name)!.imports
    const values = [...constants.values()]
      .filter((constant) => constant.type === name)
      .map((constant) => (constant.isReference ? this.#constant(constant.value, imports) : constant.value))
    if (values.length === 0) throw new Error(`no values of ${source.short}.${name}`)
    const fullName = `${source.short}.${name}`
    this.usedEnums.set(fullName, [...new Set(values)].sort())
    return { form: 'name', name: this.#nameIn(source, name) }
  }

  /** Go's name of the type, if it is, or holds, a named type that the table does not name. */
  goTypeOf(expression: string, path: string, imports: ReadonlyMap<string, string>): string | undefined {
    const pointee = expression.replace(/^\*/, '')
    const named = /^(?:\[\]|map\[[\w.]+\])*\*?([\w.]+)$/.exec(pointee)?.[1]
    if (!named || scalars.has(named) || named === 'byte') return undefined
    const [qualifier, local] = named.includes('.') ? named.split('.') : ['', named]
    const from = (qualifier ? imports.get(qualifier) : path) ?? ''
    const type = this.read.get(from)?.go.types.get(local!)
    const isPlain = type?.definition.form === 'struct' || type?.markers.includes('+enum')
    if (isPlain || (`${from}.${local}` in special && local !== 'UID')) return undefined
    const name = `${from.slice(from.lastIndexOf('/') + 1)}.${local}`
    const map = pointee.replace(/^map\[[\w.]+\]/, 'map[string]')
    return map.slice(0, map.length - named.length) + name
  }

  #constant(reference: string, imports: ReadonlyMap<string, string>): string {
    const [qualifier = '', name = ''] = reference.split('.')
    const constant = this.read.get(imports.get(qualifier) ?? '')?.go.constants.get(name)
    if (!constant) throw new Error(`unknown constant ${reference}`)
    return constant.value
  }

  #nameIn(source: SourcePackage, name: string): string {
    return source === this.source ? name : `${source.short}.${name}`
  }
}

function structOf(type: GoType, source: SourcePackage, resolver: Resolver, proto: ProtoMessages): FactStruct {
  if (type.definition.form !== 'struct') throw new Error(`${type.name} is not a struct`)
  const messages = proto.get(type.name)
  const fields: FactField[] = []
  let kind = false
  for (const field of type.definition.fields) {
    if (field.embedded && field.name === 'TypeMeta') kind = true
    else if (field.tag.get('json') !== '-') fields.push(...fieldsOf(field, type, source, resolver, messages))
  }
  const structType = valueOf(type.markers, 'structType') ?? valueOf(type.markers, 'mapType')
  return {
    name: `${source.short}.${type.name}`,
    ...(kind && { kind }),
    ...(structType && { structType: structType as 'atomic' | 'granular' }),
    ...(has(type.markers, 'union') && { union: discriminatorOf(type.definition.fields) }),
    fields,
  }
}

function discriminatorOf(fields: readonly GoField[]): string {
  const discriminator = fields.find(({ markers }) => has(markers, 'unionDiscriminator'))
  return discriminator?.tag.get('json')?.split(',')[0] ?? ''
}

function fieldsOf(
  field: GoField,
  type: GoType,
  source: SourcePackage,
  resolver: Resolver,
  messages: ReadonlyMap<string, { readonly number: number }> | undefined,
): FactField[] {
  const [jsonName = '', ...options] = (field.tag.get('json') ?? '').split(',')
  const inline = options.includes('inline') || jsonName === ''
  const number = protobufNumber(field, messages)
  const resolved = resolver.resolve(field.type, source.path, type.imports)
  if (inline) return [{ name: '~', number, type: resolved }]
  const { markers } = field
  const omitEmpty = options.includes('omitempty')
  const omitZero = options.includes('omitzero')
  const required = has(markers, 'required') || (!has(markers, 'optional') && !omitEmpty && !omitZero)
  const listType = valueOf(markers, 'listType')
  const mapType = valueOf(markers, 'mapType')
  const structType = valueOf(markers, 'structType')
  const mapKeys = markers.filter((marker) => marker.startsWith('+listMapKey=')).map(afterEquals)
  const patchStrategy = field.tag.get('patchStrategy')
  const patchMergeKey = field.tag.get('patchMergeKey')
  const value = defaultOf(markers, source, resolver)
  const goType = resolver.goTypeOf(field.type, source.path, type.imports)
  const fact: FactField = {
    name: jsonName,
    number,
    type: resolved,
    omitEmpty,
    omitZero,
    required,
    ...(listType && { listType: listType as 'atomic' | 'set' | 'map' }),
    ...(mapKeys.length > 0 && { mapKeys }),
    ...(mapType && { mapType: mapType as 'atomic' | 'granular' }),
    ...(structType && { structType: structType as 'atomic' | 'granular' }),
    ...(patchStrategy && { patchStrategy }),
    ...(patchMergeKey && { patchMergeKey }),
    ...(value !== undefined && { default: value }),
    ...(goType && { goType }),
  }
  return [fact]
}

/** The number in the field's tag; 0 where the type has no message. They must agree. */
function protobufNumber(
  field: GoField,
  messages: ReadonlyMap<string, { readonly number: number }> | undefined,
): number {
  const inTag = /^\w+,(\d+)/.exec(field.tag.get('protobuf') ?? '')?.[1]
  if (!messages || !inTag) return 0
  const number = Number(inTag)
  if (![...messages.values()].some((message) => message.number === number)) {
    throw new Error(`generated.proto does not know ${field.name} = ${number}`)
  }
  return number
}

function defaultOf(
  markers: readonly string[],
  source: SourcePackage,
  resolver: Resolver,
): string | undefined {
  const value = valueOf(markers, 'default')
  const reference = value && /^ref\((?:.*\.)?(\w+)\)$/.exec(value)?.[1]
  if (!reference) return value
  const constant = resolver.read.get(source.path)?.go.constants.get(reference)
  if (!constant) throw new Error(`unknown constant ${reference} in ${source.path}`)
  return JSON.stringify(constant.value)
}

function resourceOf(type: GoType, source: SourcePackage): ResourceFact | undefined {
  if (!has(type.markers, 'genclient') || has(type.markers, 'genclient:noVerbs')) return undefined
  const resource = valueOf(type.markers, 'resourceName')
  return {
    source,
    kind: type.name,
    namespaced: !has(type.markers, 'genclient:nonNamespaced'),
    ...(resource && { resource }),
  }
}

function has(markers: readonly string[], name: string): boolean {
  return markers.includes(`+${name}`)
}

function valueOf(markers: readonly string[], name: string): string | undefined {
  const marker = markers.find((candidate) => candidate.startsWith(`+${name}=`))
  return marker && afterEquals(marker)
}

function afterEquals(marker: string): string {
  return marker.slice(marker.indexOf('=') + 1)
}
