import type { CelOutcome } from '../cel.ts'
import { CelError } from '../error.ts'
import { CelMap } from './map.ts'
import type { CelValue } from './value.ts'

/**
 * An object whose fields are computed when they are first read, as the variables of an admission policy are. A field
 * is computed once, whoever reads it; a field computed by evaluating a program with the shared budget is charged there.
 */
export class CelLazyObject extends CelMap {
  readonly #fields: ReadonlyMap<string, () => CelOutcome>
  readonly #outcomes = new Map<string, CelOutcome>()
  override readonly typeName: string

  /** `typeName` as in the declaration: `kubernetes.variables`. */
  constructor(typeName: string, fields: Readonly<Record<string, () => CelOutcome>>) {
    super()
    this.typeName = typeName
    this.#fields = new Map(Object.entries(fields))
  }

  override get size(): number {
    return this.#fields.size
  }

  /** Throws the field's CelError, worded as upstream does. */
  override get(key: CelValue): CelValue | undefined {
    const compute = typeof key === 'string' ? this.#fields.get(key) : undefined
    if (compute === undefined) return undefined
    let outcome = this.#outcomes.get(key as string)
    if (outcome === undefined) {
      outcome = compute()
      this.#outcomes.set(key as string, outcome)
    }
    if ('value' in outcome) return outcome.value
    if (outcome.error.reason !== 'evaluation') throw outcome.error
    throw new CelError(`composited variable "${String(key)}" fails to evaluate: ${outcome.error.message}`)
  }

  override keys(): Iterable<CelValue> {
    return this.#fields.keys()
  }
}
