import { runtimeCostOf } from '../cost/runtime.ts'
import { CelError } from '../error.ts'
import type { FunctionOverload } from '../library/function.ts'
import type { CallExpression } from '../syntax/expression.ts'
import { runtimeTypeName } from '../types.ts'
import { kindTest, typeOfValue } from '../values/kind.ts'
import { CelList } from '../values/list.ts'
import { CelOptional } from '../values/optional.ts'
import type { CelValue } from '../values/value.ts'
import { isAbsorbable, type Frame } from './frame.ts'
import type { Planned, Planner, Step } from './plan.ts'

type Implementation = (...args: readonly CelValue[]) => CelValue

/** These look at the kinds of their operands themselves. */
const polymorphic: ReadonlySet<string> = new Set([
  '_==_',
  '_!=_',
  '_+_',
  '_-_',
  '_*_',
  '_/_',
  '_%_',
  '-_',
  '_<_',
  '_<=_',
  '_>_',
  '_>=_',
  '@in',
])

const conversions: ReadonlySet<string> = new Set([
  'bool',
  'bytes',
  'double',
  'duration',
  'dyn',
  'int',
  'string',
  'timestamp',
  'uint',
])

/** A function: its arguments, the overload that they pick, and what it costs. */
export function planCall(planner: Planner, expression: CallExpression): Planned {
  const operands = expression.target === undefined ? expression.args : [expression.target, ...expression.args]
  const args = operands.map((operand) => planner.plan(operand))
  const lazy = planOptional(expression, args)
  if (lazy) return { run: lazy }
  const call = implementationOf(planner, expression)
  const id = expression.overloads?.length === 1 ? expression.overloads[0]! : fixedId(expression.function)
  const cost = runtimeCostOf(expression.function, id)
  if (planner.scope.foldConstants) {
    const folded = fold(expression, id, args, call)
    if (folded) return folded
  }
  return {
    run: withCost(
      args.map(({ run }) => run),
      call,
      cost,
    ),
  }
}

/** Equality has one overload, whatever it is applied to. */
function fixedId(name: string): string {
  if (name === '_==_') return 'equals'
  return name === '_!=_' ? 'not_equals' : ''
}

type Cost = number | ((args: readonly CelValue[], result: CelValue) => number)

/** A call costs as soon as all arguments but the last have values: whether it succeeds or fails. */
function withCost(args: readonly Step[], call: Implementation, cost: Cost): Step {
  const [first, second] = args
  if (typeof cost !== 'number') return withVariableCost(args, call, cost)
  if (args.length === 1) {
    return (frame) => {
      frame.charge(cost)
      return call(first!(frame))
    }
  }
  if (args.length === 2) {
    return (frame) => {
      const left = first!(frame)
      frame.charge(cost)
      return call(left, second!(frame))
    }
  }
  return (frame) => {
    const values = args.slice(0, -1).map((arg) => arg(frame))
    frame.charge(cost)
    const last = args.at(-1)
    return last ? call(...values, last(frame)) : call()
  }
}

function withVariableCost(args: readonly Step[], call: Implementation, cost: Exclude<Cost, number>): Step {
  const last = args.length - 1
  return (frame) => {
    const values: CelValue[] = []
    let result: CelValue = null
    try {
      for (const arg of args) values.push(arg(frame))
      result = call(...values)
    } catch (error) {
      // An error counts for an argument of size 1.
      if (isAbsorbable(error)) {
        if (values.length === args.length) frame.charge(cost(values, null))
        else if (values.length === last) frame.charge(1)
      }
      throw error
    }
    frame.charge(cost(values, result))
    return result
  }
}

/** Conversions of constants are constants, and a search in a constant list is free, as in cel-go's optimizer. */
function fold(
  expression: CallExpression,
  id: string,
  args: readonly Planned[],
  call: Implementation,
): Planned | undefined {
  if (conversions.has(expression.function) && args.length === 1 && args[0]!.constant !== undefined) {
    try {
      const value = call(args[0]!.constant)
      return { run: () => value, constant: value }
    } catch (error) {
      if (!isAbsorbable(error)) throw error
    }
  }
  const list = args[1]?.constant
  if (id !== 'in_list' || !(list instanceof CelList)) return undefined
  if (list.size === 0) return { run: () => false, constant: false }
  if (!list.toArray().every(isHashable)) return undefined
  const item = args[0]!.run
  return { run: (frame) => call(item(frame), list) }
}

function isHashable(value: CelValue): boolean {
  const { kind } = typeOfValue(value)
  return ['bool', 'int', 'uint', 'double', 'string', 'null'].includes(kind)
}

function implementationOf(planner: Planner, expression: CallExpression): Implementation {
  const { function: name, overloads, target } = expression
  const all = planner.scope.functions.get(name) ?? []
  const candidates = all.filter(
    ({ id, member }) =>
      (overloads === undefined || overloads.includes(id)) && member === (target !== undefined),
  )
  if (polymorphic.has(name)) return candidates[0]!.call as Implementation
  const guarded = candidates.map(guard)
  if (guarded.length === 1) {
    const [{ accepts, call }] = guarded as [Guarded]
    return (...args) => (accepts(args) ? call(...args) : noOverload(name, args))
  }
  return (...args) => {
    const match = guarded.find(({ accepts }) => accepts(args))
    return match ? match.call(...args) : noOverload(name, args)
  }
}

interface Guarded {
  readonly accepts: (args: readonly CelValue[]) => boolean
  readonly call: Implementation
}

function guard({ parameters, call }: FunctionOverload): Guarded {
  const tests = parameters.map(kindTest)
  const [first, second] = tests
  const body = call as Implementation
  switch (tests.length) {
    case 1:
      return { call: body, accepts: (args) => args.length === 1 && first!(args[0]!) }
    case 2:
      return { call: body, accepts: (args) => args.length === 2 && first!(args[0]!) && second!(args[1]!) }
    default:
      return {
        call: body,
        accepts: (args) => args.length === tests.length && tests.every((test, at) => test(args[at]!)),
      }
  }
}

function noOverload(name: string, args: readonly CelValue[]): never {
  const types = args.map((arg) => runtimeTypeName(typeOfValue(arg))).join(', ')
  throw new CelError(`no such overload: ${name}(${types})`)
}

/** `a.or(b)` and `a.orValue(b)` look at `b` only when they need it, and cost nothing themselves. */
function planOptional(expression: CallExpression, args: readonly Planned[]): Step | undefined {
  const { function: name, target } = expression
  if (target === undefined || args.length !== 2 || (name !== 'or' && name !== 'orValue')) return undefined
  const [optional, otherwise] = args.map(({ run }) => run) as [Step, Step]
  return (frame: Frame) => {
    const value = optional(frame)
    if (!(value instanceof CelOptional)) throw new CelError('no such overload')
    if (value.value === undefined) return otherwise(frame)
    return name === 'or' ? value : value.value
  }
}
