import { CelError } from '../error.ts'
import { accumulatorName, type ComprehensionExpression } from '../syntax/expression.ts'
import { CelList, GrowingList } from '../values/list.ts'
import { CelMap, EntriesMap } from '../values/map.ts'
import type { CelValue } from '../values/value.ts'
import { isAbsorbable, type Frame } from './frame.ts'
import type { Planned, Planner, Step } from './plan.ts'

/** A loop. A step that fails makes the accumulator an error, which `&&` and `||` of later steps may absorb. */
export function planComprehension(planner: Planner, expression: ComprehensionExpression): Planned {
  const range = planner.plan(expression.range).run
  const initial = planInitial(planner, expression)
  const { variable, variable2, accumulator } = expression
  return planner.withLocals([accumulator], ([accumulatorSlot]) => {
    const names = variable2 === undefined ? [variable] : [variable, variable2]
    const slot = accumulatorSlot!
    const result = planner.plan(expression.result).run
    return planner.withLocals(names, ([first, second]) => {
      const goesOn = planner.plan(expression.condition)
      const step = planner.plan(expression.step).run
      const loop: Loop = {
        goesOn: goesOn.constant === true ? undefined : goesOn.run,
        iterate: (frame) => {
          frame.locals[slot] = attempt(step, frame)
        },
        first: first!,
        second,
      }
      return {
        run: (frame) => {
          const items = range(frame)
          frame.locals[slot] = initial(frame)
          if (goesOn.constant !== false) run(loop, items, frame)
          return result(frame)
        },
      }
    })
  })
}

interface Loop {
  /** Undefined when it always goes on. */
  readonly goesOn: Step | undefined
  readonly iterate: (frame: Frame) => void
  /** Slot of the variable, or of the index or key. */
  readonly first: number
  /** Slot of the item or value, where there are two variables. */
  readonly second: number | undefined
}

/** Macros collect into a list or a map that only they see: it may grow in place. */
function planInitial(planner: Planner, { accumulator, initial }: ComprehensionExpression): Step {
  const planned = planner.plan(initial)
  const collects = initial.kind === 'list' || initial.kind === 'map'
  if (accumulator !== accumulatorName || !collects) return planned.run
  const make = initial.kind === 'list' ? () => new GrowingList() : () => new EntriesMap()
  return (frame) => {
    planned.run(frame)
    return make()
  }
}

function run(loop: Loop, items: CelValue, frame: Frame): void {
  const { first, second } = loop
  if (items instanceof CelList) {
    for (let index = 0; index < items.size; index++) {
      if (loop.goesOn !== undefined && loop.goesOn(frame) === false) return
      frame.locals[first] = second === undefined ? items.at(index) : BigInt(index)
      if (second !== undefined) frame.locals[second] = items.at(index)
      loop.iterate(frame)
    }
  } else if (items instanceof CelMap) {
    for (const key of items.keys()) {
      if (loop.goesOn !== undefined && loop.goesOn(frame) === false) return
      frame.locals[first] = key
      if (second !== undefined) frame.locals[second] = items.get(key)!
      loop.iterate(frame)
    }
  } else {
    throw new CelError('got non-iterable type in comprehension')
  }
}

function attempt(step: Step, frame: Frame): CelValue | CelError {
  try {
    return step(frame)
  } catch (error) {
    if (isAbsorbable(error)) return error
    throw error
  }
}
