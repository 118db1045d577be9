import type { CelDeclaration } from '../declaration.ts'
import { CelError } from '../error.ts'
import type { CelValue } from '../values/value.ts'

/** The state of one evaluation: variables, what comprehensions hold, and the cost so far. */
export class Frame {
  cost = 0
  readonly limit: number
  /** By slot. An error stands for an accumulator that has none. */
  readonly locals: (CelValue | CelError)[] = []
  readonly #variables: Readonly<Record<string, unknown>>
  readonly #wrapped: (CelValue | undefined)[] = []

  constructor(variables: Readonly<Record<string, unknown>>, limit: number) {
    this.#variables = variables
    this.limit = limit
  }

  charge(cost: number): void {
    this.cost += cost
    if (this.cost > this.limit) {
      throw new CelError('operation cancelled: actual cost limit exceeded', 'callLimit')
    }
  }

  /** Wraps the variable when it is first read. */
  global(slot: number, name: string, declaration: CelDeclaration): CelValue {
    const known = this.#wrapped[slot]
    if (known !== undefined) return known
    const raw = Object.hasOwn(this.#variables, name) ? this.#variables[name] : undefined
    if (raw === undefined && !isOptional(declaration)) throw new CelError(`no such attribute(s): ${name}`)
    const value = declaration.wrap(raw)
    this.#wrapped[slot] = value
    return value
  }
}

function isOptional({ type }: CelDeclaration): boolean {
  return type.kind === 'opaque' && type.name === 'optional_type'
}

/** Whether logical operators may absorb it: not when a limit is exceeded. */
export function isAbsorbable(error: unknown): error is CelError {
  return error instanceof CelError && error.reason === 'evaluation'
}
