import { nanosecondsPerUnit } from '../../duration.ts'
import { CelDuration, CelTimestamp } from './time.ts'

/** RFC 3339, or a date alone. Undefined when the text is none, or out of the years 1 to 9999. */
export function timestampOf(raw: unknown): CelTimestamp | undefined {
  const match = typeof raw === 'string' ? rfc3339.exec(raw) : null
  if (!match) return undefined
  const [, year, month, day, hour = '0', minute = '0', second = '0', fraction = '', zone = 'Z'] = match
  if (Number(hour) > 23 || Number(minute) > 59 || Number(second) > 59) return undefined
  const date = new Date(0)
  date.setUTCFullYear(Number(year), Number(month) - 1, Number(day))
  date.setUTCHours(Number(hour), Number(minute), Number(second))
  if (date.getUTCMonth() !== Number(month) - 1 || date.getUTCDate() !== Number(day)) return undefined
  const offset = zoneMinutes(zone)
  if (offset === undefined) return undefined
  const milliseconds = date.getTime() - offset * 60_000
  return inRange(BigInt(milliseconds) * 1_000_000n + BigInt(fraction.slice(0, 9).padEnd(9, '0')))
}

const rfc3339 =
  /^(\d{4})-(\d{2})-(\d{2})(?:[Tt](\d{2}):(\d{2}):(\d{2})(?:[.,](\d+))?([Zz]|[+-]\d{2}:\d{2}))?$/

function zoneMinutes(zone: string): number | undefined {
  if (zone === 'Z' || zone === 'z') return 0
  const minutes = Number(zone.slice(1, 3)) * 60 + Number(zone.slice(4, 6))
  if (Number(zone.slice(1, 3)) > 23 || Number(zone.slice(4, 6)) > 59) return undefined
  return zone.startsWith('-') ? -minutes : minutes
}

/** 0001-01-01T00:00:00Z and 9999-12-31T23:59:59.999999999Z. */
const earliest = -62_135_596_800n * 1_000_000_000n
const latest = 253_402_300_800n * 1_000_000_000n - 1n

/** Undefined beyond the years 1 to 9999. */
export function inRange(nanoseconds: bigint): CelTimestamp | undefined {
  return nanoseconds < earliest || nanoseconds > latest ? undefined : new CelTimestamp(nanoseconds)
}

/** RFC 3339 in UTC with the digits that are needed: `2026-01-02T03:04:05.5Z`. */
export function formatTimestamp({ nanoseconds }: CelTimestamp): string {
  const fraction = ((nanoseconds % 1_000_000_000n) + 1_000_000_000n) % 1_000_000_000n
  const seconds = (nanoseconds - fraction) / 1_000_000_000n
  const text = new Date(Number(seconds) * 1000).toISOString().slice(0, -5)
  return `${text}${fractionText(fraction)}Z`
}

function fractionText(nanoseconds: bigint): string {
  if (nanoseconds === 0n) return ''
  return `.${String(nanoseconds).padStart(9, '0').replace(/0+$/, '')}`
}

const maxInt64 = 2n ** 63n - 1n

/** time.ParseDuration, exact: `1h30m`, `-1.5s`, `0`. Undefined when the text is none or beyond 64 bits. */
export function durationOf(raw: unknown): CelDuration | undefined {
  if (typeof raw !== 'string') return undefined
  const negative = raw.startsWith('-')
  const text = raw.replace(/^[-+]/, '')
  if (text === '0') return new CelDuration(0n)
  if (!/^(?:(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:ns|us|µs|μs|ms|s|m|h))+$/.test(text)) return undefined
  let total = 0n
  for (const [, whole, fraction = '', unit] of text.matchAll(/([0-9]*)(?:\.([0-9]*))?([a-zµμ]+)/g)) {
    const scale = nanosecondsPerUnit[unit!]!
    total += BigInt(whole || '0') * scale
    if (fraction !== '') total += (BigInt(fraction) * scale) / 10n ** BigInt(fraction.length)
  }
  if (total > maxInt64 + (negative ? 1n : 0n)) return undefined
  return new CelDuration(negative ? -total : total)
}

/** In seconds, as cel-go converts a duration to a string: `5400s`, `1.5s`. */
export function formatDurationSeconds({ nanoseconds }: CelDuration): string {
  const magnitude = nanoseconds < 0n ? -nanoseconds : nanoseconds
  const sign = nanoseconds < 0n ? '-' : ''
  return `${sign}${magnitude / 1_000_000_000n}${fractionText(magnitude % 1_000_000_000n)}s`
}
