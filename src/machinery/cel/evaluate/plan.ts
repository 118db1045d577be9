import type { CelDeclaration } from '../declaration.ts'
import { CelError } from '../error.ts'
import type { FunctionOverload } from '../library/function.ts'
import type {
  CallExpression,
  Expression,
  IdentExpression,
  ListExpression,
  MapExpression,
  SelectExpression,
  StructExpression,
} from '../syntax/expression.ts'
import type { CelType } from '../types.ts'
import { ArrayList } from '../values/list.ts'
import { EntriesMap } from '../values/map.ts'
import { CelObject } from '../values/object.ts'
import { CelOptional } from '../values/optional.ts'
import type { CelValue } from '../values/value.ts'
import { planCall } from './call.ts'
import { planComprehension } from './comprehension.ts'
import { Frame, isAbsorbable } from './frame.ts'
import { hasField, selectField, selectIndex, selectOptionalField, selectOptionalIndex } from './qualify.ts'

/** Evaluates one node. Throws a CelError. */
export type Step = (frame: Frame) => CelValue

/**
 * How a node is evaluated. Costs are those of cel-go's interpreter, which reads chains like `a.b[c]` as one attribute:
 * one unit for each step into it, and one for the whole, unless it stands in an index or in a branch of `?:`.
 */
export interface Planned {
  readonly run: Step
  /** Known before evaluation; costs nothing. */
  readonly constant?: CelValue
  /** The chain without the unit for the whole. */
  readonly attribute?: { readonly resolve: Step; readonly free: boolean }
}

export interface PlanScope {
  readonly variables: ReadonlyMap<string, CelDeclaration>
  readonly functions: ReadonlyMap<string, readonly FunctionOverload[]>
  readonly typeNamed: (name: string) => CelType | undefined
  /** Lists and maps of constants are made once, and cost nothing. */
  readonly foldConstants: boolean
}

/** Compiles a checked expression to closures. */
export function plan(expression: Expression, scope: PlanScope): Step {
  return new Planner(scope).plan(expression).run
}

const listCost = 10
const mapCost = 30
const objectCost = 40

export class Planner {
  readonly scope: PlanScope
  readonly #slots = new Map<string, number>()
  #locals: ReadonlyMap<string, number> = new Map()
  #localCount = 0

  constructor(scope: PlanScope) {
    this.scope = scope
  }

  plan(expression: Expression): Planned {
    switch (expression.kind) {
      case 'literal':
        return constant(expression.value)
      case 'ident':
        return this.#ident(expression)
      case 'select':
        return this.#select(expression)
      case 'call':
        return this.#call(expression)
      case 'list':
        return this.#list(expression)
      case 'map':
        return this.#map(expression)
      case 'struct':
        return this.#struct(expression)
      case 'comprehension':
        return planComprehension(this, expression)
    }
  }

  /** Plans with further local variables, each in a slot of its own. */
  withLocals<T>(names: readonly string[], planInside: (slots: readonly number[]) => T): T {
    const outer = this.#locals
    const slots = names.map(() => this.#localCount++)
    this.#locals = new Map([...outer, ...names.map((name, at) => [name, slots[at]!] as const)])
    const planned = planInside(slots)
    this.#locals = outer
    return planned
  }

  #ident(expression: IdentExpression): Planned {
    if (expression.constant !== undefined) return constant(expression.constant)
    const local = this.#locals.get(expression.name)
    if (expression.global === undefined && local !== undefined) return attribute(readLocal(local))
    const name = expression.global ?? expression.name
    const declaration = this.scope.variables.get(name)
    if (!declaration) return { run: () => fail(`no such attribute(s): ${name}`) }
    let slot = this.#slots.get(name)
    if (slot === undefined) this.#slots.set(name, (slot = this.#slots.size))
    const known = slot
    return attribute((frame) => frame.global(known, name, declaration))
  }

  #select(expression: SelectExpression): Planned {
    if (expression.resolved) return this.#ident(expression.resolved)
    const operand = this.plan(expression.operand)
    const resolve = operand.attribute?.resolve ?? operand.run
    const { field } = expression
    if (expression.testOnly) {
      return {
        run: (frame) => {
          const value = resolve(frame)
          frame.charge(1)
          return hasField(value, field)
        },
      }
    }
    return extended(operand, (frame) => {
      const value = resolve(frame)
      frame.charge(1)
      return selectField(value, field)
    })
  }

  #call(expression: CallExpression): Planned {
    switch (expression.function) {
      case '_[_]':
        return this.#index(expression, selectIndex)
      case '_[?_]':
        return this.#index(expression, selectOptionalIndex)
      case '_?._':
        return this.#index(expression, (operand, key) => selectOptionalField(operand, String(key)))
      case '_?:_':
      case '_?_:_':
        return this.#conditional(expression)
      case '_&&_':
        return this.#logical(expression, false)
      case '_||_':
        return this.#logical(expression, true)
      case '@not_strictly_false':
        return this.#notStrictlyFalse(expression)
      default:
        return planCall(this, expression)
    }
  }

  #index(expression: CallExpression, select: (operand: CelValue, key: CelValue) => CelValue): Planned {
    const operand = this.plan(expression.args[0]!)
    const resolve = operand.attribute?.resolve ?? operand.run
    const index = this.plan(expression.args[1]!)
    const resolveIndex = index.attribute?.resolve ?? index.run
    return extended(operand, (frame) => {
      const value = resolve(frame)
      const key = resolveIndex(frame)
      frame.charge(1)
      return select(value, key)
    })
  }

  #conditional(expression: CallExpression): Planned {
    const [condition, whenTrue, whenFalse] = expression.args.map((arg) => this.plan(arg)) as [
      Planned,
      Planned,
      Planned,
    ]
    const test = condition.run
    const yes = whenTrue.attribute?.resolve ?? whenTrue.run
    const no = whenFalse.attribute?.resolve ?? whenFalse.run
    const resolve: Step = (frame) => {
      const value = test(frame)
      if (value === true) return yes(frame)
      if (value === false) return no(frame)
      throw new CelError('no such overload')
    }
    return { run: resolve, attribute: { resolve, free: true } }
  }

  /** `&&` and `||`: `decisive` on either side decides, even when the other side fails. */
  #logical(expression: CallExpression, decisive: boolean): Planned {
    const [left, right] = expression.args.map((arg) => this.plan(arg).run) as [Step, Step]
    return {
      run: (frame) => {
        let failure: CelError | undefined
        try {
          const value = left(frame)
          if (value === decisive) return decisive
          if (typeof value !== 'boolean') failure = new CelError('no such overload')
        } catch (error) {
          if (!isAbsorbable(error)) throw error
          failure = error
        }
        if (failure === undefined) {
          const value = right(frame)
          if (typeof value !== 'boolean') throw new CelError('no such overload')
          return value
        }
        if (decides(right, frame, decisive)) return decisive
        throw failure
      },
    }
  }

  #notStrictlyFalse(expression: CallExpression): Planned {
    const operand = this.plan(expression.args[0]!).run
    return {
      run: (frame) => {
        let value: CelValue = true
        try {
          value = operand(frame)
        } catch (error) {
          if (!isAbsorbable(error)) throw error
        }
        frame.charge(1)
        return value !== false
      },
    }
  }

  #list(expression: ListExpression): Planned {
    const elements = expression.elements.map((element) => this.plan(element))
    const steps = elements.map(({ run }) => run)
    const { optionals } = expression
    const make: Step =
      optionals.size === 0
        ? (frame) => new ArrayList(steps.map((step) => step(frame)))
        : (frame) => new ArrayList(steps.flatMap((step, at) => presentItems(step(frame), optionals.has(at))))
    return this.#literal(elements, listCost, make)
  }

  #map(expression: MapExpression): Planned {
    const entries = expression.entries.map(({ key, value, optional }) => ({
      key: this.plan(key),
      value: this.plan(value),
      optional,
    }))
    return this.#literal(
      entries.flatMap(({ key, value }) => [key, value]),
      mapCost,
      (frame) => {
        const map = new EntriesMap()
        for (const { key, value, optional } of entries) {
          const identity = key.run(frame)
          for (const item of presentItems(value.run(frame), optional)) insert(map, identity, item)
        }
        return map
      },
    )
  }

  #literal(parts: readonly Planned[], cost: number, make: Step): Planned {
    if (this.scope.foldConstants && parts.every((part) => part.constant !== undefined)) {
      try {
        return constant(make(new Frame({}, Infinity)))
      } catch (error) {
        if (!isAbsorbable(error)) throw error
      }
    }
    return {
      run: (frame) => {
        frame.charge(cost)
        return make(frame)
      },
    }
  }

  #struct(expression: StructExpression): Planned {
    const type = this.scope.typeNamed(expression.typeName)
    if (type?.kind !== 'struct') throw new CelError(`unknown type: ${expression.typeName}`)
    const fields = expression.fields.map(({ name, value, optional }) => ({
      name,
      run: this.plan(value).run,
      optional,
    }))
    return {
      run: (frame) => {
        const values = new Map<string, CelValue>()
        for (const { name, run, optional } of fields) {
          for (const value of presentItems(run(frame), optional)) values.set(name, value)
        }
        frame.charge(objectCost)
        return new CelObject(type, values)
      },
    }
  }
}

function fail(message: string): never {
  throw new CelError(message)
}

function constant(value: CelValue): Planned {
  return { run: () => value, constant: value }
}

function attribute(resolve: Step): Planned {
  return {
    attribute: { resolve, free: false },
    run: (frame) => {
      frame.charge(1)
      return resolve(frame)
    },
  }
}

/** A step further into the operand's chain; behind `?:`, the whole costs nothing. */
function extended(operand: Planned, resolve: Step): Planned {
  if (operand.attribute?.free) return { run: resolve, attribute: { resolve, free: true } }
  return attribute(resolve)
}

function readLocal(slot: number): Step {
  return (frame) => {
    const value = frame.locals[slot]!
    if (value instanceof CelError) throw value
    return value
  }
}

function decides(step: Step, frame: Frame, decisive: boolean): boolean {
  try {
    return step(frame) === decisive
  } catch (error) {
    if (isAbsorbable(error)) return false
    throw error
  }
}

/** What an element adds: an optional one adds its value or nothing. */
function presentItems(value: CelValue, optional: boolean): CelValue[] {
  if (!optional) return [value]
  if (!(value instanceof CelOptional)) throw new CelError('no such overload')
  return value.value === undefined ? [] : [value.value]
}

function insert(map: EntriesMap, key: CelValue, value: CelValue): void {
  if (map.get(key) !== undefined) throw new CelError(`Failed with repeated key`)
  map.insert(key, value)
}
