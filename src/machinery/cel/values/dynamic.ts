import { JsonList } from './list.ts'
import { JsonMap } from './map.ts'
import type { CelValue } from './value.ts'

/** JSON without a schema. Integral numbers are ints; values of CEL are passed as they are. */
export function wrapDynamic(raw: unknown): CelValue {
  switch (typeof raw) {
    case 'string':
    case 'boolean':
    case 'bigint':
      return raw
    case 'number':
      return Number.isInteger(raw) && Math.abs(raw) < 2 ** 63 ? BigInt(raw) : raw
    case 'object':
      if (raw === null) return null
      if (Array.isArray(raw)) return new JsonList(raw, wrapDynamic)
      return isPlain(raw)
        ? new JsonMap(raw as Readonly<Record<string, unknown>>, wrapDynamic)
        : (raw as CelValue)
    default:
      return null
  }
}

function isPlain(value: object): boolean {
  const prototype: unknown = Object.getPrototypeOf(value)
  return prototype === Object.prototype || prototype === null
}
