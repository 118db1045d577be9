/**
 * Types of CEL as the checker knows them. Source: the CEL language definition (github.com/google/cel-spec), with the
 * names and the text form of cel-go.
 */
export type CelType =
  | { readonly kind: ScalarKind }
  | { readonly kind: 'list'; readonly element: CelType }
  | { readonly kind: 'map'; readonly key: CelType; readonly value: CelType }
  | StructType
  /** A type whose inside only functions see: `optional_type(int)`, `net.IP`. */
  | { readonly kind: 'opaque'; readonly name: string; readonly parameters: readonly CelType[] }
  /** A scalar of protobuf that may be null. */
  | { readonly kind: 'wrapper'; readonly of: CelType }
  | { readonly kind: 'type'; readonly of?: CelType }
  | { readonly kind: 'typeParameter'; readonly name: string }

/** A message: an object with named fields. Two with the same name are the same type. */
export interface StructType {
  readonly kind: 'struct'
  readonly name: string
  /** The type of a field by its CEL name; undefined when there is none. */
  readonly field: (name: string) => CelType | undefined
}

export type ScalarKind =
  | 'dyn'
  | 'any'
  | 'error'
  | 'null'
  | 'bool'
  | 'int'
  | 'uint'
  | 'double'
  | 'string'
  | 'bytes'
  | 'timestamp'
  | 'duration'

export const dynType: CelType = { kind: 'dyn' }
export const anyType: CelType = { kind: 'any' }
export const errorType: CelType = { kind: 'error' }
export const nullType: CelType = { kind: 'null' }
export const boolType: CelType = { kind: 'bool' }
export const intType: CelType = { kind: 'int' }
export const uintType: CelType = { kind: 'uint' }
export const doubleType: CelType = { kind: 'double' }
export const stringType: CelType = { kind: 'string' }
export const bytesType: CelType = { kind: 'bytes' }
export const timestampType: CelType = { kind: 'timestamp' }
export const durationType: CelType = { kind: 'duration' }
/** The type of types. */
export const typeType: CelType = { kind: 'type' }

export function listType(element: CelType): CelType {
  return { kind: 'list', element }
}

export function mapType(key: CelType, value: CelType): CelType {
  return { kind: 'map', key, value }
}

export function structType(name: string, field: StructType['field'] = () => undefined): StructType {
  return { kind: 'struct', name, field }
}

export function opaqueType(name: string, ...parameters: readonly CelType[]): CelType {
  return { kind: 'opaque', name, parameters }
}

export function optionalType(of: CelType): CelType {
  return opaqueType('optional_type', of)
}

export function wrapperType(of: CelType): CelType {
  return { kind: 'wrapper', of }
}

export function typeTypeOf(of: CelType): CelType {
  return { kind: 'type', of }
}

export function typeParameter(name: string): CelType {
  return { kind: 'typeParameter', name }
}

/** What stands between the brackets: the element, key and value, or parameters. */
export function typeParametersOf(type: CelType): readonly CelType[] {
  switch (type.kind) {
    case 'list':
      return [type.element]
    case 'map':
      return [type.key, type.value]
    case 'opaque':
      return type.parameters
    case 'wrapper':
      return [type.of]
    case 'type':
      return type.of === undefined ? [] : [type.of]
    default:
      return []
  }
}

/** Structural identity, with no regard to dyn or parameters. */
export function isSameType(a: CelType, b: CelType): boolean {
  if (a === b) return true
  if (a.kind !== b.kind || nameOf(a) !== nameOf(b)) return false
  const left = typeParametersOf(a)
  const right = typeParametersOf(b)
  return left.length === right.length && left.every((type, at) => isSameType(type, right[at]!))
}

function nameOf(type: CelType): string {
  return 'name' in type ? type.name : ''
}

/** As the checker's messages and callers' messages write a type: `map(string, int)`, `optional_type(bool)`. */
export function formatType(type: CelType): string {
  switch (type.kind) {
    case 'error':
      return '!error!'
    case 'struct':
    case 'typeParameter':
      return type.name
    case 'wrapper':
      return `wrapper(${formatType(type.of)})`
    case 'type':
      return type.of === undefined ? 'type' : `type(${formatType(type.of)})`
    case 'list':
    case 'map':
      return `${type.kind}(${typeParametersOf(type).map(formatType).join(', ')})`
    case 'opaque':
      if (type.parameters.length === 0) return type.name
      return `${type.name}(${type.parameters.map(formatType).join(', ')})`
    default:
      return type.kind
  }
}

/** What `type(x)` yields and prints: without parameters, timestamps and durations under protobuf's names. */
export function runtimeTypeName(type: CelType): string {
  switch (type.kind) {
    case 'null':
      return 'null_type'
    case 'timestamp':
      return 'google.protobuf.Timestamp'
    case 'duration':
      return 'google.protobuf.Duration'
    case 'any':
      return 'google.protobuf.Any'
    case 'struct':
    case 'opaque':
    case 'typeParameter':
      return type.name
    case 'wrapper':
      return runtimeTypeName(type.of)
    default:
      return type.kind
  }
}
