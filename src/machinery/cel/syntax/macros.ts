import type { CelValue } from '../values/value.ts'
import {
  accumulatorName,
  formerAccumulatorName,
  unusedVariable,
  type CallExpression,
  type ComprehensionExpression,
  type Expression,
} from './expression.ts'

/** The arguments of a macro are wrong; worded as cel-go. */
export class MacroError extends Error {
  readonly offset: number | undefined

  constructor(message: string, offset?: number) {
    super(message)
    this.offset = offset
  }
}

/** Makes what the call stands for; undefined when it is an ordinary call after all. */
export type Macro = (
  make: MacroFactory,
  target: Expression | undefined,
  args: readonly Expression[],
) => Expression | undefined

/** Finds the macro for a call. */
export type Macros = (name: string, hasTarget: boolean, argumentCount: number) => Macro | undefined

export interface MacroDeclaration {
  readonly name: string
  /** `range.all(...)`; without, `has(...)`. */
  readonly receiver: boolean
  readonly arguments: number
  readonly expand: Macro
}

export function macrosOf(declarations: readonly MacroDeclaration[]): Macros {
  const byKey = new Map(
    declarations.map((macro) => [`${macro.name}:${macro.receiver}:${macro.arguments}`, macro.expand]),
  )
  return (name, hasTarget, argumentCount) => byKey.get(`${name}:${hasTarget}:${argumentCount}`)
}

export function expandMacro(
  macro: Macro,
  offset: number,
  target: Expression | undefined,
  args: readonly Expression[],
): { expression: Expression; nodes: number } | undefined {
  const make = new MacroFactory(offset)
  const expression = macro(make, target, args)
  return expression && { expression, nodes: make.nodes }
}

/** Makes expressions that stand where the macro's call stands. */
class MacroFactory {
  readonly #offset: number
  nodes = 0

  constructor(offset: number) {
    this.#offset = offset
  }

  literal(value: CelValue): Expression {
    return { kind: 'literal', offset: this.#count(), value }
  }

  list(...elements: readonly Expression[]): Expression {
    return { kind: 'list', offset: this.#count(), elements, optionals: new Set() }
  }

  map(): Expression {
    return { kind: 'map', offset: this.#count(), entries: [] }
  }

  ident(name: string): Expression {
    return { kind: 'ident', offset: this.#count(), name }
  }

  accumulator(): Expression {
    return this.ident(accumulatorName)
  }

  call(name: string, ...args: readonly Expression[]): CallExpression {
    return { kind: 'call', offset: this.#count(), function: name, target: undefined, args }
  }

  memberCall(name: string, target: Expression, ...args: readonly Expression[]): CallExpression {
    return { kind: 'call', offset: this.#count(), function: name, target, args }
  }

  presenceTest(operand: Expression, field: string): Expression {
    return { kind: 'select', offset: this.#count(), operand, field, testOnly: true }
  }

  comprehension(parts: Omit<ComprehensionExpression, 'kind' | 'offset'>): Expression {
    return { kind: 'comprehension', offset: this.#count(), ...parts }
  }

  /** A copy of its own for the checker to write on. */
  copy(expression: Expression): Expression {
    this.nodes++
    switch (expression.kind) {
      case 'literal':
      case 'ident':
        return { ...expression }
      case 'select':
        return { ...expression, operand: this.copy(expression.operand) }
      case 'call':
        return {
          ...expression,
          target: expression.target && this.copy(expression.target),
          args: expression.args.map((arg) => this.copy(arg)),
        }
      case 'list':
        return { ...expression, elements: expression.elements.map((element) => this.copy(element)) }
      case 'map':
        return {
          ...expression,
          entries: expression.entries.map((entry) => ({
            ...entry,
            key: this.copy(entry.key),
            value: this.copy(entry.value),
          })),
        }
      case 'struct':
        return {
          ...expression,
          fields: expression.fields.map((field) => ({ ...field, value: this.copy(field.value) })),
        }
      case 'comprehension':
        return {
          ...expression,
          range: this.copy(expression.range),
          initial: this.copy(expression.initial),
          condition: this.copy(expression.condition),
          step: this.copy(expression.step),
          result: this.copy(expression.result),
        }
    }
  }

  #count(): number {
    this.nodes++
    return this.#offset
  }
}

/** A loop variable of `map` and `filter`, or of the quantifiers, which word it otherwise. */
function variableOf(argument: Expression, problem: string): string {
  if (argument.kind !== 'ident') throw new MacroError(problem, argument.offset)
  if (argument.name === accumulatorName || argument.name === formerAccumulatorName) {
    throw new MacroError('iteration variable overwrites accumulator variable', argument.offset)
  }
  return argument.name
}

const simpleName = 'argument must be a simple name'
const noIdentifier = 'argument is not an identifier'

type Quantify = (
  make: MacroFactory,
  predicate: Expression,
) => Pick<ComprehensionExpression, 'initial' | 'condition' | 'step' | 'result'>

const all: Quantify = (make, predicate) => ({
  initial: make.literal(true),
  condition: make.call('@not_strictly_false', make.accumulator()),
  step: make.call('_&&_', make.accumulator(), predicate),
  result: make.accumulator(),
})

const exists: Quantify = (make, predicate) => ({
  initial: make.literal(false),
  condition: make.call('@not_strictly_false', make.call('!_', make.accumulator())),
  step: make.call('_||_', make.accumulator(), predicate),
  result: make.accumulator(),
})

const existsOne: Quantify = (make, predicate) => ({
  initial: make.literal(0n),
  condition: make.literal(true),
  step: make.call(
    '_?_:_',
    predicate,
    make.call('_+_', make.accumulator(), make.literal(1n)),
    make.accumulator(),
  ),
  result: make.call('_==_', make.accumulator(), make.literal(1n)),
})

function quantifier(quantify: Quantify): Macro {
  return (make, target, [variable, predicate]) =>
    make.comprehension({
      range: target!,
      variable: variableOf(variable!, simpleName),
      variable2: undefined,
      accumulator: accumulatorName,
      ...quantify(make, predicate!),
    })
}

function twoVariables(args: readonly Expression[]): { variable: string; variable2: string } {
  const [first, second] = args as [Expression, Expression]
  if (first.kind !== 'ident') throw new MacroError(simpleName, first.offset)
  if (second.kind !== 'ident') throw new MacroError(simpleName, second.offset)
  if (first.name === second.name)
    throw new MacroError(`duplicate variable name: ${first.name}`, second.offset)
  return { variable: variableOf(first, simpleName), variable2: variableOf(second, simpleName) }
}

function quantifier2(quantify: Quantify): Macro {
  return (make, target, args) =>
    make.comprehension({
      range: target!,
      ...twoVariables(args),
      accumulator: accumulatorName,
      ...quantify(make, args[2]!),
    })
}

/** Collects into `initial`, for each item that passes the filter. */
function collect(
  make: MacroFactory,
  parts: Pick<ComprehensionExpression, 'range' | 'variable' | 'variable2' | 'initial'>,
  add: Expression,
  filter: Expression | undefined,
): Expression {
  return make.comprehension({
    ...parts,
    accumulator: accumulatorName,
    condition: make.literal(true),
    step: filter ? make.call('_?_:_', filter, add, make.accumulator()) : add,
    result: make.accumulator(),
  })
}

const map: Macro = (make, target, args) => {
  const variable = variableOf(args[0]!, noIdentifier)
  const [filter, transform] = args.length === 3 ? [args[1], args[2]!] : [undefined, args[1]!]
  const add = make.call('_+_', make.accumulator(), make.list(transform))
  return collect(make, { range: target!, variable, variable2: undefined, initial: make.list() }, add, filter)
}

const filter: Macro = (make, target, args) => {
  const variable = variableOf(args[0]!, noIdentifier)
  const add = make.call('_+_', make.accumulator(), make.list(args[0]!))
  return collect(make, { range: target!, variable, variable2: undefined, initial: make.list() }, add, args[1])
}

const has: Macro = (make, _, [argument]) => {
  if (argument!.kind !== 'select') throw new MacroError('invalid argument to has() macro', argument!.offset)
  return make.presenceTest(argument!.operand, argument!.field)
}

function filterAndTransform(args: readonly Expression[]): [Expression | undefined, Expression] {
  return args.length === 4 ? [args[2], args[3]!] : [undefined, args[2]!]
}

const transformList: Macro = (make, target, args) => {
  const [filter, transform] = filterAndTransform(args)
  const add = make.call('_+_', make.accumulator(), make.list(transform))
  return collect(make, { range: target!, ...twoVariables(args), initial: make.list() }, add, filter)
}

const transformMap: Macro = (make, target, args) => {
  const variables = twoVariables(args)
  const [filter, transform] = filterAndTransform(args)
  const add = make.call('cel.@mapInsert', make.accumulator(), make.ident(variables.variable), transform)
  return collect(make, { range: target!, ...variables, initial: make.map() }, add, filter)
}

const transformMapEntry: Macro = (make, target, args) => {
  const [filter, transform] = filterAndTransform(args)
  const add = make.call('cel.@mapInsert', make.accumulator(), transform)
  return collect(make, { range: target!, ...twoVariables(args), initial: make.map() }, add, filter)
}

/** A variable with a value: a loop over nothing, whose result sees the accumulator. */
function bind(make: MacroFactory, name: string, value: Expression, result: Expression): Expression {
  return make.comprehension({
    range: make.list(),
    variable: unusedVariable,
    variable2: undefined,
    accumulator: name,
    initial: value,
    condition: make.literal(false),
    step: make.ident(name),
    result,
  })
}

function optionalMap(name: string, wrap: (make: MacroFactory, mapped: Expression) => Expression): Macro {
  return (make, target, [variable, transform]) => {
    if (variable!.kind !== 'ident') {
      throw new MacroError(`${name}() variable name must be a simple identifier`, variable!.offset)
    }
    const value = make.memberCall('value', make.copy(target!))
    return make.call(
      '_?_:_',
      make.memberCall('hasValue', target!),
      wrap(make, bind(make, variable!.name, value, transform!)),
      make.call('optional.none'),
    )
  }
}

const celBind: Macro = (make, target, [variable, value, result]) => {
  if (target?.kind !== 'ident' || target.name !== 'cel') return undefined
  if (variable!.kind !== 'ident') {
    throw new MacroError('cel.bind() variable names must be simple identifiers', variable!.offset)
  }
  return bind(make, variable!.name, value!, result!)
}

function receiver(name: string, argumentCount: number, expand: Macro): MacroDeclaration {
  return { name, receiver: true, arguments: argumentCount, expand }
}

export const standardMacros: readonly MacroDeclaration[] = [
  { name: 'has', receiver: false, arguments: 1, expand: has },
  receiver('all', 2, quantifier(all)),
  receiver('exists', 2, quantifier(exists)),
  receiver('exists_one', 2, quantifier(existsOne)),
  receiver('existsOne', 2, quantifier(existsOne)),
  receiver('map', 2, map),
  receiver('map', 3, map),
  receiver('filter', 2, filter),
]

export const optionalMacros: readonly MacroDeclaration[] = [
  receiver(
    'optMap',
    2,
    optionalMap('optMap', (make, mapped) => make.call('optional.of', mapped)),
  ),
  receiver(
    'optFlatMap',
    2,
    optionalMap('optFlatMap', (_, mapped) => mapped),
  ),
]

export const twoVariableMacros: readonly MacroDeclaration[] = [
  receiver('all', 3, quantifier2(all)),
  receiver('exists', 3, quantifier2(exists)),
  receiver('existsOne', 3, quantifier2(existsOne)),
  receiver('exists_one', 3, quantifier2(existsOne)),
  receiver('transformList', 3, transformList),
  receiver('transformList', 4, transformList),
  receiver('transformMap', 3, transformMap),
  receiver('transformMap', 4, transformMap),
  receiver('transformMapEntry', 3, transformMapEntry),
  receiver('transformMapEntry', 4, transformMapEntry),
]

/** Not in Kubernetes' environment; for the conformance tests. */
export const bindMacros: readonly MacroDeclaration[] = [receiver('bind', 3, celBind)]
