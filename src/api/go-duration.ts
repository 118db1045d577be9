import { DurationError, nanosecondsPerUnit } from '../machinery/duration.ts'
import { goQuote } from '../machinery/go-format.ts'

const limit = 2n ** 63n

/** Nanoseconds of a duration as Go's time.ParseDuration reads it, exact: `1h30m`, `1.5ms`. Throws a DurationError. */
export function parseGoDuration(text: string): bigint {
  const sign = text.startsWith('-') ? -1n : 1n
  let rest = text.replace(/^[+-]/, '')
  if (rest === '0') return 0n
  if (rest === '') throw new DurationError(`time: invalid duration ${goQuote(text)}`)
  let total = 0n
  while (rest !== '') {
    const match = /^(\d*)(?:\.(\d*))?([^\d.]*)/.exec(rest)
    const [all = '', whole = '', fraction = '', unit = ''] = match ?? []
    if (whole === '' && fraction === '') throw new DurationError(`time: invalid duration ${goQuote(text)}`)
    if (unit === '') throw new DurationError(`time: missing unit in duration ${goQuote(text)}`)
    const nanos = nanosecondsPerUnit[unit]
    if (nanos === undefined) {
      throw new DurationError(`time: unknown unit ${goQuote(unit)} in duration ${goQuote(text)}`)
    }
    total += BigInt(whole || '0') * nanos + (BigInt(fraction || '0') * nanos) / 10n ** BigInt(fraction.length)
    rest = rest.slice(all.length)
  }
  if (total >= limit && !(total === limit && sign < 0n)) {
    throw new DurationError(`time: invalid duration ${goQuote(text)}`)
  }
  return sign * total
}

/** As Go's Duration.String: `1h30m0s`, `1.5ms`. */
export function formatGoDuration(nanos: bigint): string {
  if (nanos === 0n) return '0s'
  if (nanos < 0n) return `-${formatGoDuration(-nanos)}`
  if (nanos < 1_000n) return `${nanos}ns`
  if (nanos < 1_000_000n) return `${decimal(nanos, 3)}µs`
  if (nanos < 1_000_000_000n) return `${decimal(nanos, 6)}ms`
  const minutes = nanos / 60_000_000_000n
  const seconds = `${decimal(nanos % 60_000_000_000n, 9)}s`
  if (minutes === 0n) return seconds
  return minutes < 60n ? `${minutes}m${seconds}` : `${minutes / 60n}h${minutes % 60n}m${seconds}`
}

/** `value` × 10^-`places`, without trailing zeros. */
function decimal(value: bigint, places: number): string {
  const digits = value.toString().padStart(places + 1, '0')
  const fraction = digits.slice(-places).replace(/0+$/, '')
  const whole = digits.slice(0, -places)
  return fraction === '' ? whole : `${whole}.${fraction}`
}
