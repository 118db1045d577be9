import { goQuote } from './go-format.ts'
import type { IntOrString } from './meta.ts'

/** A value that is neither a number nor a percentage; worded as upstream. */
export class IntOrStringError extends Error {
  constructor(message: string) {
    super(`invalid value for IntOrString: ${message}`)
    this.name = 'IntOrStringError'
  }
}

/**
 * A number as it is, a percentage (`25%`) of `total`, rounded up or down. Any other text throws an IntOrStringError.
 * Source: k8s.io/apimachinery/pkg/util/intstr, GetScaledValueFromIntOrPercent.
 */
export function scaledValue(value: IntOrString, total: number, roundUp: boolean): number {
  if (typeof value === 'number') return value
  if (!value.endsWith('%')) throw new IntOrStringError('invalid type: string is not a percentage')
  const digits = value.slice(0, -1)
  if (!/^[-+]?[0-9]+$/.test(digits)) {
    const cause = `strconv.Atoi: parsing ${goQuote(digits)}: invalid syntax`
    throw new IntOrStringError(`invalid value ${goQuote(value)}: ${cause}`)
  }
  const scaled = (Number(digits) * total) / 100
  return roundUp ? Math.ceil(scaled) : Math.floor(scaled)
}

/** As on a command line: a number where the text is one that fits into 32 bits. */
export function parseIntOrString(text: string): IntOrString {
  const number = /^[-+]?[0-9]+$/.test(text) ? Number(text) : Number.NaN
  return number >= -(2 ** 31) && number < 2 ** 31 ? number : text
}
