import {
  boolType,
  bytesType,
  doubleType,
  durationType,
  dynType,
  intType,
  listType,
  mapType,
  nullType,
  opaqueType,
  stringType,
  structType,
  timestampType,
  typeType,
  uintType,
  type CelType,
} from '../types.ts'
import { CelList } from './list.ts'
import { CelMap } from './map.ts'
import { CelObject } from './object.ts'
import { CelOpaque } from './opaque.ts'
import { CelOptional } from './optional.ts'
import { CelDuration, CelTimestamp } from './time.ts'
import { CelTypeValue } from './type-value.ts'
import { CelUint } from './uint.ts'
import type { CelValue } from './value.ts'

const anyList = listType(dynType)
const anyMap = mapType(dynType, dynType)
const anyOptional = opaqueType('optional_type', dynType)

/** What `type(value)` is. */
export function typeOfValue(value: CelValue): CelType {
  switch (typeof value) {
    case 'boolean':
      return boolType
    case 'bigint':
      return intType
    case 'number':
      return doubleType
    case 'string':
      return stringType
  }
  if (value === null) return nullType
  if (value instanceof CelMap) return value.typeName === undefined ? anyMap : structType(value.typeName)
  if (value instanceof CelList) return anyList
  if (value instanceof CelUint) return uintType
  if (value instanceof CelTimestamp) return timestampType
  if (value instanceof CelDuration) return durationType
  if (value instanceof Uint8Array) return bytesType
  if (value instanceof CelOptional) return anyOptional
  if (value instanceof CelTypeValue) return typeType
  if (value instanceof CelObject || value instanceof CelOpaque) return value.type
  return dynType
}

/** Whether a value may be an argument for a parameter of this type; items of lists and maps are not looked at. */
export function kindTest(type: CelType): (value: CelValue) => boolean {
  switch (type.kind) {
    case 'bool':
      return (value) => typeof value === 'boolean'
    case 'int':
      return (value) => typeof value === 'bigint'
    case 'double':
      return (value) => typeof value === 'number'
    case 'string':
      return (value) => typeof value === 'string'
    case 'null':
      return (value) => value === null
    case 'uint':
      return (value) => value instanceof CelUint
    case 'bytes':
      return (value) => value instanceof Uint8Array
    case 'timestamp':
      return (value) => value instanceof CelTimestamp
    case 'duration':
      return (value) => value instanceof CelDuration
    case 'list':
      return (value) => value instanceof CelList
    case 'map':
      return (value) => value instanceof CelMap
    case 'type':
      return (value) => value instanceof CelTypeValue
    case 'opaque':
    case 'struct':
      if (type.name === 'optional_type') return (value) => value instanceof CelOptional
      return (value) =>
        (value instanceof CelOpaque || value instanceof CelObject) &&
        'name' in value.type &&
        value.type.name === type.name
    case 'wrapper': {
      const inner = kindTest(type.of)
      return (value) => value === null || inner(value)
    }
    case 'dyn':
    case 'any':
    case 'error':
    case 'typeParameter':
      return () => true
  }
}
