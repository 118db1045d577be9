import { CelError } from '../error.ts'
import type { MacroDeclaration } from '../syntax/macros.ts'
import { standardMacros } from '../syntax/macros.ts'
import { unusedVariable } from '../syntax/expression.ts'
import { twoVariableMacros } from '../syntax/macros.ts'
import { add, duration } from '../values/arithmetic.ts'
import { equalValues } from '../values/equality.ts'
import { typeOfValue } from '../values/kind.ts'
import { ArrayList, CelList } from '../values/list.ts'
import type { CelMap, EntriesMap } from '../values/map.ts'
import { compareValues } from '../values/order.ts'
import { CelUint } from '../values/uint.ts'
import type { CelValue } from '../values/value.ts'
import { globalFunction, memberFunction, type FunctionOverload, type Library } from './function.ts'

/** Source: k8s.io/apiserver/pkg/cel/library/lists.go, and cel-go's ext/lists.go, sets.go and comprehensions.go. */

const comparable = ['int', 'uint', 'double', 'bool', 'duration', 'timestamp', 'string', 'bytes'] as const
const zeros: Readonly<Record<string, CelValue>> = {
  int: 0n,
  uint: new CelUint(0n),
  double: 0,
  duration: duration(0n),
}

function isSorted(list: CelList): boolean {
  for (let at = 1; at < list.size; at++) {
    if (compareValues(list.at(at - 1), list.at(at)) > 0) return false
  }
  return true
}

function extreme(list: CelList, name: 'min' | 'max'): CelValue {
  if (list.size === 0) throw new CelError(`${name} called on empty list`)
  let best = list.at(0)
  for (const item of list) {
    const order = compareValues(item, best)
    if (name === 'min' ? order < 0 : order > 0) best = item
  }
  return best
}

function indexOf(list: CelList, wanted: CelValue): bigint {
  for (let at = 0; at < list.size; at++) {
    if (equalValues(list.at(at), wanted)) return BigInt(at)
  }
  return -1n
}

function lastIndexOf(list: CelList, wanted: CelValue): bigint {
  for (let at = list.size - 1; at >= 0; at--) {
    if (equalValues(list.at(at), wanted)) return BigInt(at)
  }
  return -1n
}

function ofEachType(make: (type: string) => FunctionOverload): FunctionOverload[] {
  return comparable.map(make)
}

/** Kubernetes' own. */
export const listsLibrary: Library = {
  since: 0,
  functions: [
    ...ofEachType((type) =>
      memberFunction('isSorted', `list_${type}_is_sorted_bool`, [`list(${type})`], 'bool', isSorted),
    ),
    ...Object.entries(zeros).map(([type, zero]) =>
      memberFunction('sum', `list_${type}_sum_${type}`, [`list(${type})`], type, (list: CelList) =>
        list.toArray().reduce((sum, item) => add(sum, item), zero),
      ),
    ),
    ...ofEachType((type) =>
      memberFunction('max', `list_${type}_max_${type}`, [`list(${type})`], type, (list: CelList) =>
        extreme(list, 'max'),
      ),
    ),
    ...ofEachType((type) =>
      memberFunction('min', `list_${type}_min_${type}`, [`list(${type})`], type, (list: CelList) =>
        extreme(list, 'min'),
      ),
    ),
    memberFunction('indexOf', 'list_a_index_of_int', ['list(A)', 'A'], 'int', indexOf),
    memberFunction('lastIndexOf', 'list_a_last_index_of_int', ['list(A)', 'A'], 'int', lastIndexOf),
  ],
}

function includes(list: CelList, wanted: CelValue): boolean {
  return indexOf(list, wanted) >= 0n
}

function containsAll(list: CelList, part: CelList): boolean {
  return part.toArray().every((item) => includes(list, item))
}

export const setsLibrary: Library = {
  since: 29,
  functions: [
    globalFunction('sets.contains', 'list_sets_contains_list', ['list(T)', 'list(T)'], 'bool', containsAll),
    globalFunction(
      'sets.equivalent',
      'list_sets_equivalent_list',
      ['list(T)', 'list(T)'],
      'bool',
      (a: CelList, b: CelList) => containsAll(a, b) && containsAll(b, a),
    ),
    globalFunction(
      'sets.intersects',
      'list_sets_intersects_list',
      ['list(T)', 'list(T)'],
      'bool',
      (a: CelList, b: CelList) => a.toArray().some((item) => includes(b, item)),
    ),
  ],
}

function slice(list: CelList, start: bigint, end: bigint): CelList {
  const range = `cannot slice(${start}, ${end})`
  if (start < 0n || end < 0n) throw new CelError(`${range}, negative indexes not supported`)
  if (start > end) throw new CelError(`${range}, start index must be less than or equal to end index`)
  if (BigInt(list.size) < end) throw new CelError(`${range}, list is length ${list.size}`)
  return new ArrayList(list.toArray().slice(Number(start), Number(end)))
}

function flatten(list: CelList, depth = 1n): CelList {
  if (depth < 0n) throw new CelError('level must be non-negative')
  return new ArrayList(flattened(list, depth))
}

function flattened(list: CelList, depth: bigint): CelValue[] {
  return list
    .toArray()
    .flatMap((item) => (item instanceof CelList && depth > 0n ? flattened(item, depth - 1n) : [item]))
}

function distinct(list: CelList): CelList {
  const unique: CelValue[] = []
  for (const item of list) {
    if (!unique.some((other) => equalValues(item, other))) unique.push(item)
  }
  return new ArrayList(unique)
}

/** More would take more memory than its cost tells. */
const maxRange = 10_000_000n

function range(size: bigint): CelList {
  if (size < 0n) throw new CelError(`lists.range: size must be non-negative, got ${size}`)
  if (size > maxRange) throw new CelError(`lists.range: size ${size} exceeds maximum allowed (${maxRange})`)
  return new ArrayList(Array.from({ length: Number(size) }, (_, at) => BigInt(at)))
}

function sortBy(list: CelList, keys: CelList): CelList {
  if (list.size !== keys.size) {
    const sizes = `${list.size} and ${keys.size} elements respectively`
    throw new CelError(
      `@sortByAssociatedKeys() expected a list of the same size as the associated keys list, but got ${sizes}`,
    )
  }
  const entries = list.toArray().map((item, at) => ({ item, key: keys.at(at) }))
  const kind = entries[0] && typeOfValue(entries[0].key).kind
  if (kind !== undefined && !(comparable as readonly string[]).includes(kind)) {
    throw new CelError('list elements must be comparable')
  }
  if (entries.some(({ key }) => typeOfValue(key).kind !== kind)) {
    throw new CelError('list elements must have the same type')
  }
  return new ArrayList(entries.sort((a, b) => compareValues(a.key, b.key)).map(({ item }) => item))
}

const sortInput = '@__sortBy_input__'

/** `list.sortBy(x, key(x))`. */
const sortByMacro: MacroDeclaration = {
  name: 'sortBy',
  receiver: true,
  arguments: 2,
  expand: (make, target, args) => {
    const map = standardMacros.find(({ name, arguments: count }) => name === 'map' && count === 2)!
    const keys = map.expand(make, make.ident(sortInput), args)!
    return make.comprehension({
      range: make.list(),
      variable: unusedVariable,
      variable2: undefined,
      accumulator: sortInput,
      initial: target!,
      condition: make.literal(false),
      step: make.ident(sortInput),
      result: make.memberCall('@sortByAssociatedKeys', make.ident(sortInput), keys),
    })
  },
}

/** As cel-go's identifiers of overloads name the types. */
const overloadTypes: Readonly<Record<string, string>> = {
  duration: 'google.protobuf.Duration',
  timestamp: 'google.protobuf.Timestamp',
}

export const extendedListsLibrary: Library = {
  since: 34,
  macros: [sortByMacro],
  functions: [
    memberFunction('slice', 'list_slice', ['list(T)', 'int', 'int'], 'list(T)', slice),
    memberFunction('flatten', 'list_flatten', ['list(list(T))'], 'list(T)', flatten),
    memberFunction('flatten', 'list_flatten_int', ['list(dyn)', 'int'], 'list(dyn)', flatten),
    ...ofEachType((type) =>
      memberFunction(
        'sort',
        `list_${overloadTypes[type] ?? type}_sort`,
        [`list(${type})`],
        `list(${type})`,
        (list: CelList) => sortBy(list, list),
      ),
    ),
    ...ofEachType((type) =>
      memberFunction(
        '@sortByAssociatedKeys',
        `list_${overloadTypes[type] ?? type}_sortByAssociatedKeys`,
        ['list(T)', `list(${type})`],
        'list(T)',
        sortBy,
      ),
    ),
    globalFunction('lists.range', 'lists_range', ['int'], 'list(int)', range),
    memberFunction(
      'reverse',
      'list_reverse',
      ['list(T)'],
      'list(T)',
      (list: CelList) => new ArrayList(list.toArray().toReversed()),
    ),
    memberFunction('distinct', 'list_distinct', ['list(T)'], 'list(T)', distinct),
  ],
}

/** Only the macros call it, with a map that nobody else sees. */
function insertEntry(map: EntriesMap, key: CelValue, value: CelValue): CelMap {
  map.insert(key, value)
  return map
}

function insertEntries(map: EntriesMap, entries: CelMap): CelMap {
  for (const key of entries.keys()) map.insert(key, entries.get(key)!)
  return map
}

export const twoVariableLibrary: Library = {
  since: 32,
  macros: twoVariableMacros,
  functions: [
    globalFunction(
      'cel.@mapInsert',
      '@mapInsert_map_key_value',
      ['map(K, V)', 'K', 'V'],
      'map(K, V)',
      insertEntry,
    ),
    globalFunction(
      'cel.@mapInsert',
      '@mapInsert_map_map',
      ['map(K, V)', 'map(K, V)'],
      'map(K, V)',
      insertEntries,
    ),
  ],
}
