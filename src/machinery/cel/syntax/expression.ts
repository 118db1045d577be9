import type { CelType } from '../types.ts'
import type { CelValue } from '../values/value.ts'

/**
 * The syntax tree. The parser makes it, the checker completes it in place: it resolves qualified names, and writes down
 * the types and the overloads. A tree belongs to one compilation and nobody else.
 */
export type Expression =
  | LiteralExpression
  | IdentExpression
  | SelectExpression
  | CallExpression
  | ListExpression
  | MapExpression
  | StructExpression
  | ComprehensionExpression

interface Node {
  /** Where issues about it point to: the operator, the dot, the bracket. In UTF-16 units. */
  readonly offset: number
  /** Set by the checker. */
  type?: CelType
}

export interface LiteralExpression extends Node {
  readonly kind: 'literal'
  readonly value: CelValue
}

export interface IdentExpression extends Node {
  readonly kind: 'ident'
  readonly name: string
  /** Set by the checker: the qualified name of a variable or a type; undefined for local variables. */
  global?: string
  /** Set by the checker where the name is a constant or a type. */
  constant?: CelValue
}

export interface SelectExpression extends Node {
  readonly kind: 'select'
  readonly operand: Expression
  readonly field: string
  /** From `has()`. */
  readonly testOnly: boolean
  /** Set by the checker: the whole chain is one qualified name. */
  resolved?: IdentExpression
}

export interface CallExpression extends Node {
  readonly kind: 'call'
  /** Operators are functions: `_+_`. The checker qualifies the name. */
  function: string
  target: Expression | undefined
  readonly args: readonly Expression[]
  /** Set by the checker: the overloads that may match; several when types are dynamic. */
  overloads?: readonly string[]
}

export interface ListExpression extends Node {
  readonly kind: 'list'
  readonly elements: readonly Expression[]
  /** Indices of elements written `?x`. */
  readonly optionals: ReadonlySet<number>
}

export interface MapExpression extends Node {
  readonly kind: 'map'
  readonly entries: readonly MapEntry[]
}

export interface MapEntry {
  readonly offset: number
  readonly key: Expression
  readonly value: Expression
  readonly optional: boolean
}

export interface StructExpression extends Node {
  readonly kind: 'struct'
  typeName: string
  readonly fields: readonly StructField[]
}

export interface StructField {
  readonly offset: number
  readonly name: string
  readonly value: Expression
  readonly optional: boolean
}

/** A loop over a list or a map, which macros expand to. */
export interface ComprehensionExpression extends Node {
  readonly kind: 'comprehension'
  readonly range: Expression
  readonly variable: string
  /** The value, where `variable` is the index or the key. */
  readonly variable2: string | undefined
  readonly accumulator: string
  readonly initial: Expression
  readonly condition: Expression
  readonly step: Expression
  readonly result: Expression
}

/** Cannot be written in source. */
export const accumulatorName = '@result'
/** Could be written, and was the accumulator's name once: macros refuse it. */
export const formerAccumulatorName = '__result__'
export const unusedVariable = '#unused'
