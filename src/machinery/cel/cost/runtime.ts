import { CelList } from '../values/list.ts'
import { CelMap } from '../values/map.ts'
import { CelObject } from '../values/object.ts'
import { CelOpaque } from '../values/opaque.ts'
import { costSizeOf } from '../values/size.ts'
import type { CelValue } from '../values/value.ts'
import { regexFactor, stringFactor, listCreationCost } from './factors.ts'

type CostOfCall = (args: readonly CelValue[], result: CelValue) => number

/**
 * What calling a function costs, a constant where it is always the same; `id` is empty where the types of the arguments
 * are known only when it is called. Source: k8s.io/apiserver/pkg/cel/library/cost.go, cel-go's
 * interpreter/runtimecost.go and its extension libraries.
 */
export function runtimeCostOf(name: string, id: string): number | CostOfCall {
  return byId[id] ?? ofKubernetes(name, id) ?? 1
}

function size(args: readonly CelValue[], at: number): number {
  return costSizeOf(args[at]!)
}

/** Reading the argument once, or some times. */
function traversal(at: number, times = 1): CostOfCall {
  return (args) => Math.ceil(size(args, at) * times * stringFactor)
}

const comparison: CostOfCall = (args) => Math.ceil(Math.min(size(args, 0), size(args, 1)) * stringFactor)
const concatenation: CostOfCall = (args) => Math.ceil((size(args, 0) + size(args, 1)) * stringFactor)

/** The pattern's length stands for the number of its parts. */
const regex: CostOfCall = (args) =>
  Math.ceil((1 + size(args, 0)) * stringFactor) * Math.ceil(size(args, 1) * regexFactor)

const contains: CostOfCall = (args) =>
  Math.ceil(size(args, 0) * stringFactor) * Math.ceil(size(args, 1) * stringFactor)

const equality: CostOfCall = (args, result) => (args[0] instanceof CelOpaque ? 1 : comparison(args, result))

function sets(times: number): CostOfCall {
  return (args) => 1 + size(args, 0) * size(args, 1) * times
}

function listCall(factor: number, items: number): number {
  return Math.trunc(items * factor) + 1 + listCreationCost
}

const resultList: CostOfCall = (_, result) => listCall(1, costSizeOf(result))

const flatten: CostOfCall = (args) => listCall(Math.max(Number(args[1] ?? 1n), 0), size(args, 0))

function selfComparison(at: number): CostOfCall {
  return (args) => {
    const list = args[at] as CelList
    const first = list.size === 0 ? undefined : list.at(0)
    const isText = typeof first === 'string' || first instanceof Uint8Array
    return listCall(isText ? 2 + stringFactor : 2, list.size * list.size)
  }
}

const byId: Readonly<Record<string, number | CostOfCall>> = {
  starts_with_string: traversal(1),
  ends_with_string: traversal(1),
  string_to_bytes: traversal(0),
  bytes_to_string: traversal(0),
  strings_quote: traversal(0),
  string_format: traversal(0),
  in_list: (args) => size(args, 1),
  ...Object.fromEntries(
    ['less', 'less_equals', 'greater', 'greater_equals'].flatMap((verb) => [
      [`${verb}_string`, comparison],
      [`${verb}_bytes`, comparison],
    ]),
  ),
  equals: equality,
  not_equals: comparison,
  add_string: concatenation,
  add_bytes: concatenation,
  matches: regex,
  matches_string: regex,
  contains_string: contains,
  list_sets_contains_list: sets(1),
  list_sets_intersects_list: sets(1),
  list_sets_equivalent_list: sets(2),
  list_slice: resultList,
  lists_range: resultList,
  list_reverse: resultList,
  list_distinct: selfComparison(0),
  list_flatten: flatten,
  list_flatten_int: flatten,
  ...Object.fromEntries(
    [
      'int',
      'uint',
      'double',
      'bool',
      'google.protobuf.Duration',
      'google.protobuf.Timestamp',
      'string',
      'bytes',
    ].flatMap((type) => [
      [`list_${type}_sort`, selfComparison(0)],
      [`list_${type}_sortByAssociatedKeys`, selfComparison(1)],
    ]),
  ),
}

const checkCost = 350_000

function ofKubernetes(name: string, id: string): number | CostOfCall | undefined {
  switch (name) {
    case 'check':
      return checkCost
    case 'fieldSelector':
    case 'labelSelector':
      return (args) => selectorCost(size(args, 1))
    case 'isSorted':
    case 'sum':
    case 'max':
    case 'min':
    case 'indexOf':
    case 'lastIndexOf':
      return (args) => traversalOf(args[0]!)
    case 'url':
    case 'lowerAscii':
    case 'upperAscii':
    case 'substring':
    case 'trim':
    case 'jsonpatch.escapeKey':
    case 'cidr':
    case 'isIP':
    case 'isCIDR':
    case 'quantity':
    case 'isQuantity':
    case 'semver':
    case 'isSemver':
      return traversal(0)
    case 'ip':
      return id === 'cidr_ip' ? 1 : traversal(0)
    case 'replace':
    case 'split':
    case 'ip.isCanonical':
      return traversal(0, 2)
    case 'join':
      return (_, result) => Math.ceil(costSizeOf(result) * 2 * stringFactor)
    case 'find':
    case 'findAll':
      return regex
    case 'containsIP':
      return (args) =>
        Math.ceil(2 * size(args, 0) * stringFactor) + parsing(id === 'cidr_contains_ip_string', args)
    case 'containsCIDR':
      return (args) => {
        const own = size(args, 0)
        const base = Math.ceil(2 * own * stringFactor) + Math.ceil(own * stringFactor) + 1
        return base + parsing(id === 'cidr_contains_cidr_string', args)
      }
    case 'validate':
      return (args) => {
        const pattern = args[0] instanceof CelOpaque ? args[0].costSize : 1
        return Math.ceil((1 + size(args, 1)) * stringFactor) * Math.ceil(pattern * regexFactor)
      }
    default:
      return undefined
  }
}

function parsing(needed: boolean, args: readonly CelValue[]): number {
  return needed ? Math.ceil(size(args, 1) * stringFactor) : 0
}

/** Two characters make a requirement at least, and each is a list and a struct. */
export function selectorCost(length: number): number {
  const requirements = Math.ceil(length * 0.5)
  return listCreationCost + Math.ceil(length * stringFactor) + requirements * 50
}

/** Reading a value with everything inside. */
function traversalOf(value: CelValue): number {
  if (typeof value === 'string') return Math.trunc(Buffer.byteLength(value) * stringFactor)
  if (value instanceof Uint8Array) return Math.trunc(value.length * stringFactor)
  let cost = 0
  if (value instanceof CelList) {
    for (const item of value) cost += traversalOf(item)
    return cost
  }
  if (value instanceof CelMap) {
    for (const key of value.keys()) cost += traversalOf(key) + traversalOf(value.get(key) ?? null)
    return cost
  }
  if (!(value instanceof CelObject)) return 1
  for (const [name, field] of value.fields) cost += traversalOf(name) + traversalOf(field)
  return cost
}
