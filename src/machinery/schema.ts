import type { JsonValue } from './meta.ts'

/**
 * The shape of a value, the same for built-in types (from the table of facts) and for custom resources (from their
 * structural schema). Decoding, strict field validation, constant defaults, pruning, strategic merge, apply, protobuf
 * and OpenAPI all read it. Schemas may be recursive; they are built once and shared.
 */
export type Schema = ScalarSchema | ObjectSchema | MapSchema | ListSchema | AnySchema

export interface ScalarSchema {
  readonly type:
    | 'string'
    | 'boolean'
    | 'integer'
    | 'number'
    | 'bytes'
    | 'quantity'
    | 'intOrString'
    | 'time'
    | 'microTime'
    | 'duration'
  /** OpenAPI format: `int32`, `int64`, `double`, `byte`, `date-time`, ... */
  readonly format?: string
  /** The closed set of strings, for OpenAPI; decoding lets others pass, so that validation can name them. */
  readonly enum?: readonly string[]
}

/** A struct: named fields, each with its own shape. */
export interface ObjectSchema {
  readonly type: 'object'
  /** Go type as upstream names it in OpenAPI: `io.k8s.api.core.v1.PodSpec`. Absent in custom resources. */
  readonly name?: string
  readonly fields: Readonly<Record<string, Field>>
  /** `atomic`: owned and replaced as one value. Default `granular`. */
  readonly structType?: 'granular' | 'atomic'
  /** Unknown fields are kept (x-kubernetes-preserve-unknown-fields). */
  readonly preserveUnknown?: boolean
  /** Of custom resources: what unknown fields that are kept may hold; anything when absent. */
  readonly others?: Schema
  /** This value is a whole API object (x-kubernetes-embedded-resource). */
  readonly embeddedResource?: boolean
  /** At most one of the fields is set, beside the discriminator, which says which one. */
  readonly union?: { readonly discriminator?: string }
  readonly required?: readonly string[]
  /** The whole of a custom resource, of which faults are told in another order. */
  readonly isCustomResource?: boolean
}

/** String keys, all values of one shape. */
export interface MapSchema {
  readonly type: 'map'
  readonly values: Schema
  readonly mapType?: 'granular' | 'atomic'
  /** Of custom resources: a value may be null. */
  readonly nullable?: boolean
}

export interface ListSchema {
  readonly type: 'list'
  readonly items: Schema
  readonly listType: 'atomic' | 'set' | 'map'
  /** Nothing says the list type; atomic is what that means. */
  readonly undeclared?: boolean
  /** Keys of a `map` list. */
  readonly mapKeys?: readonly string[]
}

/** Any JSON: RawExtension, JSON, x-kubernetes-preserve-unknown-fields without a type. */
export interface AnySchema {
  readonly type: 'any'
  /**
   * The Go type, where protobuf or OpenAPI must know it: an object of any kind, managed fields, plain JSON, or one of
   * apiextensions' unions of a JSON schema and something else.
   */
  readonly holds?: 'object' | 'fieldsV1' | 'json' | 'schemaOrArray' | 'schemaOrBool' | 'schemaOrStringArray'
  /** The JSON schema of those unions. */
  readonly schema?: ObjectSchema
}

export interface Field {
  readonly schema: Schema
  /** Set when the field is absent (a constant; computed defaults are code in api/). */
  readonly default?: JsonValue
  /**
   * Serialised even when it has the zero value: Go's `omitempty` is absent, or has no effect because the field is a
   * struct and no pointer.
   */
  readonly alwaysSerialized?: boolean
  /** The Go field is a pointer: a zero value that is set differs from an absent one. */
  readonly pointer?: boolean
  /** An empty list that is set differs from an absent one, as Go's does from nil. */
  readonly keepsEmpty?: boolean
  /** Strategic merge: `merge`, `replace`, `retainKeys`, or both of the last joined by a comma. */
  readonly patchStrategy?: string
  readonly patchMergeKey?: string
  readonly protobuf?: {
    readonly number: number
    readonly within?: Embedding
    /** The list, or each list in the map, is a message with the items under number 1. */
    readonly wrapped?: boolean
  }
  /** How upstream's decoding errors call the type, where it is not plain from the schema: `types.UID`. */
  readonly goType?: string
  readonly nullable?: boolean
}

/** The field belongs to an embedded struct, which is inline in JSON and in protobuf a message under this number. */
export interface Embedding {
  readonly number: number
  /** Go name of the embedded struct. */
  readonly name: string
  /** The embedded struct inside that one which declares the field. */
  readonly within?: Embedding
}
