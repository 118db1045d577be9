import { DurationError, parseDuration } from '../../duration.ts'
import { parseGoBool } from '../../go-bool.ts'
import { goQuote } from '../../go-format.ts'
import { parseInt64 } from '../../int64.ts'
import { CelError } from '../error.ts'
import { int, timestamp, uint } from './arithmetic.ts'
import { CelDuration, CelTimestamp } from './time.ts'
import { durationOf, formatDurationSeconds, formatTimestamp, timestampOf } from './time-text.ts'
import { CelUint } from './uint.ts'
import type { CelValue } from './value.ts'

const nanosecondsPerSecond = 1_000_000_000n

function invalid(parser: string, text: string, problem = 'invalid syntax'): never {
  throw new CelError(`strconv.${parser}: parsing ${goQuote(text)}: ${problem}`)
}

export function intFrom(value: CelValue): CelValue {
  if (typeof value === 'number') {
    if (!(value > -(2 ** 63) && value < 2 ** 63)) throw new CelError('integer overflow')
    return BigInt(Math.trunc(value))
  }
  if (typeof value === 'string') {
    const parsed = parseInt64(value)
    if (parsed !== undefined) return parsed
    return invalid('ParseInt', value, /^[-+]?[0-9]+$/.test(value) ? 'value out of range' : undefined)
  }
  if (value instanceof CelUint) return int(value.value)
  if (value instanceof CelTimestamp) return floorDivide(value.nanoseconds, nanosecondsPerSecond)
  return value instanceof CelDuration ? value.nanoseconds : value
}

function floorDivide(value: bigint, divisor: bigint): bigint {
  const quotient = value / divisor
  return value % divisor < 0n ? quotient - 1n : quotient
}

export function uintFrom(value: CelValue): CelValue {
  if (typeof value === 'bigint') return uint(value)
  if (typeof value === 'number') {
    if (!(value >= 0 && value < 2 ** 64)) throw new CelError('unsigned integer overflow')
    return new CelUint(BigInt(Math.trunc(value)))
  }
  if (typeof value !== 'string') return value
  if (!/^[0-9]+$/.test(value)) return invalid('ParseUint', value)
  const parsed = BigInt(value)
  return parsed < 2n ** 64n ? new CelUint(parsed) : invalid('ParseUint', value, 'value out of range')
}

export function doubleFrom(value: CelValue): CelValue {
  if (typeof value === 'bigint') return Number(value)
  if (value instanceof CelUint) return Number(value.value)
  if (typeof value !== 'string') return value
  const special = /^([-+]?)(?:(inf|infinity)|nan)$/i.exec(value)
  if (special) return special[2] ? (special[1] === '-' ? -Infinity : Infinity) : Number.NaN
  if (!/^[-+]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][-+]?[0-9]+)?$/.test(value))
    return invalid('ParseFloat', value)
  const parsed = Number(value)
  return Number.isFinite(parsed) ? parsed : invalid('ParseFloat', value, 'value out of range')
}

export function boolFrom(value: CelValue): CelValue {
  if (typeof value !== 'string') return value
  return parseGoBool(value) ?? invalid('ParseBool', value)
}

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

export function stringFrom(value: CelValue): CelValue {
  if (typeof value === 'bigint' || typeof value === 'boolean') return String(value)
  if (typeof value === 'number') return formatDouble(value)
  if (value instanceof CelUint) return String(value.value)
  if (value instanceof CelTimestamp) return formatTimestamp(value)
  if (value instanceof CelDuration) return formatDurationSeconds(value)
  if (!(value instanceof Uint8Array)) return value
  try {
    return utf8.decode(value)
  } catch {
    throw new CelError('invalid UTF-8 in bytes, cannot convert to string')
  }
}

/** strconv.FormatFloat with 'g' and the shortest precision. */
function formatDouble(value: number): string {
  if (!Number.isFinite(value)) return Number.isNaN(value) ? 'NaN' : value > 0 ? '+Inf' : '-Inf'
  if (Object.is(value, -0)) return '-0'
  const [digits, exponent] = value.toExponential().split('e') as [string, string]
  const power = Number(exponent)
  if (value === 0 || (power >= -4 && power < 6)) return String(value)
  const sign = power < 0 ? '-' : '+'
  return `${digits}e${sign}${String(Math.abs(power)).padStart(2, '0')}`
}

export function bytesFrom(value: CelValue): CelValue {
  return typeof value === 'string' ? new Uint8Array(Buffer.from(value)) : value
}

export function timestampFrom(value: CelValue): CelValue {
  if (typeof value === 'bigint') return timestamp(value * nanosecondsPerSecond)
  if (typeof value !== 'string') return value
  const parsed = /[Tt]/.test(value) ? timestampOf(value) : undefined
  if (parsed !== undefined) return parsed
  const layout = '"2006-01-02T15:04:05Z07:00"'
  throw new CelError(`parsing time ${goQuote(value)} as ${layout}: cannot parse ${goQuote(value)} as "2006"`)
}

export function durationFrom(value: CelValue): CelValue {
  if (typeof value !== 'string') return value
  const parsed = durationOf(value)
  if (parsed !== undefined) return parsed
  try {
    parseDuration(value)
  } catch (error) {
    if (error instanceof DurationError) throw new CelError(error.message)
    throw error
  }
  throw new CelError(`time: invalid duration ${goQuote(value)}`)
}
