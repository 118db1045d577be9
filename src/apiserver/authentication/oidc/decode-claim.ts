import type { JsonValue } from '../../../machinery/meta.ts'

/*
 * Claims as a program in Go reads them: null is the empty value of each type, and what is of another type is refused in
 * the words of encoding/json.
 */

export function textClaim(value: JsonValue): string {
  if (value === null) return ''
  if (typeof value === 'string') return value
  throw wrongType(value, 'string')
}

export function flagClaim(value: JsonValue): boolean {
  if (value === null) return false
  if (typeof value === 'boolean') return value
  throw wrongType(value, 'bool')
}

/** A text may stand for the list that has it alone. */
export function textsClaim(value: JsonValue): readonly string[] {
  if (value === null) return []
  if (typeof value === 'string') return [value]
  if (Array.isArray(value) && value.every((one) => one === null || typeof one === 'string')) {
    return value.map((one) => one ?? '')
  }
  throw wrongType(value, 'string')
}

/** Milliseconds of a number of seconds, whose fraction does not count. */
export function timeClaim(value: JsonValue): number {
  if (typeof value !== 'number' && typeof value !== 'string') throw wrongType(value, 'json.Number')
  if (typeof value === 'string' && !/^-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][-+]?[0-9]+)?$/.test(value)) {
    const quoted = JSON.stringify(JSON.stringify(value))
    throw new TypeError(`json: invalid number literal, trying to unmarshal ${quoted} into Number`)
  }
  return Math.trunc(Number(value)) * 1000
}

function wrongType(value: JsonValue, wanted: string): TypeError {
  const found = Array.isArray(value)
    ? 'array'
    : value === null
      ? 'null'
      : typeof value === 'boolean'
        ? 'bool'
        : typeof value
  return new TypeError(`json: cannot unmarshal ${found} into Go value of type ${wanted}`)
}
