import { goQuote } from '../go-format.ts'
import type { Schema } from '../schema.ts'
import { PatchError } from './patch-error.ts'

/** How strategic merge patch treats one field: what is below it, and the strategies of its struct tag. */
export interface PatchRule {
  /** Of the field's value, or of the items when that is a list. */
  readonly schema: Schema
  /** `merge` or `replace`, or `''` for the default: merge objects, replace lists. */
  readonly strategy: string
  readonly retainKeys: boolean
  /** `''` where the field has none. */
  readonly mergeKey: string
}

/** The rule for a field that holds an object. Throws a PatchError where the type has no such field. */
export function ruleForObject(schema: Schema, field: string): PatchRule {
  if (schema.type === 'any') return { schema, strategy: '', retainKeys: false, mergeKey: '' }
  if (schema.type !== 'object') {
    const kind = schema.type === 'list' ? 'slice' : schema.type
    throw PatchError.unexpected(`merging an object in json but data type is not struct, instead is: ${kind}`)
  }
  const found = Object.hasOwn(schema.fields, field) ? schema.fields[field] : undefined
  if (!found) {
    const struct = schema.name?.split('.').at(-1) ?? ''
    throw PatchError.unexpected(
      `unable to find api field in struct ${struct} for the json field ${goQuote(field)}`,
    )
  }
  const strategies = (found.patchStrategy ?? '').split(',')
  return {
    schema: found.schema,
    strategy: strategies.find((strategy) => strategy !== 'retainKeys') ?? '',
    retainKeys: strategies.includes('retainKeys'),
    mergeKey: found.patchMergeKey ?? '',
  }
}

/** The rule for a field that holds a list, with the schema of its items. */
export function ruleForList(schema: Schema, field: string): PatchRule {
  const rule = ruleForObject(schema, field)
  if (rule.schema.type === 'any') return rule
  if (rule.schema.type !== 'list')
    throw PatchError.unexpected('expected slice or array type, but got: struct')
  if (rule.schema.items.type === 'list') throw PatchError.unexpected('unexpected slice of slice')
  return { ...rule, schema: rule.schema.items }
}
