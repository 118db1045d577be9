import { goFloat } from './go-format.ts'
import { goJsonSorted } from './go-json.ts'
import { JsonPathError, parseTemplate, type JsonPathNode } from './json-path-parser.ts'
import type { JsonValue } from './meta.ts'

export { JsonPathError } from './json-path-parser.ts'

/**
 * Kubernetes' JSONPath, as `kubectl -o jsonpath`, printer columns and selectable fields of custom resources use it:
 * `{.status.conditions[?(@.type=="Ready")].status}`, `{range .items[*]}{.metadata.name}{"\n"}{end}`.
 * Source: k8s.io/client-go/util/jsonpath.
 */
export interface JsonPath {
  readonly nodes: readonly JsonPathNode[]
}

export interface JsonPathOptions {
  /** A field that is missing gives no result instead of an error. Default false. */
  readonly allowMissingKeys?: boolean
}

/** Reads a template, in which expressions stand in braces. Throws a JsonPathError. */
export function parseJsonPath(template: string): JsonPath {
  return { nodes: parseTemplate(template) }
}

/** What each part of the template finds, in order; a range repeats its parts. Throws a JsonPathError. */
export function findJsonPath(
  { nodes }: JsonPath,
  data: JsonValue,
  { allowMissingKeys = false }: JsonPathOptions = {},
): JsonValue[][] {
  return new Evaluation(nodes, allowMissingKeys).run(0, [data])
}

/** The template filled in. Throws a JsonPathError. */
export function executeJsonPath(path: JsonPath, data: JsonValue, options: JsonPathOptions = {}): string {
  return findJsonPath(path, data, options).map(printJsonPathResults).join('')
}

/** Values as text, separated by spaces: objects and lists as JSON, null as `null`. */
export function printJsonPathResults(results: readonly JsonValue[]): string {
  return results.map(printValue).join(' ')
}

function printValue(value: JsonValue): string {
  if (typeof value === 'string') return value
  if (typeof value === 'number') return goFloat(value)
  return goJsonSorted(value)
}

type Values = readonly JsonValue[]

class Evaluation {
  readonly #nodes: readonly JsonPathNode[]
  readonly #allowMissingKeys: boolean
  #openedRanges = 0
  #closedRanges = 0
  #depth = 0
  #lastEnd = -1

  constructor(nodes: readonly JsonPathNode[], allowMissingKeys: boolean) {
    this.#nodes = nodes
    this.#allowMissingKeys = allowMissingKeys
  }

  /** Evaluates from a part on, to the end of the template or of the range that it is in. */
  run(from: number, input: Values): JsonValue[][] {
    const found: JsonValue[][] = []
    for (let index = from; index < this.#nodes.length; index++) {
      const results = this.#walk(input, this.#nodes[index]!)
      if (this.#closedRanges > 0 && this.#closedRanges <= this.#depth) {
        this.#closedRanges--
        this.#lastEnd = index
        break
      }
      if (this.#openedRanges > 0) {
        this.#openedRanges--
        this.#depth++
        // Without any value the range is gone through once, to find its end.
        if (results.length === 0) this.run(index + 1, [])
        for (const value of results) found.push(...this.run(index + 1, [value]))
        this.#depth--
        index = Math.max(index, this.#lastEnd)
        continue
      }
      found.push([...results])
    }
    return found
  }

  #walk(input: Values, node: JsonPathNode): Values {
    switch (node.kind) {
      case 'list':
        return node.nodes.reduce((values, next) => this.#walk(values, next), input)
      case 'text':
        return [node.text]
      case 'literal':
        return input.map(() => node.value)
      case 'field':
        return this.#field(input, node.name)
      case 'slice':
        return input.flatMap((value) => slice(value, node))
      case 'filter':
        return input.flatMap((value) => this.#filter(value, node))
      case 'wildcard':
        return input.flatMap(contentOf)
      case 'recursive':
        return input.flatMap(descend)
      case 'union':
        return node.alternatives.flatMap((alternative) => this.#walk(input, alternative))
      case 'identifier':
        return this.#identifier(input, node.name)
    }
  }

  #field(input: Values, name: string): Values {
    if (input.length === 0) return []
    const results = input.flatMap((value) => {
      if (!isObject(value) || !Object.hasOwn(value, name)) return []
      return [value[name]!]
    })
    if (results.length === 0 && !this.#allowMissingKeys) throw new JsonPathError(`${name} is not found`)
    return results
  }

  #identifier(input: Values, name: string): Values {
    if (name === 'range') {
      this.#openedRanges++
      return input
    }
    if (name !== 'end') throw new JsonPathError(`unrecognized identifier ${name}`)
    if (this.#depth === 0) throw new JsonPathError('not in range, nothing to end')
    this.#closedRanges++
    return []
  }

  #filter(value: JsonValue, node: Extract<JsonPathNode, { kind: 'filter' }>): Values {
    if (!isList(value)) {
      throw new JsonPathError(`${goJsonSorted(value)} is not array or slice and cannot be filtered`)
    }
    return value.filter((item) => {
      if (node.operator === 'exists') return this.#exists(item, node.left)
      const left = only(this.#walk([item], node.left))
      if (left === undefined) return false
      const right = only(this.#walk([item], node.right))
      return right !== undefined && compare(left, node.operator, right)
    })
  }

  #exists(item: JsonValue, node: JsonPathNode): boolean {
    try {
      return this.#walk([item], node).length > 0
    } catch (error) {
      if (error instanceof JsonPathError) return false
      throw error
    }
  }
}

function isObject(value: JsonValue): value is { readonly [key: string]: JsonValue } {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function isList(value: JsonValue): value is readonly JsonValue[] {
  return Array.isArray(value)
}

/** Values of an object, items of a list; of a text its bytes, as in Go. */
function contentOf(value: JsonValue): Values {
  if (isList(value)) return value
  if (isObject(value)) return Object.values(value)
  return typeof value === 'string' ? [...Buffer.from(value)] : []
}

/** The value and all that is inside it, as far as that has content. */
function descend(value: JsonValue): Values {
  const content = contentOf(value)
  return content.length === 0 ? [] : [value, ...content.flatMap(descend)]
}

function slice(
  value: JsonValue,
  { start = 0, end, step = 1, single }: Extract<JsonPathNode, { kind: 'slice' }>,
): Values {
  if (value === null) return []
  if (!isList(value)) throw new JsonPathError(`${goTypeOf(value)} is not array or slice`)
  const { length } = value
  const from = start < 0 ? start + length : start
  let to = single ? start + 1 : (end ?? length)
  if (to < 0 || (to === 0 && single)) to += length
  if (from === to) return []
  if (from >= length || from < 0) throw outOfBounds(from, length)
  if (to > length || to < 0) throw outOfBounds(to - 1, length)
  if (from > to) throw new JsonPathError(`starting index ${from} is greater than ending index ${to}`)
  if (step <= 0) throw new JsonPathError('step must be > 0')
  return value.slice(from, to).filter((_, index) => index % step === 0)
}

function outOfBounds(index: number, length: number): JsonPathError {
  return new JsonPathError(`array index out of bounds: index ${index}, length ${length}`)
}

function goTypeOf(value: JsonValue): string {
  if (typeof value === 'bigint') return 'int64'
  if (typeof value === 'number') return Number.isInteger(value) ? 'int64' : 'float64'
  if (typeof value === 'boolean') return 'bool'
  return typeof value === 'string' ? 'string' : 'map[string]interface {}'
}

function only(values: Values): JsonValue | undefined {
  if (values.length > 1) throw new JsonPathError('can only compare one element at a time')
  return values[0]
}

/** Values of different kinds cannot be compared; whole numbers and others are different kinds. */
function compare(left: JsonValue, operator: string, right: JsonValue): boolean {
  const leftType = comparableType(left)
  const rightType = comparableType(right)
  switch (operator) {
    case '==':
    case '!=':
      if (leftType !== rightType) throw new JsonPathError('incompatible types for comparison')
      return (left === right) === (operator === '==')
    case '<':
    case '>=':
      return isLess(left, leftType, right, rightType) === (operator === '<')
    case '<=':
    case '>':
      return (isLess(left, leftType, right, rightType) || left === right) === (operator === '<=')
    default:
      throw new JsonPathError(`unrecognized filter operator ${operator}`)
  }
}

function comparableType(value: JsonValue): string {
  if (typeof value === 'object') throw new JsonPathError('invalid type for comparison')
  return goTypeOf(value)
}

function isLess(left: JsonValue, leftType: string, right: JsonValue, rightType: string): boolean {
  if (leftType !== rightType) throw new JsonPathError('incompatible types for comparison')
  if (leftType === 'bool') throw new JsonPathError('invalid type for comparison')
  return (left as string | number) < (right as string | number)
}
