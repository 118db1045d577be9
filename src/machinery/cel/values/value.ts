import type { CelDuration, CelTimestamp } from './time.ts'
import type { CelList } from './list.ts'
import type { CelMap } from './map.ts'
import type { CelObject } from './object.ts'
import type { CelOpaque } from './opaque.ts'
import type { CelOptional } from './optional.ts'
import type { CelTypeValue } from './type-value.ts'
import type { CelUint } from './uint.ts'

/**
 * What an expression yields. An int is a bigint and a double is a number, so that the two never mix; strings, booleans
 * and null are themselves; bytes are a Uint8Array. Lists and maps are views of JSON that copy nothing.
 */
export type CelValue =
  | null
  | boolean
  | bigint
  | number
  | string
  | Uint8Array
  | CelUint
  | CelTimestamp
  | CelDuration
  | CelList
  | CelMap
  | CelObject
  | CelOpaque
  | CelOptional
  | CelTypeValue
