import type { CelType } from '../types.ts'
import type { CelValue } from './value.ts'

/** A value that only its library's functions look into: a quantity, an address, a URL. */
export abstract class CelOpaque {
  abstract readonly type: CelType
  /** Undefined where the two cannot be compared. */
  abstract equals(other: CelValue): boolean | undefined

  /** What size counts for cost, where the value has one. */
  get costSize(): number {
    return 1
  }
}
