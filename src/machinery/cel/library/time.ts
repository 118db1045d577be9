import { CelError } from '../error.ts'
import type { CelDuration, CelTimestamp } from '../values/time.ts'
import { memberFunction, type FunctionOverload } from './function.ts'

/** The parts of times and durations. Source: cel-go's common/stdlib/standard.go. */

interface Accessor {
  readonly name: string
  readonly id: string
  /** Of a time that, read as UTC, shows the zone's own clock. */
  readonly of: (local: Date) => number
}

const dayMilliseconds = 86_400_000

const accessors: readonly Accessor[] = [
  { name: 'getFullYear', id: 'timestamp_to_year', of: (time) => time.getUTCFullYear() },
  { name: 'getMonth', id: 'timestamp_to_month', of: (time) => time.getUTCMonth() },
  {
    name: 'getDayOfYear',
    id: 'timestamp_to_day_of_year',
    of: (time) => {
      const newYear = new Date(0).setUTCFullYear(time.getUTCFullYear(), 0, 1)
      return Math.floor((time.getTime() - newYear) / dayMilliseconds)
    },
  },
  { name: 'getDayOfMonth', id: 'timestamp_to_day_of_month', of: (time) => time.getUTCDate() - 1 },
  { name: 'getDate', id: 'timestamp_to_day_of_month_1_based', of: (time) => time.getUTCDate() },
  { name: 'getDayOfWeek', id: 'timestamp_to_day_of_week', of: (time) => time.getUTCDay() },
  { name: 'getHours', id: 'timestamp_to_hours', of: (time) => time.getUTCHours() },
  { name: 'getMinutes', id: 'timestamp_to_minutes', of: (time) => time.getUTCMinutes() },
  { name: 'getSeconds', id: 'timestamp_to_seconds', of: (time) => time.getUTCSeconds() },
  { name: 'getMilliseconds', id: 'timestamp_to_milliseconds', of: (time) => time.getUTCMilliseconds() },
]

const nanosecondsPer: Readonly<Record<string, bigint>> = {
  getHours: 3_600_000_000_000n,
  getMinutes: 60_000_000_000n,
  getSeconds: 1_000_000_000n,
  getMilliseconds: 1_000_000n,
}

export const timeFunctions: readonly FunctionOverload[] = [
  ...accessors.flatMap(({ name, id, of }) => [
    memberFunction(name, id, ['timestamp'], 'int', (time: CelTimestamp) => BigInt(of(local(time, 'UTC')))),
    memberFunction(
      name,
      `${id}_with_tz`,
      ['timestamp', 'string'],
      'int',
      (time: CelTimestamp, zone: string) => BigInt(of(local(time, zone))),
    ),
  ]),
  ...Object.entries(nanosecondsPer).map(([name, nanoseconds]) =>
    memberFunction(
      name,
      `duration_to_${name.slice(3).toLowerCase()}`,
      ['duration'],
      'int',
      (span: CelDuration) => span.nanoseconds / nanoseconds,
    ),
  ),
]

function local({ nanoseconds }: CelTimestamp, zone: string): Date {
  const milliseconds = Math.floor(Number(nanoseconds / 1000n) / 1000)
  if (zone === 'UTC' || zone === '') return new Date(milliseconds)
  const colon = zone.indexOf(':')
  const offset = colon < 0 ? namedOffset(zone, milliseconds) : fixedOffset(zone, colon)
  return new Date(milliseconds + offset)
}

function fixedOffset(zone: string, colon: number): number {
  const hours = zone.slice(0, colon)
  const minutes = zone.slice(colon + 1)
  for (const part of [hours, minutes]) {
    if (!/^[-+]?[0-9]+$/.test(part)) throw new CelError(`strconv.Atoi: parsing "${part}": invalid syntax`)
  }
  const sign = zone.startsWith('-') ? -1 : 1
  return (Number(hours) * 60 + sign * Number(minutes)) * 60_000
}

const formats = new Map<string, Intl.DateTimeFormat>()

function namedOffset(zone: string, milliseconds: number): number {
  const parts: Record<string, number> = {}
  for (const { type, value } of formatOf(zone).formatToParts(milliseconds)) parts[type] = Number(value)
  const shown = new Date(0)
  shown.setUTCFullYear(parts['year']!, parts['month']! - 1, parts['day'])
  shown.setUTCHours(parts['hour']! % 24, parts['minute'], parts['second'])
  return shown.getTime() - Math.floor(milliseconds / 1000) * 1000
}

function formatOf(zone: string): Intl.DateTimeFormat {
  const known = formats.get(zone)
  if (known) return known
  try {
    const format = new Intl.DateTimeFormat('en-US', {
      timeZone: zone,
      hourCycle: 'h23',
      year: 'numeric',
      month: 'numeric',
      day: 'numeric',
      hour: 'numeric',
      minute: 'numeric',
      second: 'numeric',
    })
    formats.set(zone, format)
    return format
  } catch {
    throw new CelError(`unknown time zone ${zone}`)
  }
}
