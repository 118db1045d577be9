import { goQuote } from '../go-format.ts'

/** A text that is no schedule; worded as github.com/robfig/cron/v3, which upstream reads schedules with. */
export class CronError extends Error {
  constructor(message: string) {
    super(message)
    this.name = 'CronError'
  }
}

/** The values at which one field of a schedule lets it run. */
export interface CronField {
  readonly values: ReadonlySet<number>
  /** `*` or `?`: every value, and no opinion where another field has one. */
  readonly isAny: boolean
}

export interface CronFields {
  readonly minutes: CronField
  readonly hours: CronField
  readonly daysOfMonth: CronField
  /** From 1. */
  readonly months: CronField
  /** From 0 for Sunday. */
  readonly daysOfWeek: CronField
}

interface Bounds {
  readonly first: number
  readonly last: number
  readonly names?: Readonly<Record<string, number>>
}

const months = ['jan', 'feb', 'mar', 'apr', 'may', 'jun', 'jul', 'aug', 'sep', 'oct', 'nov', 'dec']
const weekdays = ['sun', 'mon', 'tue', 'wed', 'thu', 'fri', 'sat']

const bounds = {
  minutes: { first: 0, last: 59 },
  hours: { first: 0, last: 23 },
  daysOfMonth: { first: 1, last: 31 },
  months: { first: 1, last: 12, names: Object.fromEntries(months.map((name, index) => [name, index + 1])) },
  daysOfWeek: { first: 0, last: 6, names: Object.fromEntries(weekdays.map((name, index) => [name, index])) },
} satisfies Record<keyof CronFields, Bounds>

/** Reads the five fields, separated by blanks. Throws a CronError. */
export function parseCronFields(text: string): CronFields {
  const fields = text.split(/\s+/).filter((field) => field !== '')
  const [minutes, hours, daysOfMonth, monthField, daysOfWeek, ...more] = fields
  if (daysOfWeek === undefined || more.length > 0)
    throw new CronError(`expected exactly 5 fields, found ${fields.length}: [${fields.join(' ')}]`)
  return {
    minutes: parseField(minutes!, bounds.minutes),
    hours: parseField(hours!, bounds.hours),
    daysOfMonth: parseField(daysOfMonth!, bounds.daysOfMonth),
    months: parseField(monthField!, bounds.months),
    daysOfWeek: parseField(daysOfWeek, bounds.daysOfWeek),
  }
}

/** Ranges separated by commas. */
function parseField(text: string, limits: Bounds): CronField {
  const values = new Set<number>()
  let isAny = false
  for (const part of text.split(',')) {
    if (part === '') continue
    const range = parseRange(part, limits)
    for (let value = range.first; value <= range.last; value += range.step) values.add(value)
    isAny ||= range.isAny
  }
  return { values, isAny }
}

interface Range {
  readonly first: number
  readonly last: number
  readonly step: number
  readonly isAny: boolean
}

/** `number`, `number-number` or `*`, and each with `/step`; `number/step` goes on to the end. */
function parseRange(text: string, limits: Bounds): Range {
  const [span = '', stepText, ...moreSteps] = text.split('/')
  const [firstText = '', lastText, ...moreEnds] = span.split('-')
  const isStar = firstText === '*' || firstText === '?'
  let first = limits.first
  let last = limits.last
  if (!isStar) {
    first = parseValue(firstText, limits)
    if (moreEnds.length > 0) throw new CronError(`too many hyphens: ${text}`)
    last = lastText === undefined ? first : parseValue(lastText, limits)
  }
  if (moreSteps.length > 0) throw new CronError(`too many slashes: ${text}`)
  const step = stepText === undefined ? 1 : parseNumber(stepText)
  if (stepText !== undefined && lastText === undefined) last = limits.last

  if (first < limits.first)
    throw new CronError(`beginning of range (${first}) below minimum (${limits.first}): ${text}`)
  if (last > limits.last)
    throw new CronError(`end of range (${last}) above maximum (${limits.last}): ${text}`)
  if (first > last)
    throw new CronError(`beginning of range (${first}) beyond end of range (${last}): ${text}`)
  if (step === 0) throw new CronError(`step of range should be a positive number: ${text}`)
  return { first, last, step, isAny: isStar && step === 1 }
}

function parseValue(text: string, { names }: Bounds): number {
  const lower = text.toLowerCase()
  return names && Object.hasOwn(names, lower) ? names[lower]! : parseNumber(text)
}

function parseNumber(text: string): number {
  if (!/^[-+]?\d+$/.test(text)) {
    const cause = `strconv.Atoi: parsing ${goQuote(text)}: invalid syntax`
    throw new CronError(`failed to parse int from ${text}: ${cause}`)
  }
  const value = Number(text)
  if (value < 0) throw new CronError(`negative number (${value}) not allowed: ${text}`)
  return value
}
