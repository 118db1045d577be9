import type { Embedding, ObjectSchema, Schema } from '../../machinery/schema.ts'
import { type FieldPlan, type Plan, PlanKind, planOf } from '../decode-plan.ts'
import { WireType } from './wire.ts'

/** A type made ready for protobuf, beside its plan for JSON. */
export interface MessagePlan {
  readonly plan: Plan
  /** Highest number first: the writer goes backwards. */
  readonly descending: readonly MessagePart[]
  readonly byNumber: readonly (MessagePart | undefined)[]
}

export type MessagePart = MessageField | EmbeddedMessage

export interface MessageField {
  readonly number: number
  readonly field: FieldPlan
  /** Absence differs from the zero value, so absent fields are not written. */
  readonly pointer: boolean
  readonly wrapped: boolean
  readonly embedded?: undefined
}

/** The fields of an embedded Go struct: inline in JSON, a message here. */
export interface EmbeddedMessage {
  readonly number: number
  readonly embedded: MessagePlan
}

const plans = new WeakMap<Plan, MessagePlan>()

export function messagePlanOf(plan: Plan): MessagePlan {
  const known = plans.get(plan)
  if (known) return known
  const built = build(plan)
  plans.set(plan, built)
  return built
}

/** Whether upstream has a protobuf form of this kind; custom resources, tables and a few reviews have none. */
export function hasProtobuf(schema: ObjectSchema): boolean {
  let known = withProtobuf.get(schema)
  if (known === undefined) {
    const own = Object.entries(schema.fields).filter(([name]) => name !== 'kind' && name !== 'apiVersion')
    known = schema.name !== undefined && own.every(([, field]) => field.protobuf !== undefined)
    withProtobuf.set(schema, known)
  }
  return known
}

const withProtobuf = new WeakMap<ObjectSchema, boolean>()

function build(plan: Plan): MessagePlan {
  const schema = plan.schema as ObjectSchema
  const fields = plan.fields.flatMap((field): readonly DeclaredField[] => {
    const { protobuf, pointer = false } = schema.fields[field.name]!
    if (!protobuf) return []
    const part = { number: protobuf.number, field, pointer, wrapped: protobuf.wrapped ?? false }
    return [{ part, within: protobuf.within }]
  })
  return nest(plan, fields)
}

interface DeclaredField {
  readonly part: MessageField
  readonly within: Embedding | undefined
}

function nest(plan: Plan, fields: readonly DeclaredField[]): MessagePlan {
  const parts: MessagePart[] = fields.filter(({ within }) => !within).map(({ part }) => part)
  const embedded = Map.groupBy(fields, ({ within }) => within?.number)
  for (const [number, members] of embedded) {
    if (number === undefined) continue
    const inner = members.map(({ part, within }) => ({ part, within: within?.within }))
    parts.push({ number, embedded: nest(plan, inner) })
  }
  return messageOf(plan, parts)
}

function messageOf(plan: Plan, parts: readonly MessagePart[]): MessagePlan {
  const byNumber: (MessagePart | undefined)[] = []
  for (const part of parts) byNumber[part.number] = part
  return { plan, descending: parts.toSorted((left, right) => right.number - left.number), byNumber }
}

/** How one value of a plan is framed on the wire. */
export function wireTypeOf(plan: Plan): number {
  switch (plan.kind) {
    case PlanKind.integer32:
    case PlanKind.integer64:
    case PlanKind.boolean:
      return WireType.varint
    case PlanKind.number:
      return WireType.fixed64
    default:
      return WireType.bytes
  }
}

const unionSchemas = new WeakMap<Schema, Plan>()

/** The plan of the JSON schema in one of apiextensions' unions. */
export function unionPlanOf(schema: Schema): Plan {
  const known = unionSchemas.get(schema)
  if (known) return known
  if (schema.type !== 'any' || !schema.schema) throw new Error('not a union of a JSON schema')
  const plan = planOf(schema.schema)
  unionSchemas.set(schema, plan)
  return plan
}
