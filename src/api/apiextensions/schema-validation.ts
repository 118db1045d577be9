import {
  forbidden,
  invalid,
  notSupported,
  required,
  type FieldError,
  type FieldPath,
} from '../../machinery/field-error.ts'
import { jsonEqual } from '../../machinery/equal.ts'
import type {
  CustomResourceDefinition,
  CustomResourceDefinitionSpec,
  CustomResourceDefinitionVersion,
  JSONSchemaProps,
} from '../generated/apiextensions.v1.ts'
import { hasDefault } from './compile-schema.ts'
import { defaultErrors, hasUnprunedDefaults } from './default-validation.ts'
import { listErrors, mapListErrors } from './list-schema-validation.ts'
import { ruleTextErrors } from './rule-text-validation.ts'
import { innerScope, rootScope, ruleErrors, type RuleScope } from './rule-validation.ts'
import { entrySchema, itemSchema, someSchema } from './schema-walk.ts'
import { isStructural, structuralErrors, unsupportedField } from './structural.ts'
import { maxSelectableFields } from './version-validation.ts'
import { goFieldName, internalForm } from '../internal-form.ts'

/** What is not asked of an update because it was not asked of what stands there. */
export interface Leniency {
  readonly requiresSchema: boolean
  readonly requiresKnownTypes: boolean
  readonly requiresStructural: boolean
  readonly requiresPrunedDefaults: boolean
  readonly requiresAtomicSets: boolean
  readonly requiresMapKeys: boolean
  /** Versions whose schemas are as they were. */
  readonly unchangedVersions: ReadonlySet<string>
  /** Versions with too many selectable fields, which are as they were. */
  readonly tooManySelectableFields: ReadonlySet<string>
}

export const strictLeniency: Leniency = {
  requiresSchema: true,
  requiresKnownTypes: true,
  requiresStructural: true,
  requiresPrunedDefaults: true,
  requiresAtomicSets: true,
  requiresMapKeys: true,
  unchangedVersions: new Set(),
  tooManySelectableFields: new Set(),
}

const knownTypes = ['array', 'boolean', 'integer', 'number', 'object', 'string']

/** What an update may keep of its predecessor. */
export function leniencyOf(next: CustomResourceDefinition, previous: CustomResourceDefinition): Leniency {
  const schemas = previous.spec.versions.flatMap(({ schema }) => schema?.openAPIV3Schema ?? [])
  const some = (test: (schema: JSONSchemaProps) => boolean) =>
    schemas.some((schema) => someSchema(schema, test))
  const before = new Map(previous.spec.versions.map((version) => [version.name, version]))
  const unchanged = (part: (version: CustomResourceDefinitionVersion) => unknown) =>
    next.spec.versions.filter((version) => {
      const earlier = before.get(version.name)
      return earlier !== undefined && jsonEqual(part(version), part(earlier))
    })
  return {
    requiresSchema: schemas.length === previous.spec.versions.length,
    requiresKnownTypes: !some(({ type }) => type !== undefined && !knownTypes.includes(type)),
    requiresStructural: schemas.every(isStructural),
    requiresPrunedDefaults: !schemas.some(hasUnprunedDefaults),
    requiresAtomicSets: !some(isSetOfGranular),
    requiresMapKeys: !some((schema) => mapListErrors(schema, undefined).length > 0),
    unchangedVersions: new Set(unchanged(({ schema }) => schema).map(({ name }) => name)),
    tooManySelectableFields: new Set(
      unchanged(({ selectableFields }) => selectableFields)
        .filter(({ selectableFields = [] }) => selectableFields.length > maxSelectableFields)
        .map(({ name }) => name),
    ),
  }
}

function isSetOfGranular(schema: JSONSchemaProps): boolean {
  const items = itemSchema(schema)
  if (schema['x-kubernetes-list-type'] !== 'set' || !items) return false
  if (items.type === 'array') return (items['x-kubernetes-list-type'] ?? 'atomic') !== 'atomic'
  return items.type === 'object' && items['x-kubernetes-map-type'] !== 'atomic'
}

const extensions = [
  'x-kubernetes-embedded-resource',
  'x-kubernetes-preserve-unknown-fields',
  'x-kubernetes-int-or-string',
  'x-kubernetes-list-map-keys',
  'x-kubernetes-list-type',
  'x-kubernetes-validations',
] as const

/** All faults of the schema of one version. */
export function schemaErrors(
  spec: CustomResourceDefinitionSpec,
  { name, schema: validation, subresources }: CustomResourceDefinitionVersion,
  at: FieldPath,
  leniency: Leniency,
): readonly FieldError[] {
  const schema = validation?.openAPIV3Schema
  if (!schema) return []
  const root = at.child('openAPIV3Schema')
  const errors: FieldError[] = [...(subresources?.status ? rootErrors(schema, at) : [])]
  if (schema.nullable) {
    errors.push(forbidden(at.child('openAPIV3Schema.nullable'), 'nullable cannot be true at the root'))
  }
  const needsStructure =
    leniency.requiresStructural ||
    !spec.preserveUnknownFields ||
    spec.versions.some(({ schema: own }) =>
      someSchema(own?.openAPIV3Schema, (inner) => {
        return hasDefault(inner) || extensions.some((extension) => inner[extension] !== undefined)
      }),
    )
  const unsupported = needsStructure ? unsupportedField(schema) : undefined
  let scope: RuleScope | undefined
  if (needsStructure && unsupported === undefined) {
    const structural = structuralErrors(schema, root)
    const defaults = structural.length > 0 ? [] : defaultErrors(schema, root, leniency.requiresPrunedDefaults)
    errors.push(...structural, ...defaults)
    if (structural.length + defaults.length === 0) scope = rootScope(schema)
  }
  const walk = new SchemaWalk(leniency, leniency.unchangedVersions.has(name))
  errors.push(...walk.errorsOf(schema, { at: root, isRoot: true, scope, ...rootContext }))
  if (errors.length === 0 && unsupported !== undefined) errors.push(invalid(root, '', unsupported))
  if (scope) errors.push(...scope.total.errors(root))
  return errors
}

/** As upstream names them in the message: by the fields of its Go type. */
const rootFields = [
  'Description',
  'Type',
  'Format',
  'Title',
  'Maximum',
  'ExclusiveMaximum',
  'Minimum',
  'ExclusiveMinimum',
  'MaxLength',
  'MinLength',
  'Pattern',
  'MaxItems',
  'MinItems',
  'UniqueItems',
  'MultipleOf',
  'Required',
  'Items',
  'Properties',
  'ExternalDocs',
  'Example',
  'XPreserveUnknownFields',
  'XValidations',
]

/** Status is validated by its own part of the schema: what would be lost then may not stand at the root. */
function rootErrors(schema: JSONSchemaProps, at: FieldPath): readonly FieldError[] {
  for (const name of Object.keys(schema)) {
    if (name === 'type') {
      if (schema.type === 'object') continue
      const detail =
        'only "object" is allowed as the type at the root of the schema if the status subresource is enabled'
      return [invalid(at.child('openAPIV3Schema.type'), schema.type, detail)]
    }
    if (rootFields.includes(goFieldName(name))) continue
    const detail =
      `only [${rootFields.join(' ')}] fields are allowed at the root of the schema if the status subresource is ` +
      'enabled'
    return [
      invalid(at.child('openAPIV3Schema'), internalForm('apiextensions.v1.JSONSchemaProps', schema), detail),
    ]
  }
  return []
}

interface Context {
  readonly at: FieldPath
  readonly isRoot: boolean
  /** Absent where rules are not looked at. */
  readonly scope: RuleScope | undefined
  /** Why there may be no defaults; `''` is no particular reason, undefined allows them. */
  readonly forbidsDefaults: string | undefined
  readonly insideMeta: boolean
  readonly uncorrelatable: FieldPath | undefined
}

const rootContext = { forbidsDefaults: undefined, insideMeta: false, uncorrelatable: undefined }
const metaFields: ReadonlySet<string> = new Set(['metadata', 'kind', 'apiVersion'])

/** Goes through a schema with all that is within it. */
class SchemaWalk {
  readonly #leniency: Leniency
  readonly #acceptsCost: boolean
  readonly #ruleErrors: FieldError[] = []

  constructor(leniency: Leniency, acceptsCost: boolean) {
    this.#leniency = leniency
    this.#acceptsCost = acceptsCost
  }

  errorsOf(schema: JSONSchemaProps, context: Context): readonly FieldError[] {
    const own = this.#schemaErrors(schema, context)
    return [...own, ...this.#ruleErrors]
  }

  #schemaErrors(schema: JSONSchemaProps, context: Context): FieldError[] {
    const { at, scope } = context
    const errors: FieldError[] = [...unsupportedErrors(schema, context, this.#leniency)]
    if (schema.uniqueItems) {
      const detail = 'uniqueItems cannot be set to true since the runtime complexity becomes quadratic'
      errors.push(forbidden(at.child('uniqueItems'), detail))
    }
    errors.push(...this.#fieldErrors(schema, context))
    errors.push(...this.#junctorErrors(schema, context))
    errors.push(...this.#itemErrors(schema, context))
    errors.push(...extensionErrors(schema, at))
    errors.push(...listErrors(schema, at, this.#leniency.requiresAtomicSets))
    if (this.#leniency.requiresMapKeys) errors.push(...mapListErrors(schema, at))
    const rules = schema['x-kubernetes-validations'] ?? []
    if (rules.length > 0) {
      errors.push(...ruleTextErrors(schema, at))
      if (errors.length === 0 && scope) {
        const check = { at, acceptsCost: this.#acceptsCost, uncorrelatable: context.uncorrelatable }
        this.#ruleErrors.push(...ruleErrors(scope, check))
      }
    }
    return errors
  }

  #fieldErrors(schema: JSONSchemaProps, context: Context): FieldError[] {
    const { at } = context
    const { properties = {}, additionalProperties } = schema
    const entries = entrySchema(schema)
    const errors: FieldError[] = []
    if (
      additionalProperties !== undefined &&
      additionalProperties !== true &&
      Object.keys(properties).length > 0
    ) {
      const detail = 'additionalProperties and properties are mutual exclusive'
      errors.push(forbidden(at.child('additionalProperties'), detail))
    }
    if (entries) {
      const inner = this.#inner(context, entries, at.child('additionalProperties'))
      const reason = 'inside additionalProperties applying to object metadata'
      errors.push(
        ...this.#schemaErrors(entries, context.insideMeta ? { ...inner, forbidsDefaults: reason } : inner),
      )
    }
    for (const [name, property] of Object.entries(properties)) {
      const inner = this.#inner(context, property, at.child('properties').key(name))
      const isEmbedded = schema['x-kubernetes-embedded-resource'] === true
      const isMeta = (context.isRoot || isEmbedded) && metaFields.has(name)
      errors.push(
        ...this.#schemaErrors(property, {
          ...inner,
          ...(isMeta && { insideMeta: true }),
          ...(isMeta && context.isRoot && { forbidsDefaults: `in top-level ${name}` }),
        }),
      )
    }
    return errors
  }

  #junctorErrors(schema: JSONSchemaProps, context: Context): FieldError[] {
    const { at } = context
    const errors: FieldError[] = []
    const within = (inner: JSONSchemaProps, field: FieldPath) =>
      errors.push(...this.#schemaErrors(inner, { ...context, at: field, isRoot: false, scope: undefined }))
    if (schema.not) within(schema.not, at.child('not'))
    for (const junctor of ['allOf', 'oneOf', 'anyOf'] as const) {
      schema[junctor]?.forEach((inner, index) => within(inner, at.child(junctor).index(index)))
    }
    for (const [name, inner] of Object.entries(schema.definitions ?? {})) {
      within(inner, at.child('definitions').key(name))
    }
    for (const [name, inner] of Object.entries(schema.dependencies ?? {})) {
      if (!Array.isArray(inner)) within(inner as JSONSchemaProps, at.child('dependencies').key(name))
    }
    return errors
  }

  #itemErrors(schema: JSONSchemaProps, context: Context): FieldError[] {
    const { items } = schema
    if (items === undefined) return []
    const { at } = context
    const uncorrelatable =
      schema['x-kubernetes-list-type'] === 'map' ? context.uncorrelatable : (context.uncorrelatable ?? at)
    if (!Array.isArray(items)) {
      const inner = this.#inner(context, items as JSONSchemaProps, at.child('items'))
      return this.#schemaErrors(items as JSONSchemaProps, { ...inner, uncorrelatable })
    }
    return (items as readonly JSONSchemaProps[]).flatMap((item, index) => {
      const inner = this.#inner(context, item, at.child('items').index(index))
      return this.#schemaErrors(item, { ...inner, uncorrelatable })
    })
  }

  #inner(context: Context, schema: JSONSchemaProps, at: FieldPath): Context {
    return { ...context, at, isRoot: false, scope: context.scope && innerScope(context.scope, schema) }
  }
}

function unsupportedErrors(
  schema: JSONSchemaProps,
  context: Context,
  leniency: Leniency,
): readonly FieldError[] {
  const { at, forbidsDefaults, insideMeta } = context
  const errors: FieldError[] = []
  const forbid = (name: string, detail = `${name} is not supported`) =>
    errors.push(forbidden(at.child(name), detail))
  const { type } = schema
  if (leniency.requiresKnownTypes && type && !knownTypes.includes(type)) {
    errors.push(notSupported(at.child('type'), type, knownTypes))
  }
  if (hasDefault(schema) && forbidsDefaults !== undefined) {
    forbid('default', `must not be set${forbidsDefaults === '' ? '' : ` ${forbidsDefaults}`}`)
  }
  if (schema.id) forbid('id')
  if (schema.additionalItems !== undefined) forbid('additionalItems')
  if (schema.patternProperties) forbid('patternProperties')
  if (schema.definitions) forbid('definitions')
  if (schema.dependencies) forbid('dependencies')
  if (schema.$ref !== undefined) forbid('$ref')
  if (type === 'null') forbid('type', 'type cannot be set to null, use nullable as an alternative')
  if (Array.isArray(schema.items)) forbid('items', 'items must be a schema object and not an array')
  if (insideMeta && schema['x-kubernetes-embedded-resource']) {
    forbid('x-kubernetes-embedded-resource', 'must not be used inside of resource meta')
  }
  return errors
}

function extensionErrors(schema: JSONSchemaProps, at: FieldPath): readonly FieldError[] {
  const errors: FieldError[] = []
  if (schema['x-kubernetes-preserve-unknown-fields'] === false) {
    errors.push(invalid(at.child('x-kubernetes-preserve-unknown-fields'), false, 'must be true or undefined'))
  }
  const mapType = schema['x-kubernetes-map-type']
  if (mapType === undefined) return errors
  if (schema.type !== 'object') {
    const detail = 'must be object if x-kubernetes-map-type is specified'
    errors.push(
      schema.type ? invalid(at.child('type'), schema.type, detail) : required(at.child('type'), detail),
    )
  }
  if (mapType !== 'atomic' && mapType !== 'granular') {
    errors.push(notSupported(at.child('x-kubernetes-map-type'), mapType, ['atomic', 'granular']))
  }
  return errors
}
