import { compareGoStrings, goFloat, goQuote } from '../go-format.ts'
import { goJson } from '../go-json.ts'
import { parseWithLongIntegers } from '../long-integers.ts'
import type { JsonValue } from '../meta.ts'

/*
 * Path elements of managed fields, in the text form that FieldsV1 has as keys: `f:name` is a field, `k:{...}` the item
 * of a list with these keys, `v:value` the item of a set, `i:number` an item by position. Within the process the text
 * is always the canonical one, so that equal elements are equal strings. Source: structured-merge-diff/fieldpath.
 */

/** The text that says that a node of FieldsV1 belongs to the set itself, beside its children. */
export const selfKey = '.'

export function fieldElement(name: string): string {
  return `f:${name}`
}

export function valueElement(value: JsonValue): string {
  return `v:${goJson(value)}`
}

/** `fields` in the order of their names. */
export function keyElement(fields: readonly KeyField[]): string {
  return `k:{${fields.map(([name, value]) => `${JSON.stringify(name)}:${goJson(value)}`).join(',')}}`
}

/** The name of a field element; undefined for the others. */
export function fieldNameOf(element: string): string | undefined {
  return element.startsWith('f:') ? element.slice(2) : undefined
}

/** Canonical texts of elements read from outside; undefined for those of a kind we do not know. */
const canonicalTexts = new Map<string, string | undefined>()
const maxCached = 10_000

/** Throws an Error when the text is malformed; undefined when it is to be ignored. */
export function canonicalElement(text: string): string | undefined {
  if (text.startsWith('f:')) return text
  if (canonicalTexts.has(text)) return canonicalTexts.get(text)
  const canonical = readElement(text)
  if (canonicalTexts.size >= maxCached) canonicalTexts.clear()
  canonicalTexts.set(text, canonical)
  return canonical
}

function readElement(text: string): string | undefined {
  if (text.length < 2) throw new Error('key must be 2 characters long:')
  if (text[1] !== ':') throw new Error(`missing colon: ${text}`)
  switch (text[0]) {
    case 'v':
      return valueElement(parseWithLongIntegers(text.slice(2)) as JsonValue)
    case 'k':
      return keyElement(keyFields(text))
    case 'i': {
      if (!/^[-+]?[0-9]+$/.test(text.slice(2))) {
        throw new Error(`strconv.Atoi: parsing ${goQuote(text.slice(2))}: invalid syntax`)
      }
      return `i:${Number(text.slice(2))}`
    }
    default:
      return undefined
  }
}

const parsedKeys = new Map<string, readonly KeyField[]>()

/** The keys of a `k:` element in the order of their names; remembered, since sets are sorted often. */
function keyFields(element: string): readonly KeyField[] {
  let fields = parsedKeys.get(element)
  if (!fields) {
    fields = parseKeyFields(element)
    if (parsedKeys.size >= maxCached) parsedKeys.clear()
    parsedKeys.set(element, fields)
  }
  return fields
}

type KeyField = readonly [name: string, value: JsonValue]

function parseKeyFields(element: string): readonly KeyField[] {
  const keys = parseWithLongIntegers(element.slice(2))
  if (typeof keys !== 'object' || keys === null || Array.isArray(keys)) {
    throw new Error(`not an object: ${element}`)
  }
  return Object.entries(keys as Record<string, JsonValue>).sort(([a], [b]) => compareGoStrings(a, b))
}

const ranks: Readonly<Record<string, number>> = { '.': -1, f: 0, k: 1, v: 2, i: 3 }

/** Upstream's order of elements: fields by name, then keys, values and positions. */
export function compareElements(a: string, b: string): number {
  if (a === b) return 0
  const rank = ranks[a[0]!]! - ranks[b[0]!]!
  if (rank !== 0) return rank
  switch (a[0]) {
    case 'k':
      return compareKeys(a, b)
    case 'v':
      return compareValues(
        parseWithLongIntegers(a.slice(2)) as JsonValue,
        parseWithLongIntegers(b.slice(2)) as JsonValue,
      )
    case 'i':
      return Number(a.slice(2)) - Number(b.slice(2))
    default:
      return compareGoStrings(a, b)
  }
}

function compareKeys(a: string, b: string): number {
  const left = keyFields(a)
  const right = keyFields(b)
  for (let index = 0; index < Math.min(left.length, right.length); index++) {
    const [leftName, leftValue] = left[index]!
    const [rightName, rightValue] = right[index]!
    const order = compareGoStrings(leftName, rightName) || compareValues(leftValue, rightValue)
    if (order !== 0) return order
  }
  return left.length - right.length
}

/** Numbers, then strings, booleans, everything else. */
function compareValues(a: JsonValue, b: JsonValue): number {
  const kinds = valueRank(a) - valueRank(b)
  if (kinds !== 0) return kinds
  if (isNumeric(a) && isNumeric(b)) return a < b ? -1 : a > b ? 1 : 0
  if (typeof a === 'boolean' && typeof b === 'boolean') return Number(a) - Number(b)
  return compareGoStrings(typeof a === 'string' ? a : goJson(a), typeof b === 'string' ? b : goJson(b))
}

function valueRank(value: JsonValue): number {
  return isNumeric(value) ? 0 : ['string', 'boolean', 'object'].indexOf(typeof value) + 1
}

function isNumeric(value: JsonValue): value is number | bigint {
  return typeof value === 'number' || typeof value === 'bigint'
}

/** As messages print it: `.name`, `[name="a",port=80]`, `[="a"]`, `[3]`. */
export function printElement(element: string): string {
  switch (element[0]) {
    case 'f':
      return `.${element.slice(2)}`
    case 'k':
      return `[${keyFields(element)
        .map(([name, value]) => `${name}=${printValue(value)}`)
        .join(',')}]`
    case 'v':
      return `[=${printValue(parseWithLongIntegers(element.slice(2)) as JsonValue)}]`
    default:
      return `[${element.slice(2)}]`
  }
}

function printValue(value: JsonValue): string {
  if (value === null) return 'null'
  if (typeof value === 'string') return goQuote(value)
  if (typeof value === 'number') return goFloat(value)
  if (typeof value === 'boolean' || typeof value === 'bigint') return String(value)
  if (Array.isArray(value)) return `[${value.map(printValue).join(',')}]`
  return Object.entries(value)
    .map(([key, item]) => `${key}=${printValue(item)}`)
    .join('')
}

/** `.spec.containers[name="a"].image`. */
export function printPath(path: readonly string[]): string {
  return path.map(printElement).join('')
}
