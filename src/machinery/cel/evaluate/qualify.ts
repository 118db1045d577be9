import { CelError } from '../error.ts'
import { find, index } from '../library/standard.ts'
import { CelList } from '../values/list.ts'
import { CelMap } from '../values/map.ts'
import { CelObject } from '../values/object.ts'
import { CelOptional, noValue } from '../values/optional.ts'
import type { CelValue } from '../values/value.ts'

/** `operand.field`. Inside an optional, the result is optional too. */
export function selectField(operand: CelValue, field: string): CelValue {
  if (operand instanceof CelMap) {
    const value = operand.get(field)
    if (value === undefined) throw new CelError(`no such key: ${field}`)
    return value
  }
  if (operand instanceof CelOptional) return selectOptionalField(operand, field)
  const value = operand instanceof CelObject ? operand.fields.get(field) : undefined
  if (value === undefined) throw new CelError(`no such key: ${field}`)
  return value
}

/** `operand.?field`: none where there is nothing. */
export function selectOptionalField(operand: CelValue, field: string): CelOptional {
  const container = operand instanceof CelOptional ? operand.value : operand
  if (container === undefined) return noValue
  const value = fieldOf(container, field)
  return value === undefined ? noValue : new CelOptional(value)
}

/** `has(operand.field)`. */
export function hasField(operand: CelValue, field: string): boolean {
  const container = operand instanceof CelOptional ? operand.value : operand
  return container !== undefined && fieldOf(container, field) !== undefined
}

function fieldOf(container: CelValue, field: string): CelValue | undefined {
  if (container instanceof CelMap) return container.get(field)
  return container instanceof CelObject ? container.fields.get(field) : undefined
}

/** `operand[key]`. */
export function selectIndex(operand: CelValue, key: CelValue): CelValue {
  return operand instanceof CelOptional
    ? selectOptionalIndex(operand, key)
    : index(indexable(operand, key), key)
}

/** `operand[?key]`. */
export function selectOptionalIndex(operand: CelValue, key: CelValue): CelOptional {
  const container = operand instanceof CelOptional ? operand.value : operand
  if (container === undefined) return noValue
  const value = find(indexable(container, key), key)
  return value === undefined ? noValue : new CelOptional(value)
}

function indexable(container: CelValue, key: CelValue): CelValue {
  if (container instanceof CelMap || container instanceof CelList) return container
  if (container instanceof CelObject && typeof key === 'string') return selectField(container, key)
  throw new CelError('no such overload')
}
