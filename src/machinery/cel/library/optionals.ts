import { CelError } from '../error.ts'
import { optionalMacros } from '../syntax/macros.ts'
import { ArrayList, CelList } from '../values/list.ts'
import { CelMap } from '../values/map.ts'
import { CelObject } from '../values/object.ts'
import { CelOptional, noValue } from '../values/optional.ts'
import { CelDuration, CelTimestamp } from '../values/time.ts'
import { CelUint } from '../values/uint.ts'
import type { CelValue } from '../values/value.ts'
import { optionalType, dynType } from '../types.ts'
import { globalFunction, memberFunction, type Library } from './function.ts'

/** Values that may be absent. Source: cel-go's cel/library.go. */

function isZero(value: CelValue): boolean {
  if (value === null || value === false || value === 0 || value === 0n || value === '') return true
  if (value instanceof CelList || value instanceof CelMap) return value.size === 0
  if (value instanceof CelUint) return value.value === 0n
  if (value instanceof Uint8Array) return value.length === 0
  if (value instanceof CelDuration) return value.nanoseconds === 0n
  if (value instanceof CelTimestamp) return value.nanoseconds === -62_135_596_800_000_000_000n
  if (value instanceof CelOptional) return value.value === undefined
  return value instanceof CelObject && value.fields.size === 0
}

function value(optional: CelOptional): CelValue {
  if (optional.value === undefined) throw new CelError('optional.none() dereference')
  return optional.value
}

function item(list: CelList, at: number): CelOptional {
  return at < 0 || at >= list.size ? noValue : new CelOptional(list.at(at))
}

function unwrap(list: CelList): CelList {
  return new ArrayList(
    list.toArray().flatMap((optional) => {
      if (!(optional instanceof CelOptional)) throw new CelError('value is not optional')
      return optional.value === undefined ? [] : [optional.value]
    }),
  )
}

const optional = 'optional_type(V)'
const list = 'list(V)'
const map = 'map(K, V)'
const optionalList = 'optional_type(list(V))'
const optionalMap = 'optional_type(map(K, V))'

export const optionalLibrary: Library = {
  since: 28,
  macros: optionalMacros,
  types: [optionalType(dynType)],
  functions: [
    globalFunction(
      'optional.of',
      'optional_of',
      ['V'],
      optional,
      (value: CelValue) => new CelOptional(value),
    ),
    globalFunction('optional.ofNonZeroValue', 'optional_ofNonZeroValue', ['V'], optional, (value: CelValue) =>
      isZero(value) ? noValue : new CelOptional(value),
    ),
    globalFunction('optional.none', 'optional_none', [], optional, () => noValue),
    memberFunction('value', 'optional_value', [optional], 'V', value),
    memberFunction(
      'hasValue',
      'optional_hasValue',
      [optional],
      'bool',
      (optional: CelOptional) => optional.value !== undefined,
    ),
    memberFunction('or', 'optional_or_optional', [optional, optional], optional),
    memberFunction('orValue', 'optional_orValue_value', [optional, 'V'], 'V'),
    globalFunction('_?._', 'select_optional_field', ['dyn', 'string'], optional),
    globalFunction('_[?_]', 'list_optindex_optional_int', [list, 'int'], optional),
    globalFunction('_[?_]', 'optional_list_optindex_optional_int', [optionalList, 'int'], optional),
    globalFunction('_[?_]', 'map_optindex_optional_value', [map, 'K'], optional),
    globalFunction('_[?_]', 'optional_map_optindex_optional_value', [optionalMap, 'K'], optional),
    globalFunction('_[_]', 'optional_list_index_int', [optionalList, 'int'], optional),
    globalFunction('_[_]', 'optional_map_index_value', [optionalMap, 'K'], optional),
    memberFunction('last', 'list_last', [list], optional, (list: CelList) => item(list, list.size - 1)),
    memberFunction('first', 'list_first', [list], optional, (list: CelList) => item(list, 0)),
    globalFunction('optional.unwrap', 'optional_unwrap', ['list(optional_type(V))'], list, unwrap),
    memberFunction('unwrapOpt', 'optional_unwrapOpt', ['list(optional_type(V))'], list, unwrap),
  ],
}
