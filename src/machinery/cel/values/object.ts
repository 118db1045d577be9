import type { CelType } from '../types.ts'
import type { CelValue } from './value.ts'

/** An object that the expression made: `Object.spec{replicas: 3}`. */
export class CelObject {
  readonly type: CelType & { readonly name: string }
  readonly fields: ReadonlyMap<string, CelValue>

  constructor(type: CelType & { readonly name: string }, fields: ReadonlyMap<string, CelValue>) {
    this.type = type
    this.fields = fields
  }
}
