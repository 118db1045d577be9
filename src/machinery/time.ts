import type { MicroTime, Time } from './meta.ts'

/** Milliseconds since the epoch as RFC 3339 with seconds, in UTC: `2026-01-02T03:04:05Z`. */
export function formatTime(milliseconds: number): Time {
  return `${new Date(milliseconds).toISOString().slice(0, 19)}Z`
}

/** Milliseconds since the epoch as RFC 3339 with microseconds, in UTC: `2026-01-02T03:04:05.000000Z`. */
export function formatMicroTime(milliseconds: number): MicroTime {
  const micros = Math.round((milliseconds - Math.floor(milliseconds)) * 1000)
  if (micros === 1000) return formatMicroTime(Math.floor(milliseconds) + 1)
  return `${new Date(Math.floor(milliseconds)).toISOString().slice(0, 23)}${String(micros).padStart(3, '0')}Z`
}

/** Milliseconds since the epoch of an RFC 3339 time, with a fraction where it has one; undefined for none. */
export function parseTime(time: Time | null | undefined): number | undefined {
  if (!time) return undefined
  const milliseconds = Date.parse(time)
  if (Number.isNaN(milliseconds)) return undefined
  const micros = /\.\d{3}(\d{1,3})/.exec(time)?.[1]
  return micros === undefined ? milliseconds : milliseconds + Number(micros.padEnd(3, '0')) / 1000
}
