import type { JsonValue } from '../machinery/meta.ts'
import type { Embedding, Field, ObjectSchema, Schema } from '../machinery/schema.ts'
import { structSchema } from './fact-schemas.ts'

/**
 * A schema made ready for decoding: one shape of object for all schemas and a small number for the kind, because the
 * decoder visits hundreds of them per object.
 */
export interface Plan {
  readonly kind: PlanKind
  readonly schema: Schema
  /** Of objects: all fields in the order in which Go serialises them. */
  readonly fields: readonly FieldPlan[]
  readonly byName: ReadonlyMap<string, FieldPlan>
  /** Of objects: fields that are there even when the input has none. */
  readonly always: readonly FieldPlan[]
  /** Of lists and maps. */
  readonly items: Plan | undefined
  /** Go's name of the type, in messages. */
  readonly goType: string
}

export interface FieldPlan {
  readonly name: string
  readonly index: number
  readonly plan: Plan
  /** Go name of the struct, for messages: `PodSpec`. */
  readonly owner: string
  /** Go names of the embedded structs that lead to the field, outermost first. */
  readonly embeddings: readonly string[]
  /** Its zero value is left out. */
  readonly dropsZero: boolean
  /** Of a custom resource: null is left out, as it neither is a value nor becomes the default. */
  readonly dropsNull: boolean
  /** What stands for an absent value of a field that is always there. */
  zero(): JsonValue
}

export const PlanKind = {
  string: 0,
  integer32: 1,
  integer64: 2,
  number: 3,
  boolean: 4,
  bytes: 5,
  quantity: 6,
  intOrString: 7,
  time: 8,
  microTime: 9,
  duration: 10,
  object: 11,
  list: 12,
  map: 13,
  any: 14,
  schemaUnion: 15,
  /** Of a custom resource: the value is kept, whatever it is, for validation by its schema to judge. */
  leniently: 16,
  lenientObject: 17,
  lenientList: 18,
  lenientMap: 19,
} as const
export type PlanKind = (typeof PlanKind)[keyof typeof PlanKind]

const noFields: readonly FieldPlan[] = []
const noNames: ReadonlyMap<string, FieldPlan> = new Map()

const plans = new WeakMap<Schema, Plan>()
const lenientPlans = new WeakMap<Schema, Plan>()

/**
 * The plan of a schema. `lenient` for what belongs to a custom resource: there a type mismatch is no error of
 * decoding. A named type is never lenient, so `metadata` is the same everywhere.
 */
export function planOf(
  schema: Schema,
  lenient = schema.type === 'object' && schema.name === undefined,
): Plan {
  const isLenient = lenient && !(schema.type === 'object' && schema.name !== undefined)
  const known = (isLenient ? lenientPlans : plans).get(schema)
  return known ?? new SchemaPlan(schema, isLenient)
}

class SchemaPlan implements Plan {
  readonly kind: PlanKind
  readonly schema: Schema
  readonly items: Plan | undefined
  readonly #lenient: boolean
  #fields: readonly FieldPlan[] = noFields
  #byName: ReadonlyMap<string, FieldPlan> = noNames
  #always: readonly FieldPlan[] = noFields
  #goType: string | undefined
  #pending: boolean

  constructor(schema: Schema, lenient: boolean, goType?: string) {
    this.schema = schema
    this.#lenient = lenient
    this.#goType = goType
    this.#pending = schema.type === 'object'
    this.kind = lenient ? lenientKindOf(schema) : kindOf(schema)
    if (goType === undefined) (lenient ? lenientPlans : plans).set(schema, this)
    this.items = this.#itemsOf(schema, goType)
  }

  get fields(): readonly FieldPlan[] {
    if (this.#pending) this.#build()
    return this.#fields
  }

  get byName(): ReadonlyMap<string, FieldPlan> {
    if (this.#pending) this.#build()
    return this.#byName
  }

  get always(): readonly FieldPlan[] {
    if (this.#pending) this.#build()
    return this.#always
  }

  get goType(): string {
    this.#goType ??= goTypeOf(this)
    return this.#goType
  }

  #itemsOf(schema: Schema, goType: string | undefined): Plan | undefined {
    if (schema.type !== 'list' && schema.type !== 'map') return undefined
    const items = schema.type === 'list' ? schema.items : schema.values
    const itemType = goType?.replace(/^(\[\]|map\[string\])/, '')
    if (itemType === undefined || itemType === goType) return planOf(items, this.#lenient)
    return new SchemaPlan(items, this.#lenient, itemType)
  }

  /** Fields are planned when the first object of the type is met: types are recursive. */
  #build(): void {
    this.#pending = false
    const schema = this.schema as ObjectSchema
    const owner = goTypeName(schema.name ?? '').replace(/^.*\./, '')
    const entries = Object.entries(withEmbeddedMeta(schema))
    this.#fields = entries.map(([name, field], index) => planField(name, field, index, owner, this.#lenient))
    this.#byName = new Map(this.#fields.map((field) => [field.name, field]))
    this.#always = this.#fields.filter((_, index) => entries[index]?.[1].alwaysSerialized)
  }
}

/** A whole object inside a custom resource has its type and metadata, whatever its schema says. */
function withEmbeddedMeta(schema: ObjectSchema): Readonly<Record<string, Field>> {
  if (!schema.embeddedResource) return schema.fields
  const kept: Field = { schema: { type: 'any' } }
  const metadata: Field = { schema: structSchema('meta.v1.ObjectMeta') }
  return { kind: kept, apiVersion: kept, ...schema.fields, metadata }
}

function planField(name: string, field: Field, index: number, owner: string, lenient: boolean): FieldPlan {
  const { schema } = field
  const plan = field.goType ? new SchemaPlan(schema, lenient, field.goType) : planOf(schema, lenient)
  return {
    name,
    index,
    plan,
    owner,
    embeddings: embeddingsOf(field.protobuf?.within),
    dropsZero: !lenient && !field.alwaysSerialized && !field.pointer && !field.keepsEmpty,
    dropsNull: lenient && !field.nullable && field.default === undefined,
    zero: zeroOf(field, plan),
  }
}

function embeddingsOf(within: Embedding | undefined): readonly string[] {
  return within ? [within.name, ...embeddingsOf(within.within)] : []
}

function zeroOf(field: Field, plan: Plan): () => JsonValue {
  if (field.pointer) return () => null
  switch (field.schema.type) {
    case 'string':
    case 'bytes':
      return () => ''
    case 'integer':
    case 'number':
    case 'intOrString':
      return () => 0
    case 'boolean':
      return () => false
    case 'quantity':
      return () => '0'
    case 'duration':
      return () => '0s'
    case 'object':
      return () => zeroObject(plan)
    case 'map':
      return () => ({})
    case 'list':
      return () => []
    default:
      return () => null
  }
}

/** What Go serialises for a struct that nobody has touched. */
export function zeroObject(plan: Plan): JsonValue {
  const object: Record<string, JsonValue> = {}
  for (const field of plan.always) object[field.name] = field.zero()
  return object
}

/** What Go makes of a null inside a list or map. */
export function zeroItem(plan: Plan): JsonValue {
  switch (plan.kind) {
    case PlanKind.string:
    case PlanKind.bytes:
      return ''
    case PlanKind.integer32:
    case PlanKind.integer64:
    case PlanKind.number:
    case PlanKind.intOrString:
      return 0
    case PlanKind.boolean:
      return false
    case PlanKind.quantity:
      return '0'
    case PlanKind.object:
      return zeroObject(plan)
    case PlanKind.list:
      return []
    case PlanKind.map:
      return {}
    default:
      return null
  }
}

function kindOf(schema: Schema): PlanKind {
  switch (schema.type) {
    case 'integer':
      return schema.format === 'int32' ? PlanKind.integer32 : PlanKind.integer64
    case 'any':
      return schema.schema ? PlanKind.schemaUnion : PlanKind.any
    default:
      return PlanKind[schema.type]
  }
}

function lenientKindOf(schema: Schema): PlanKind {
  switch (schema.type) {
    case 'object':
      return PlanKind.lenientObject
    case 'list':
      return PlanKind.lenientList
    case 'map':
      return PlanKind.lenientMap
    default:
      return PlanKind.leniently
  }
}

/** `v1.PodSpec` of `io.k8s.api.core.v1.PodSpec`. */
function goTypeName(openapi: string): string {
  return openapi.split('.').slice(-2).join('.')
}

function goTypeOf(plan: Plan): string {
  const { schema } = plan
  switch (schema.type) {
    case 'object':
      return goTypeName(schema.name ?? '')
    case 'list':
      return `[]${plan.items?.goType ?? ''}`
    case 'map':
      return `map[string]${plan.items?.goType ?? ''}`
    default:
      return (
        goScalarTypes[schema.type] ?? (schema.type === 'integer' ? (schema.format ?? 'int64') : schema.type)
      )
  }
}

const goScalarTypes: Readonly<Record<string, string>> = {
  number: 'float64',
  boolean: 'bool',
  bytes: '[]uint8',
  quantity: 'resource.Quantity',
  intOrString: 'intstr.IntOrString',
  time: 'v1.Time',
  microTime: 'v1.MicroTime',
  duration: 'v1.Duration',
  any: 'interface {}',
}
