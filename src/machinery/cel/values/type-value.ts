import { runtimeTypeName, type CelType } from '../types.ts'

/** A type as a value: `int`, `type(x)`. Parameters do not count. */
export class CelTypeValue {
  readonly name: string

  constructor(type: CelType) {
    this.name = runtimeTypeName(type)
  }
}
