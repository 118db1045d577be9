import type { CelValue } from './value.ts'

/** A value or none. */
export class CelOptional {
  readonly value: CelValue | undefined

  constructor(value: CelValue | undefined) {
    this.value = value
  }
}

export const noValue = new CelOptional(undefined)
