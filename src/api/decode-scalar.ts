import type { IntOrString } from '../machinery/meta.ts'
import { canonicalQuantity, QuantityError } from '../machinery/quantity.ts'
import { DecodeError, jsonKind } from './decode-error.ts'
import { DurationError } from '../machinery/duration.ts'
import { formatGoDuration, parseGoDuration } from './go-duration.ts'
import { canonicalMicroTimeOf, canonicalTimeOf, TimeError } from './go-time.ts'

/*
 * Types whose JSON form upstream reads with code of their own; errors are worded as that code words them. Each takes a
 * value that is not null and returns its canonical form, or null for a time that is zero.
 */

export function decodeQuantity(value: unknown): string {
  const text = typeof value === 'string' ? value.trim() : JSON.stringify(value)
  try {
    return canonicalQuantity(text)
  } catch (error) {
    if (error instanceof QuantityError) throw new DecodeError(error.message)
    throw error
  }
}

export function decodeIntOrString(value: unknown): IntOrString {
  if (typeof value === 'string') return value
  if (typeof value === 'number' && (value | 0) === value) return value
  throw new DecodeError(`json: cannot unmarshal ${jsonKind(value, true)} into Go value of type int32`)
}

export function decodeTime(value: unknown): string | null {
  try {
    return canonicalTimeOf(stringOf(value)) ?? null
  } catch (error) {
    throw asDecodeError(error)
  }
}

export function decodeMicroTime(value: unknown): string | null {
  try {
    return canonicalMicroTimeOf(stringOf(value)) ?? null
  } catch (error) {
    throw asDecodeError(error)
  }
}

export function decodeDuration(value: unknown): string {
  try {
    return formatGoDuration(parseGoDuration(stringOf(value)))
  } catch (error) {
    throw asDecodeError(error)
  }
}

const base64 = /^[A-Za-z0-9+/]*={0,2}$/

/** Standard base64 with padding; line breaks are allowed, and removed. */
export function decodeBytes(text: string): string {
  if (text.length % 4 === 0 && base64.test(text)) {
    // Padding may hide bits that are not zero: those are dropped, as decoding and encoding again does.
    return text.endsWith('=') ? Buffer.from(text, 'base64').toString('base64') : text
  }
  const compact = text.replace(/[\r\n]/g, '')
  if (compact.length === text.length) throw new DecodeError(illegalBase64(text))
  return decodeBytes(compact)
}

/** Counts as Go's decoder does: to the byte that may not stand there, or to the group of four that is cut short. */
function illegalBase64(text: string): string {
  let position = 0
  for (;;) {
    for (let inGroup = 0; inGroup < 4; inGroup++) {
      if (position === text.length) return illegalBase64At(position - inGroup)
      const character = text[position++]!
      if (character === '=') return illegalBase64At(illegalPadding(text, position, inGroup))
      if (!/[A-Za-z0-9+/]/.test(character)) return illegalBase64At(position - 1)
    }
  }
}

/** `position` is behind the first padding character, which is number `inGroup` of its group. */
function illegalPadding(text: string, position: number, inGroup: number): number {
  if (inGroup < 2) return position - 1
  if (inGroup === 3) return position
  if (position === text.length) return position
  return text[position] === '=' ? position + 1 : position - 1
}

function illegalBase64At(position: number): string {
  return `illegal base64 data at input byte ${position}`
}

function stringOf(value: unknown): string {
  if (typeof value === 'string') return value
  throw new DecodeError(`json: cannot unmarshal ${jsonKind(value)} into Go value of type string`)
}

function asDecodeError(error: unknown): unknown {
  return error instanceof TimeError || error instanceof DurationError ? new DecodeError(error.message) : error
}
