import { unboundedCost } from '../limits.ts'
import type { CelType } from '../types.ts'
import type { CelValue } from '../values/value.ts'
import { listCreationCost, regexFactor, stringFactor } from './factors.ts'
import { fixed, plus, scaled, times, unknownSize, type Range } from './range.ts'

/** What estimates know of an argument. */
export interface CostNode {
  readonly type: CelType
  readonly size: Range | undefined
  readonly literal?: CelValue
  /** What the declaration says of the items. */
  readonly itemSize: () => Range | undefined
}

export interface CallEstimate {
  readonly cost: Range
  readonly size?: Range
}

/**
 * The cost of a call without that of its arguments, and the size of its result. Source:
 * k8s.io/apiserver/pkg/cel/library/cost.go, cel-go's checker/cost.go and extension libraries.
 */
export function estimateCall(
  name: string,
  id: string,
  target: CostNode | undefined,
  args: readonly CostNode[],
): CallEstimate {
  return (
    ofExtension(id, target, args) ??
    ofKubernetes(name, id, target, args) ??
    ofLanguage(id, target, args) ?? { cost: fixed(1) }
  )
}

function sizeOf(node: CostNode): Range {
  return node.size ?? unknownSize
}

/** Reading a string once, or some times. */
function reading(size: Range, times = 1): Range {
  return scaled(size, times * stringFactor)
}

function regexCost(text: CostNode, pattern: CostNode): Range {
  return times(reading(plus(sizeOf(text), fixed(1))), scaled(sizeOf(pattern), regexFactor))
}

function ofLanguage(
  id: string,
  target: CostNode | undefined,
  args: readonly CostNode[],
): CallEstimate | undefined {
  const [first, second] = args
  switch (id) {
    case 'string_to_bytes': {
      const size = sizeOf(first!)
      return { cost: reading(size), size: { min: size.min, max: Math.min(size.max * 4, unboundedCost) } }
    }
    case 'strings_quote': {
      const size = sizeOf(first!)
      return {
        cost: reading(size),
        size: { min: size.min + 2, max: Math.min(size.max * 2 + 2, unboundedCost) },
      }
    }
    case 'string_format':
      return { cost: reading(sizeOf(target!)) }
    case 'bytes_to_string': {
      const size = sizeOf(first!)
      return { cost: reading(size), size: { min: Math.floor(size.min / 4), max: size.max } }
    }
    case 'starts_with_string':
    case 'ends_with_string':
      return { cost: reading(sizeOf(first!)) }
    case 'in_list':
      return { cost: sizeOf(second!) }
    case 'matches':
      return { cost: regexCost(first!, second!) }
    case 'matches_string':
      return { cost: regexCost(target!, first!) }
    case 'contains_string':
      return { cost: times(reading(sizeOf(target!)), reading(sizeOf(first!))) }
    case 'add_list':
      return { cost: fixed(1), size: plus(sizeOf(first!), sizeOf(second!)) }
    case 'add_string':
    case 'add_bytes': {
      const size = plus(sizeOf(first!), sizeOf(second!))
      return { cost: reading(size), size }
    }
    default:
      return comparesSizes.test(id) ? { cost: comparison(first!, second!) } : undefined
  }
}

const comparesSizes = /^(?:(?:less|less_equals|greater|greater_equals)_(?:string|bytes)|equals|not_equals)$/

function comparison(a: CostNode, b: CostNode): Range {
  const max = Math.min(sizeOf(a).max, sizeOf(b).max)
  return reading({ min: max > 0 ? 1 : 0, max })
}

function ofKubernetes(
  name: string,
  id: string,
  target: CostNode | undefined,
  args: readonly CostNode[],
): CallEstimate | undefined {
  const [first] = args
  switch (name) {
    case 'check':
      return { cost: fixed(350_000) }
    case 'fieldSelector':
    case 'labelSelector':
      return { cost: selectorCost(sizeOf(first!)) }
    case 'isSorted':
    case 'sum':
    case 'max':
    case 'min':
    case 'indexOf':
    case 'lastIndexOf':
      return target && { cost: itemwise(target) }
    case 'url':
    case 'jsonpatch.escapeKey':
      return { cost: reading(sizeOf(first!)), size: sizeOf(first!) }
    case 'lowerAscii':
    case 'upperAscii':
    case 'substring':
    case 'trim':
      return { cost: reading(sizeOf(target!)), size: sizeOf(target!) }
    case 'replace':
      return replacement(sizeOf(target!), sizeOf(first!), sizeOf(args[1]!))
    case 'split':
      return splitting(target!, args[1]?.literal)
    case 'join':
      return joining(target!, first)
    case 'find':
    case 'findAll':
      return { cost: regexCost(target!, first!), size: { min: 0, max: sizeOf(target!).max } }
    case 'cidr':
    case 'isIP':
    case 'isCIDR':
    case 'quantity':
    case 'isQuantity':
    case 'semver':
    case 'isSemver':
      return { cost: reading(sizeOf(first!)) }
    case 'ip':
      return { cost: id === 'cidr_ip' ? fixed(1) : reading(sizeOf(first!)) }
    case 'ip.isCanonical':
      return { cost: reading(sizeOf(first!), 2) }
    case 'containsIP':
    case 'containsCIDR':
      return { cost: containment(id, first!) }
    case 'validate':
      return { cost: scaled(reading(sizeOf(first!)), maxNameFormatRegexSize * regexFactor) }
    case '_==_':
      return equality(first!, args[1]!)
    default:
      return nominal.has(name) ? { cost: fixed(1) } : undefined
  }
}

const maxNameFormatRegexSize = 128
const maxFormatSize = 64

/** Accessors, whatever overload they are. */
const nominal: ReadonlySet<string> = new Set(
  [
    'serviceAccount path group resource subresource namespace name allowed reason error errored',
    'masked prefixLength family isUnspecified isLoopback isLinkLocalMulticast',
    'isLinkLocalUnicast isGlobalUnicast format.named sign asInteger isInteger',
    'asApproximateFloat isGreaterThan isLessThan compareTo add sub major minor patch getScheme',
    'getHostname getHost getPort getEscapedPath getQuery',
  ].flatMap((names) => names.split(' ')),
)

function selectorCost(length: Range): Range {
  const requirements = scaled(scaled(length, 0.5), 50)
  return plus(plus(fixed(listCreationCost), reading(length)), requirements)
}

/** Each item once; strings and bytes are read. */
function itemwise(list: CostNode): Range {
  const item = itemOf(list)
  if (!item) return reading(sizeOf(list))
  const isText = item.type.kind === 'string' || item.type.kind === 'bytes'
  return times(sizeOf(list), isText ? plus(fixed(1), reading(item.size)) : fixed(1))
}

function itemOf(list: CostNode): { type: CelType; size: Range } | undefined {
  const { type } = list
  if (type.kind === 'list') return { type: type.element, size: list.itemSize() ?? unknownSize }
  return undefined
}

function replacement(text: Range, old: Range, by: Range): CallEstimate {
  let [countMin, countMax, keptMin, keptMax] = [0, 0, 0, 0]
  if (old.min === 0) [countMax, keptMax] = [Math.min(text.max + 1, unboundedCost), text.max]
  else if (by.max <= old.min) keptMax = text.max
  else countMax = Math.ceil(text.max / old.min)
  if (old.max === 0) [countMin, keptMin] = [text.min + 1, text.min]
  else if (old.max <= by.min) keptMin = text.min
  else countMin = Math.ceil(text.min / old.max)
  const size = plus(times({ min: countMin, max: countMax }, by), { min: keptMin, max: keptMax })
  return { cost: reading(text, 2), size }
}

function splitting(text: CostNode, limit: CelValue | undefined): CallEstimate {
  const size = sizeOf(text)
  const max = typeof limit === 'bigint' ? Number(BigInt.asUintN(64, limit)) : size.max
  return { cost: reading(size, 2), size: { min: 0, max } }
}

function joining(list: CostNode, separator: CostNode | undefined): CallEstimate {
  const count = sizeOf(list)
  const item = itemOf(list)
  let size = item ? times(count, item.size) : fixed(0)
  if (separator) {
    const separators = { min: Math.max(0, count.min - 1), max: Math.max(0, count.max - 1) }
    size = plus(size, times(sizeOf(separator), separators))
  }
  return { cost: reading(size), size }
}

/** An address has 4 or 16 bytes. */
const addressSize: Range = { min: 4, max: 16 }

function containment(id: string, other: CostNode): Range {
  const compared = reading(plus(addressSize, addressSize))
  // The string's size is taken for a cost there, and read as such.
  const parsed = id.endsWith('_string') ? reading(sizeOf(other)) : fixed(0)
  const masked = id.startsWith('cidr_contains_cidr') ? plus(reading(addressSize), fixed(1)) : fixed(0)
  return plus(plus(compared, masked), parsed)
}

const comparedAtOnce: ReadonlySet<string> = new Set([
  'net.IP',
  'net.CIDR',
  'kubernetes.Quantity',
  'kubernetes.Semver',
  'kubernetes.authorization.Authorizer',
  'kubernetes.authorization.PathCheck',
  'kubernetes.authorization.GroupCheck',
  'kubernetes.authorization.ResourceCheck',
  'kubernetes.authorization.Decision',
])

function equality(a: CostNode, b: CostNode): CallEstimate | undefined {
  const name = 'name' in a.type && 'name' in b.type && a.type.name === b.type.name ? a.type.name : ''
  if (comparedAtOnce.has(name)) return { cost: fixed(1) }
  if (name === 'kubernetes.NamedFormat') return { cost: reading({ min: 1, max: maxFormatSize }) }
  if (name !== 'kubernetes.URL') return undefined
  return { cost: reading({ min: 1, max: b.size?.max ?? 1 }) }
}

function ofExtension(
  id: string,
  target: CostNode | undefined,
  args: readonly CostNode[],
): CallEstimate | undefined {
  const [first, second] = args
  switch (id) {
    case 'list_sets_contains_list':
    case 'list_sets_intersects_list':
      return { cost: plus(times(sizeOf(first!), sizeOf(second!)), fixed(1)) }
    case 'list_sets_equivalent_list':
      return { cost: plus(scaled(times(sizeOf(first!), sizeOf(second!)), 2), fixed(1)) }
    case 'list_slice': {
      const start = literalOr(first!, 0)
      return listCall(1, fixed(wrapped(literalOr(second!, sizeOf(target!).max) - start)))
    }
    case 'lists_range':
      return listCall(1, fixed(literalOr(first!, unboundedCost)))
    case 'list_reverse':
      return listCall(1, sizeOf(target!))
    case 'list_flatten':
    case 'list_flatten_int':
      return listCall(first ? literalOr(first, unboundedCost) : 1, sizeOf(target!))
    case 'list_distinct':
      return selfComparison(target!, target!.type)
    default:
      return sorting(id, target, first)
  }
}

function sorting(
  id: string,
  target: CostNode | undefined,
  keys: CostNode | undefined,
): CallEstimate | undefined {
  if (!/^list_.+_(?:sort|sortByAssociatedKeys)$/.test(id)) return undefined
  const list = id.endsWith('_sort') ? target! : keys!
  const isText = /^list_(?:string|bytes)_/.test(id)
  return listCall(isText ? 2 + stringFactor : 2, times(sizeOf(list), sizeOf(list)))
}

function selfComparison(list: CostNode, type: CelType): CallEstimate {
  const kind = type.kind === 'list' ? type.element.kind : type.kind
  const isText = kind === 'string' || kind === 'bytes'
  return listCall(isText ? 2 + stringFactor : 2, times(sizeOf(list), sizeOf(list)))
}

function listCall(factor: number, size: Range): CallEstimate {
  return { cost: plus(scaled(size, factor), fixed(listCreationCost + 1)), size }
}

function literalOr(node: CostNode, otherwise: number): number {
  return typeof node.literal === 'bigint' ? Number(node.literal < 0n ? 0n : node.literal) : otherwise
}

/** Unsigned, as upstream subtracts. */
function wrapped(value: number): number {
  return value < 0 ? unboundedCost : value
}
