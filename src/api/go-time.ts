import type { MicroTime, Time } from '../machinery/meta.ts'
import { goQuote } from '../machinery/go-format.ts'

/**
 * Times in API objects, parsed as Go's time.Parse does with the layouts of meta/v1 Time and MicroTime, with its words
 * of complaint, and written in UTC as upstream writes them. The zero time has no text: it is undefined here and null
 * in JSON.
 */

const secondsLayout = '2006-01-02T15:04:05Z07:00'
const microsLayout = '2006-01-02T15:04:05.000000Z07:00'
const canonicalTime = /^\d{4}-(?:0[1-9]|1[0-2])-(?:0[1-9]|1\d|2[0-8])T(?:[01]\d|2[0-3]):[0-5]\d:[0-5]\dZ$/
const zeroTime = '0001-01-01T00:00:00Z'

export class TimeError extends Error {
  constructor(message: string) {
    super(message)
    this.name = 'TimeError'
  }
}

/** Any RFC 3339 time, as a Time. Throws a TimeError. */
export function canonicalTimeOf(text: string): Time | undefined {
  if (canonicalTime.test(text)) return text === zeroTime ? undefined : text
  const { date } = new TimeReader(text, secondsLayout).read()
  const time = `${isoDate(date)}Z`
  return time === zeroTime ? undefined : time
}

/** An RFC 3339 time with exactly six digits behind the second, as a MicroTime. Throws a TimeError. */
export function canonicalMicroTimeOf(text: string): MicroTime | undefined {
  const { date, fraction } = new TimeReader(text, microsLayout).read()
  const time = isoDate(date)
  if (`${time}Z` === zeroTime && Number(fraction) === 0) return undefined
  return `${time}.${fraction.padEnd(6, '0').slice(0, 6)}Z`
}

function isoDate(date: Date): string {
  return date.toISOString().replace(/\.\d+Z$/, '')
}

class TimeReader {
  readonly #text: string
  readonly #layout: string
  #rest: string

  constructor(text: string, layout: string) {
    this.#text = text
    this.#layout = layout
    this.#rest = text
  }

  /** The time in UTC, and the digits behind the second. */
  read(): { readonly date: Date; readonly fraction: string } {
    const year = this.#digits(4, '2006')
    this.#literal('-')
    const month = this.#digits(2, '01')
    if (month < 1 || month > 12) throw this.#outOfRange('month')
    this.#literal('-')
    const day = this.#digits(2, '02')
    this.#literal('T')
    const hour = this.#below(24, '15', 'hour')
    this.#literal(':')
    const minute = this.#below(60, '04', 'minute')
    this.#literal(':')
    const second = this.#below(60, '05', 'second')
    const fraction = this.#fraction()
    const offsetMinutes = this.#offset()
    if (this.#rest !== '') throw this.#error(`extra text: ${goQuote(this.#rest)}`)
    const date = new Date(0)
    date.setUTCFullYear(year, month - 1, day)
    if (day < 1 || date.getUTCDate() !== day) throw this.#outOfRange('day')
    date.setUTCHours(hour, minute - offsetMinutes, second)
    return { date, fraction }
  }

  #digits(count: number, element: string): number {
    const digits = this.#rest.slice(0, count)
    if (digits.length < count || !/^\d+$/.test(digits)) throw this.#mismatch(element)
    this.#rest = this.#rest.slice(count)
    return Number(digits)
  }

  #below(limit: number, element: string, name: string): number {
    const value = this.#digits(2, element)
    if (value >= limit) throw this.#outOfRange(name)
    return value
  }

  #literal(character: string): void {
    if (!this.#rest.startsWith(character)) throw this.#mismatch(character)
    this.#rest = this.#rest.slice(1)
  }

  #fraction(): string {
    if (this.#layout === microsLayout) {
      const match = /^[.,](\d{6})/.exec(this.#rest)
      if (!match) throw this.#mismatch('.000000')
      this.#rest = this.#rest.slice(7)
      return match[1] ?? ''
    }
    const match = /^[.,](\d+)/.exec(this.#rest)
    if (match) this.#rest = this.#rest.slice(match[0].length)
    return match?.[1] ?? ''
  }

  #offset(): number {
    if (this.#rest.startsWith('Z')) {
      this.#rest = this.#rest.slice(1)
      return 0
    }
    const match = /^([+-])(\d\d):(\d\d)/.exec(this.#rest)
    if (!match) throw this.#mismatch('Z07:00')
    this.#rest = this.#rest.slice(6)
    const [, sign, hours, minutes] = match
    if (Number(hours) > 24) throw this.#outOfRange('time zone offset hour')
    if (Number(minutes) > 60) throw this.#outOfRange('time zone offset minute')
    return (sign === '-' ? -1 : 1) * (Number(hours) * 60 + Number(minutes))
  }

  #mismatch(element: string): TimeError {
    return new TimeError(
      `parsing time ${goQuote(this.#text)} as ${goQuote(this.#layout)}: ` +
        `cannot parse ${goQuote(this.#rest)} as ${goQuote(element)}`,
    )
  }

  #outOfRange(name: string): TimeError {
    return this.#error(`${name} out of range`)
  }

  #error(reason: string): TimeError {
    return new TimeError(`parsing time ${goQuote(this.#text)}: ${reason}`)
  }
}
