import { CelError } from '../error.ts'
import { matchesRegex } from '../regex/regex.ts'
import {
  boolFrom,
  bytesFrom,
  doubleFrom,
  durationFrom,
  intFrom,
  stringFrom,
  timestampFrom,
  uintFrom,
} from '../values/conversions.ts'
import { add, divide, modulo, multiply, negate, subtract } from '../values/arithmetic.ts'
import { equalValues, strictlyEqualValues } from '../values/equality.ts'
import { typeOfValue } from '../values/kind.ts'
import { CelList } from '../values/list.ts'
import { CelMap } from '../values/map.ts'
import { compareValues } from '../values/order.ts'
import { sizeOf } from '../values/size.ts'
import { CelTypeValue } from '../values/type-value.ts'
import type { CelValue } from '../values/value.ts'
import { standardMacros } from '../syntax/macros.ts'
import {
  globalFunction,
  memberFunction,
  type FunctionBody,
  type FunctionOverload,
  type Library,
} from './function.ts'
import { timeFunctions } from './time.ts'

/** Functions and operators of the language. Source: cel-go's common/stdlib/standard.go. */

const identity = (value: CelValue) => value

function operator(
  name: string,
  rows: readonly (readonly [string, string, string, string])[],
  call: FunctionBody,
) {
  return rows.map(([id, left, right, result]) => globalFunction(name, id, [left, right], result, call))
}

function arithmetic(): FunctionOverload[] {
  return [
    ...operator(
      '_+_',
      [
        ['add_bytes', 'bytes', 'bytes', 'bytes'],
        ['add_double', 'double', 'double', 'double'],
        ['add_duration_duration', 'duration', 'duration', 'duration'],
        ['add_duration_timestamp', 'duration', 'timestamp', 'timestamp'],
        ['add_timestamp_duration', 'timestamp', 'duration', 'timestamp'],
        ['add_int64', 'int', 'int', 'int'],
        ['add_list', 'list(A)', 'list(A)', 'list(A)'],
        ['add_string', 'string', 'string', 'string'],
        ['add_uint64', 'uint', 'uint', 'uint'],
      ],
      add,
    ),
    ...operator(
      '_-_',
      [
        ['subtract_double', 'double', 'double', 'double'],
        ['subtract_duration_duration', 'duration', 'duration', 'duration'],
        ['subtract_int64', 'int', 'int', 'int'],
        ['subtract_timestamp_duration', 'timestamp', 'duration', 'timestamp'],
        ['subtract_timestamp_timestamp', 'timestamp', 'timestamp', 'duration'],
        ['subtract_uint64', 'uint', 'uint', 'uint'],
      ],
      subtract,
    ),
    ...numeric('_*_', 'multiply', multiply),
    ...numeric('_/_', 'divide', divide),
    ...numeric('_%_', 'modulo', modulo).filter(({ id }) => id !== 'modulo_double'),
    globalFunction('-_', 'negate_double', ['double'], 'double', negate),
    globalFunction('-_', 'negate_int64', ['int'], 'int', negate),
  ]
}

function numeric(name: string, verb: string, call: FunctionBody): FunctionOverload[] {
  return operator(
    name,
    [
      [`${verb}_double`, 'double', 'double', 'double'],
      [`${verb}_int64`, 'int', 'int', 'int'],
      [`${verb}_uint64`, 'uint', 'uint', 'uint'],
    ],
    call,
  )
}

const comparable: readonly (readonly [string, string, string])[] = [
  ['bool', 'bool', 'bool'],
  ['int64', 'int', 'int'],
  ['int64_double', 'int', 'double'],
  ['int64_uint64', 'int', 'uint'],
  ['uint64', 'uint', 'uint'],
  ['uint64_double', 'uint', 'double'],
  ['uint64_int64', 'uint', 'int'],
  ['double', 'double', 'double'],
  ['double_int64', 'double', 'int'],
  ['double_uint64', 'double', 'uint'],
  ['string', 'string', 'string'],
  ['bytes', 'bytes', 'bytes'],
  ['timestamp', 'timestamp', 'timestamp'],
  ['duration', 'duration', 'duration'],
]

function comparison(name: string, verb: string, accepts: (order: number) => boolean): FunctionOverload[] {
  return operator(
    name,
    comparable.map(([suffix, left, right]) => [`${verb}_${suffix}`, left, right, 'bool'] as const),
    (a: CelValue, b: CelValue) => accepts(compareValues(a, b)),
  )
}

/** What an index of a list or a key of a map holds. Throws a CelError when there is nothing. */
export function index(container: CelValue, key: CelValue): CelValue {
  const found = find(container, key)
  if (found !== undefined) return found
  if (container instanceof CelList) throw new CelError(`index out of bounds: ${keyText(key)}`)
  throw new CelError(`no such key: ${keyText(key)}`)
}

/** The same; undefined when there is nothing. */
export function find(container: CelValue, key: CelValue): CelValue | undefined {
  if (container instanceof CelMap) return container.get(key)
  if (!(container instanceof CelList)) throw new CelError('no such overload')
  const at = intFromIndex(key)
  return at >= 0 && at < container.size ? container.at(at) : undefined
}

/** Doubles and uints count where they are whole. */
function intFromIndex(key: CelValue): number {
  if (typeof key === 'bigint') return Number(key)
  const at = typeof key === 'number' ? key : Number(intFromUint(key))
  if (!Number.isInteger(at)) throw new CelError(`unsupported index value: ${keyText(key)}`)
  return at
}

function intFromUint(key: CelValue): CelValue {
  if (typeOfValue(key).kind !== 'uint') {
    throw new CelError(`unsupported index type '${new CelTypeValue(typeOfValue(key)).name}' in list`)
  }
  return intFrom(key)
}

function keyText(key: CelValue): string {
  return String(stringFrom(key))
}

/** `in`. */
function isIn(value: CelValue, container: CelValue): boolean {
  if (container instanceof CelMap) return container.has(value)
  if (!(container instanceof CelList)) throw new CelError('no such overload')
  for (const item of container) {
    if (equalValues(item, value)) return true
  }
  return false
}

function size(value: CelValue): bigint {
  return BigInt(sizeOf(value)!)
}

const sized = ['bytes', 'list', 'map', 'string'] as const
const sizedTypes = { bytes: 'bytes', list: 'list(A)', map: 'map(A, B)', string: 'string' }

function sizes(): FunctionOverload[] {
  return sized.flatMap((name) => [
    globalFunction('size', `size_${name}`, [sizedTypes[name]], 'int', size),
    memberFunction('size', `${name}_size`, [sizedTypes[name]], 'int', size),
  ])
}

function conversions(): FunctionOverload[] {
  const rows: readonly (readonly [
    to: string,
    convert: (value: CelValue) => CelValue,
    from: readonly (readonly [string, string])[],
  ])[] = [
    [
      'bool',
      boolFrom,
      [
        ['bool_to_bool', 'bool'],
        ['string_to_bool', 'string'],
      ],
    ],
    [
      'bytes',
      bytesFrom,
      [
        ['bytes_to_bytes', 'bytes'],
        ['string_to_bytes', 'string'],
      ],
    ],
    [
      'double',
      doubleFrom,
      [
        ['double_to_double', 'double'],
        ['int64_to_double', 'int'],
        ['string_to_double', 'string'],
        ['uint64_to_double', 'uint'],
      ],
    ],
    [
      'duration',
      durationFrom,
      [
        ['duration_to_duration', 'duration'],
        ['string_to_duration', 'string'],
      ],
    ],
    [
      'int',
      intFrom,
      [
        ['int64_to_int64', 'int'],
        ['double_to_int64', 'double'],
        ['duration_to_int64', 'duration'],
        ['string_to_int64', 'string'],
        ['timestamp_to_int64', 'timestamp'],
        ['uint64_to_int64', 'uint'],
      ],
    ],
    [
      'string',
      stringFrom,
      [
        ['string_to_string', 'string'],
        ['bool_to_string', 'bool'],
        ['bytes_to_string', 'bytes'],
        ['double_to_string', 'double'],
        ['duration_to_string', 'duration'],
        ['int64_to_string', 'int'],
        ['timestamp_to_string', 'timestamp'],
        ['uint64_to_string', 'uint'],
      ],
    ],
    [
      'timestamp',
      timestampFrom,
      [
        ['timestamp_to_timestamp', 'timestamp'],
        ['int64_to_timestamp', 'int'],
        ['string_to_timestamp', 'string'],
      ],
    ],
    [
      'uint',
      uintFrom,
      [
        ['uint64_to_uint64', 'uint'],
        ['double_to_uint64', 'double'],
        ['int64_to_uint64', 'int'],
        ['string_to_uint64', 'string'],
      ],
    ],
  ]
  return rows.flatMap(([to, convert, from]) =>
    from.map(([id, type]) => globalFunction(to, id, [type], to, convert)),
  )
}

const texts = ['string', 'string'] as const
const matches = (text: string, pattern: string) => matchesRegex(pattern, text)

export const standardLibrary: Library = {
  since: 0,
  macros: standardMacros,
  functions: [
    globalFunction('_?_:_', 'conditional', ['bool', 'A', 'A'], 'A'),
    globalFunction('_&&_', 'logical_and', ['bool', 'bool'], 'bool'),
    globalFunction('_||_', 'logical_or', ['bool', 'bool'], 'bool'),
    globalFunction('!_', 'logical_not', ['bool'], 'bool', (value: boolean) => !value),
    globalFunction('@not_strictly_false', 'not_strictly_false', ['bool'], 'bool'),
    globalFunction('_==_', 'equals', ['A', 'A'], 'bool', strictlyEqualValues),
    globalFunction(
      '_!=_',
      'not_equals',
      ['A', 'A'],
      'bool',
      (a: CelValue, b: CelValue) => !equalValues(a, b),
    ),
    ...arithmetic(),
    ...comparison('_<_', 'less', (order) => order < 0),
    ...comparison('_<=_', 'less_equals', (order) => order <= 0),
    ...comparison('_>_', 'greater', (order) => order > 0),
    ...comparison('_>=_', 'greater_equals', (order) => order >= 0),
    globalFunction('_[_]', 'index_list', ['list(A)', 'int'], 'A', index),
    globalFunction('_[_]', 'index_map', ['map(A, B)', 'A'], 'B', index),
    globalFunction('@in', 'in_list', ['A', 'list(A)'], 'bool', isIn),
    globalFunction('@in', 'in_map', ['A', 'map(A, B)'], 'bool', isIn),
    ...sizes(),
    globalFunction(
      'type',
      'type',
      ['A'],
      'type(A)',
      (value: CelValue) => new CelTypeValue(typeOfValue(value)),
    ),
    globalFunction('dyn', 'to_dyn', ['A'], 'dyn', identity),
    ...conversions(),
    memberFunction('contains', 'contains_string', texts, 'bool', (text: string, part: string) =>
      text.includes(part),
    ),
    memberFunction('endsWith', 'ends_with_string', texts, 'bool', (text: string, end: string) =>
      text.endsWith(end),
    ),
    memberFunction('startsWith', 'starts_with_string', texts, 'bool', (text: string, start: string) =>
      text.startsWith(start),
    ),
    globalFunction('matches', 'matches', texts, 'bool', matches),
    memberFunction('matches', 'matches_string', texts, 'bool', matches),
    ...timeFunctions,
  ],
}
