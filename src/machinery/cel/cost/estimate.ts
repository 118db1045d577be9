import type { CelCostEstimate } from '../cel.ts'
import type { CelDeclaration } from '../declaration.ts'
import { codePointCount } from '../code-points.ts'
import {
  accumulatorName,
  type CallExpression,
  type ComprehensionExpression,
  type Expression,
  type SelectExpression,
} from '../syntax/expression.ts'
import type { CelType } from '../types.ts'
import { estimateCall, type CallEstimate, type CostNode } from './call-estimate.ts'
import { listCreationCost, mapCreationCost, objectCreationCost } from './factors.ts'
import { fixed, plus, times, union, unknownSize, type Range } from './range.ts'

/**
 * What evaluating may cost, without evaluating. Sizes come from literals and from the bounds that variables declare; a
 * size that nothing bounds makes the cost unbounded. Source: cel-go's checker/cost.go, with presence tests free.
 */
export function estimateCost(
  expression: Expression,
  variables: ReadonlyMap<string, CelDeclaration>,
): CelCostEstimate {
  return new Estimator(variables).cost(expression)
}

/** Sizes of what a list or map holds. */
interface Entries {
  readonly isList: boolean
  readonly key: Range
  readonly value: Range
}

/** A local variable: where it comes from, and what is known of its size. */
interface Local {
  readonly path: Path | undefined
  readonly size: Range | undefined
  readonly entries: Entries | undefined
}

/** A variable, then fields, `@items`, `@values`, `@keys`, `@indices`. */
type Path = readonly string[]

const free = fixed(0)
const one = fixed(1)

class Estimator {
  readonly #variables: ReadonlyMap<string, CelDeclaration>
  readonly #paths = new Map<Expression, Path | undefined>()
  readonly #sizes = new Map<Expression, Range>()
  readonly #entries = new Map<Expression, Entries>()
  #locals: ReadonlyMap<string, Local> = new Map()

  constructor(variables: ReadonlyMap<string, CelDeclaration>) {
    this.#variables = variables
  }

  cost(expression: Expression): Range {
    switch (expression.kind) {
      case 'literal':
        return free
      case 'ident':
        this.#paths.set(
          expression,
          this.#locals.get(expression.name)?.path ?? [expression.global ?? expression.name],
        )
        return one
      case 'select':
        return this.#select(expression)
      case 'call':
        return this.#call(expression)
      case 'list':
        return this.#list(expression)
      case 'map':
        return this.#map(expression)
      case 'struct':
        return expression.fields.reduce(
          (sum, { value }) => plus(sum, this.cost(value)),
          fixed(objectCreationCost),
        )
      case 'comprehension':
        return isBinding(expression) ? this.#binding(expression) : this.#loop(expression)
    }
  }

  #select(expression: SelectExpression): Range {
    if (expression.resolved) {
      const cost = this.cost(expression.resolved)
      this.#paths.set(expression, this.#paths.get(expression.resolved))
      return cost
    }
    const { operand, field, testOnly } = expression
    const cost = this.cost(operand)
    if (testOnly) return cost
    this.#paths.set(expression, appended(this.#paths.get(operand), field))
    const kind = operand.type!.kind
    return kind === 'map' || kind === 'struct' || kind === 'typeParameter' ? plus(cost, one) : cost
  }

  #call(expression: CallExpression): Range {
    const { args, target, function: name } = expression
    if (name === 'dyn') {
      const cost = this.cost(args[0]!)
      this.#copySizes(expression, args[0]!)
      return plus(cost, one)
    }
    const argumentCosts = args.map((arg) => this.cost(arg))
    const nodes = args.map((arg) => this.#node(arg))
    const targetCost = target === undefined ? free : this.cost(target)
    const targetNode = target && this.#node(target)
    let cost: Range | undefined
    let size: Range | undefined
    for (const id of expression.overloads ?? []) {
      const estimate = this.#callOf(expression, id, targetNode, nodes, argumentCosts)
      cost = cost === undefined ? estimate.cost : union(cost, estimate.cost)
      if (estimate.size) size = size === undefined ? estimate.size : union(size, estimate.size)
      if (id === 'index_list' || id === 'index_map') {
        size = this.#entriesOf(args[0]!)?.value
        const step = id === 'index_list' ? '@items' : '@values'
        this.#paths.set(expression, appended(this.#paths.get(args[0]!), step))
      }
      size ??= this.#sizeOf(expression)
    }
    if (size) this.#sizes.set(expression, size)
    return plus(targetCost, cost ?? free)
  }

  #callOf(
    expression: CallExpression,
    id: string,
    target: CostNode | undefined,
    args: readonly CostNode[],
    argumentCosts: readonly Range[],
  ): CallEstimate {
    const [first, second, third] = expression.args
    switch (id) {
      case 'logical_or':
      case 'logical_and': {
        const [left, right] = argumentCosts as [Range, Range]
        return { cost: { min: left.min, max: plus(left, right).max } }
      }
      case 'conditional': {
        const [condition, whenTrue, whenFalse] = argumentCosts as [Range, Range, Range]
        this.#setEntries(expression, joined(this.#entriesOf(second!), this.#entriesOf(third!)))
        return {
          cost: plus(condition, union(whenTrue, whenFalse)),
          size: union(args[1]!.size ?? unknownSize, args[2]!.size ?? unknownSize),
        }
      }
      case 'add_list':
      case 'add_string':
      case 'add_bytes':
        this.#setEntries(expression, joined(this.#entriesOf(first!), this.#entriesOf(second!)))
    }
    const { cost, size } = estimateCall(expression.function, id, target, args)
    return { cost: argumentCosts.reduce(plus, cost), ...(size && { size }) }
  }

  #list(expression: Extract<Expression, { kind: 'list' }>): Range {
    let cost = fixed(listCreationCost)
    let item: Range | undefined
    for (const element of expression.elements) {
      cost = plus(cost, this.cost(element))
      const size = this.#sizeOf(element) ?? unknownSize
      item = item === undefined ? size : union(item, size)
    }
    this.#entries.set(expression, { isList: true, key: one, value: item ?? free })
    return cost
  }

  #map(expression: Extract<Expression, { kind: 'map' }>): Range {
    let cost = fixed(mapCreationCost)
    let keys: Range | undefined
    let values: Range | undefined
    for (const { key, value } of expression.entries) {
      cost = plus(plus(cost, this.cost(key)), this.cost(value))
      const keySize = this.#sizeOf(key) ?? unknownSize
      const valueSize = this.#sizeOf(value) ?? unknownSize
      keys = keys === undefined ? keySize : union(keys, keySize)
      values = values === undefined ? valueSize : union(values, valueSize)
    }
    this.#entries.set(expression, { isList: false, key: keys ?? free, value: values ?? free })
    return cost
  }

  #loop(expression: ComprehensionExpression): Range {
    const { range, initial, condition, step, result, accumulator, variable, variable2 } = expression
    let cost = plus(this.cost(range), this.cost(initial))
    const outer = this.#locals
    const withAccumulator = new Map(outer).set(accumulator, {
      path: this.#pathOf(initial),
      size: this.#sizeOf(initial),
      entries: this.#entriesOf(initial),
    })
    const inside = new Map(withAccumulator)
    const entries = this.#entriesOf(range)
    const isList = entries?.isList ?? range.type!.kind === 'list'
    const path = this.#pathOf(range)
    const key: Local = {
      path: appended(path, isList ? '@indices' : '@keys'),
      size: entries?.key,
      entries: undefined,
    }
    const value: Local = {
      path: appended(path, isList ? '@items' : '@values'),
      size: entries?.value,
      entries: undefined,
    }
    inside.set(variable, variable2 === undefined && isList ? value : key)
    if (variable2 !== undefined) inside.set(variable2, value)
    this.#locals = inside
    const each = plus(this.cost(condition), this.cost(step))
    this.#locals = withAccumulator
    cost = plus(cost, this.cost(result))
    this.#locals = outer
    const times_ = this.#sizeOf(range) ?? unknownSize
    this.#collects(expression, times_)
    return plus(cost, times(times_, each))
  }

  /** What the loop yields. */
  #collects(expression: ComprehensionExpression, iterations: Range): void {
    const { initial, step } = expression
    if (initial.kind === 'literal') {
      const size = this.#sizeOf(initial)
      if (size) this.#sizes.set(expression, size)
    } else if (initial.kind === 'list' || initial.kind === 'map') {
      this.#sizes.set(expression, iterations)
      this.#setEntries(expression, this.#entriesOf(step))
    }
  }

  #binding(expression: ComprehensionExpression): Range {
    const { range, initial, result, accumulator } = expression
    const cost = plus(this.cost(range), this.cost(initial))
    const outer = this.#locals
    this.#locals = new Map(outer).set(accumulator, {
      path: this.#pathOf(initial),
      size: this.#sizeOf(initial),
      entries: this.#entriesOf(initial),
    })
    const total = plus(cost, this.cost(result))
    this.#copySizes(expression, result)
    this.#locals = outer
    return total
  }

  #copySizes(to: Expression, from: Expression): void {
    const size = this.#sizeOf(from)
    if (size) this.#sizes.set(to, size)
    this.#setEntries(to, this.#entriesOf(from))
  }

  #setEntries(expression: Expression, entries: Entries | undefined): void {
    if (entries) this.#entries.set(expression, entries)
  }

  #pathOf(expression: Expression): Path | undefined {
    return (
      (expression.kind === 'ident' && this.#locals.get(expression.name)?.path) || this.#paths.get(expression)
    )
  }

  #entriesOf(expression: Expression): Entries | undefined {
    const known = this.#entries.get(expression)
    if (known) return known
    return expression.kind === 'ident' ? this.#locals.get(expression.name)?.entries : undefined
  }

  #sizeOf(expression: Expression): Range | undefined {
    const known = this.#sizes.get(expression) ?? literalSize(expression)
    if (known) return known
    const declared = this.#declaredSize(this.#pathOf(expression))
    if (declared) {
      this.#sizes.set(expression, declared)
      return declared
    }
    if (isScalar(expression.type!)) return one
    return expression.kind === 'ident' ? this.#locals.get(expression.name)?.size : undefined
  }

  #declaredSize(path: Path | undefined): Range | undefined {
    const maxElements = this.#declarationAt(path)?.maxElements
    return maxElements === undefined ? undefined : { min: 0, max: maxElements }
  }

  #declarationAt(path: Path | undefined): CelDeclaration | undefined {
    if (path === undefined) return undefined
    const [name, ...steps] = path
    let declaration = this.#variables.get(name!)
    for (const step of steps) {
      if (step === '@items' || step === '@values') declaration = declaration?.element
      else if (step === '@keys') declaration = declaration?.element && (declaration.key ?? anyKey)
      else declaration = declaration?.field?.(step)
    }
    return declaration
  }

  #node(expression: Expression): CostNode {
    const found = this.#pathOf(expression)
    const path = found?.[0] === accumulatorName ? undefined : found
    const type = expression.type!
    return {
      type,
      size: this.#sizeOf(expression),
      ...(expression.kind === 'literal' && { literal: expression.value }),
      itemSize: () => this.#declaredSize(appended(path, '@items')),
    }
  }
}

/** Where nothing bounds the keys of a map, their declared size is none. */
const anyKey = { maxElements: 0 } as CelDeclaration

function appended(path: Path | undefined, step: string): Path | undefined {
  return path && [...path, step]
}

function joined(a: Entries | undefined, b: Entries | undefined): Entries | undefined {
  if (!a || !b) return undefined
  return { isList: a.isList, key: union(a.key, b.key), value: union(a.value, b.value) }
}

/** `cel.bind` and its like: no loop at all. */
function isBinding({ range, condition, accumulator }: ComprehensionExpression): boolean {
  return (
    range.kind === 'list' &&
    range.elements.length === 0 &&
    condition.kind === 'literal' &&
    condition.value === false &&
    accumulator !== '__result__'
  )
}

function literalSize(expression: Expression): Range | undefined {
  switch (expression.kind) {
    case 'literal':
      if (typeof expression.value === 'string') return fixed(codePointCount(expression.value))
      return expression.value instanceof Uint8Array ? fixed(expression.value.length) : one
    case 'list':
      return fixed(expression.elements.length)
    case 'map':
      return fixed(expression.entries.length)
    default:
      return undefined
  }
}

function isScalar(type: CelType): boolean {
  switch (type.kind) {
    case 'bool':
    case 'double':
    case 'duration':
    case 'int':
    case 'timestamp':
    case 'uint':
      return true
    case 'opaque':
      return type.name === 'optional_type' && isScalar(type.parameters[0]!)
    default:
      return false
  }
}
