/** Wall-clock time in one place: how far its clocks are ahead of UTC, in milliseconds, at an instant. */
export interface TimeZone {
  /** IANA name: `Europe/Berlin`. */
  readonly name: string
  offsetMs(instantMs: number): number
}

/** UTC, without asking the machine's time zone database. */
export const utc: TimeZone = { name: 'UTC', offsetMs: () => 0 }

const known = new Map<string, TimeZone>([['UTC', utc]])

/** The zone with this IANA name, from the time zone database of the runtime; undefined for a name it does not have. */
export function timeZone(name: string): TimeZone | undefined {
  let zone = known.get(name)
  if (!zone) {
    zone = fromDatabase(name)
    if (zone) known.set(name, zone)
  }
  return zone
}

/** The zone that the process runs in, looked up when it is first asked: the time zone database takes 7 MB. */
export const localTimeZone: TimeZone = {
  get name() {
    return local().name
  },
  offsetMs: (instantMs) => local().offsetMs(instantMs),
}

let zoneOfProcess: TimeZone | undefined

function local(): TimeZone {
  zoneOfProcess ??= timeZone(new Intl.DateTimeFormat().resolvedOptions().timeZone) ?? utc
  return zoneOfProcess
}

/**
 * Names start with a letter; what Intl takes beside them (`+02:00`) is not in the database, and neither are names in
 * other letters than their own (`europe/berlin`), which Intl takes too: Go looks for a file of the name.
 */
function fromDatabase(name: string): TimeZone | undefined {
  if (!/^[A-Za-z]/.test(name)) return undefined
  try {
    const format = new Intl.DateTimeFormat('en-US', {
      timeZone: name,
      hourCycle: 'h23',
      year: 'numeric',
      month: 'numeric',
      day: 'numeric',
      hour: 'numeric',
      minute: 'numeric',
      second: 'numeric',
    })
    if (!isWrittenSo(name, format)) return undefined
    return { name, offsetMs: (instantMs) => offset(format, instantMs) }
  } catch (error) {
    if (error instanceof RangeError) return undefined
    throw error
  }
}

function isWrittenSo(name: string, format: Intl.DateTimeFormat): boolean {
  // Intl gives other names of a zone (`US/Eastern`) as the one it prefers, Temporal gives each as it is written.
  if (typeof Temporal !== 'undefined') return new Temporal.ZonedDateTime(0n, name).timeZoneId === name
  const preferred = format.resolvedOptions().timeZone
  return preferred === name || preferred.toLowerCase() !== name.toLowerCase()
}

function offset(format: Intl.DateTimeFormat, instantMs: number): number {
  const wholeSecondMs = Math.floor(instantMs / 1000) * 1000
  const fields: Record<string, number> = {}
  for (const { type, value } of format.formatToParts(wholeSecondMs)) fields[type] = Number(value)
  const { year = 0, month = 1, day = 1, hour = 0, minute = 0, second = 0 } = fields
  return Date.UTC(year, month - 1, day, hour, minute, second) - wholeSecondMs
}

/** A wall-clock reading in the zone, as if it were in UTC. */
export function wallAt(zone: TimeZone, instantMs: number): number {
  return instantMs + zone.offsetMs(instantMs)
}

/**
 * The instant of a wall-clock reading. One that occurs twice or never gives one of the two that are right beside the
 * change of the clocks, the same that Go's time.Date gives.
 */
export function instantOf(zone: TimeZone, wall: number): number {
  const guess = wall - zone.offsetMs(wall)
  return wall - zone.offsetMs(guess)
}

/** RFC 3339 with seconds and the zone's offset: `2026-01-02T03:04:05+01:00`, `...Z` where that is none. */
export function formatInZone(zone: TimeZone, instantMs: number): string {
  const offsetMinutes = Math.trunc(zone.offsetMs(instantMs) / 60_000)
  const text = new Date(wallAt(zone, instantMs)).toISOString().slice(0, 19)
  if (offsetMinutes === 0) return `${text}Z`
  const pad = (value: number) => String(value).padStart(2, '0')
  const minutes = Math.abs(offsetMinutes)
  return `${text}${offsetMinutes < 0 ? '-' : '+'}${pad(Math.floor(minutes / 60))}:${pad(minutes % 60)}`
}
