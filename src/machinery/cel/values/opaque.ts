import type { CelType } from '../types.ts'
import type { CelValue } from './value.ts'

/** A value that only its library's functions look into: a quantity, an address, a URL. */
export abstract class CelOpaque {
  abstract readonly type: CelType
  abstract equals(other: CelValue): boolean

  /** What size counts for cost, where the value has one. */
  get costSize(): number {
    return 1
  }
}
