import { DurationError, parseDuration } from '../duration.ts'
import { CronError, parseCronFields, type CronField, type CronFields } from './cron-fields.ts'
import { instantOf, timeZone, utc, wallAt, type TimeZone } from './time-zone.ts'

/** When something recurs. */
export interface CronSchedule {
  /** The first time after `afterMs`, milliseconds since the epoch; undefined when there is none within five years. */
  next(afterMs: number): number | undefined
}

/** What stands for five fields. */
const macros: Readonly<Record<string, string>> = {
  '@yearly': '0 0 1 1 *',
  '@annually': '0 0 1 1 *',
  '@monthly': '0 0 1 * *',
  '@weekly': '0 0 * * 0',
  '@daily': '0 0 * * *',
  '@midnight': '0 0 * * *',
  '@hourly': '0 * * * *',
}

const everyPrefix = '@every '

/**
 * Reads a schedule: five fields (minute, hour, day of month, month, day of week), a macro, or `@every` with a duration.
 * It is meant in `zone`, unless the text begins with `TZ=<zone> ` or `CRON_TZ=<zone> `. Throws a CronError.
 * Source of the grammar and of the times: github.com/robfig/cron/v3, ParseStandard.
 */
export function parseCronSchedule(text: string, zone: TimeZone = utc): CronSchedule {
  if (text === '') throw new CronError('empty spec string')
  const prefix = /^(?:CRON_)?TZ=(\S*)\s+/.exec(text)
  const place = prefix ? zoneNamed(prefix[1]!) : zone
  const rest = prefix ? text.slice(prefix[0].length).trim() : text
  if (rest.startsWith(everyPrefix)) return parseEvery(rest)
  const macro = Object.hasOwn(macros, rest) ? macros[rest] : undefined
  if (rest.startsWith('@') && macro === undefined) throw new CronError(`unrecognized descriptor: ${rest}`)
  const fields = parseCronFields(macro ?? rest)
  return { next: (afterMs) => nextMatch(fields, place, afterMs) }
}

function zoneNamed(name: string): TimeZone {
  const zone = name === '' ? utc : timeZone(name)
  if (!zone) throw new CronError(`provided bad location ${name}: unknown time zone ${name}`)
  return zone
}

/** Whole seconds apart, at least one, counted from the time asked about. */
function parseEvery(text: string): CronSchedule {
  try {
    const periodMs = Math.max(1, Math.floor(parseDuration(text.slice(everyPrefix.length)) / 1000)) * 1000
    return { next: (afterMs) => Math.floor(afterMs / 1000) * 1000 + periodMs }
  } catch (error) {
    if (error instanceof DurationError)
      throw new CronError(`failed to parse duration ${text}: ${error.message}`)
    throw error
  }
}

const hourMs = 3_600_000
const minuteMs = 60_000
const yearsAhead = 5

/**
 * Goes forward from unit to unit, larger ones first, until all fields match. Hours and minutes pass as they do on a
 * clock on the wall: those that are skipped when clocks are put forward do not match, those that come twice when they
 * are put back match twice.
 */
function nextMatch(fields: CronFields, zone: TimeZone, afterMs: number): number | undefined {
  const { months, hours, minutes } = fields
  let at = Math.floor(afterMs / 1000) * 1000 + 1000
  let wall = read()
  const lastYear = wall.getUTCFullYear() + yearsAhead
  search: while (wall.getUTCFullYear() <= lastYear) {
    while (!months.values.has(wall.getUTCMonth() + 1)) {
      goTo(startOfDay(wall.getUTCFullYear(), wall.getUTCMonth() + 1, 1))
      if (wall.getUTCMonth() === 0) continue search
    }
    while (!isDay(fields, wall)) {
      goTo(startOfDay(wall.getUTCFullYear(), wall.getUTCMonth(), wall.getUTCDate() + 1))
      if (wall.getUTCDate() === 1) continue search
    }
    while (!hours.values.has(wall.getUTCHours())) {
      const day = wall.getUTCDate()
      goTo(at + hourMs - (wall.getUTCMinutes() * minuteMs + (at % minuteMs)))
      if (wall.getUTCDate() !== day) continue search
    }
    while (!minutes.values.has(wall.getUTCMinutes())) {
      const hour = wall.getUTCHours()
      goTo(at + minuteMs - (at % minuteMs))
      if (wall.getUTCHours() !== hour || wall.getUTCMinutes() === 0) continue search
    }
    if (at % minuteMs === 0) return at
    goTo(at + minuteMs - (at % minuteMs))
  }
  return undefined

  function read(): Date {
    return new Date(wallAt(zone, at))
  }

  function goTo(instantMs: number): void {
    at = instantMs
    wall = read()
  }

  /** Midnight; where clocks are put forward at midnight, what they show then. */
  function startOfDay(year: number, month: number, day: number): number {
    const start = instantOf(zone, Date.UTC(year, month, day))
    const hour = new Date(wallAt(zone, start)).getUTCHours()
    return hour > 12 ? start + (24 - hour) * hourMs : start
  }
}

/** With an opinion in only one of the two fields that counts; with opinions in both, either suffices. */
function isDay({ daysOfMonth, daysOfWeek }: CronFields, wall: Date): boolean {
  const has = (field: CronField, value: number) => field.values.has(value)
  const ofMonth = has(daysOfMonth, wall.getUTCDate())
  const ofWeek = has(daysOfWeek, wall.getUTCDay())
  return daysOfMonth.isAny || daysOfWeek.isAny ? ofMonth && ofWeek : ofMonth || ofWeek
}
