import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { CronError } from './cron-fields.ts'
import { parseCronSchedule } from './cron-schedule.ts'
import { formatInZone, timeZone, utc } from './time-zone.ts'

function next(text: string, after: string, zone = utc): string | undefined {
  const time = parseCronSchedule(text, zone).next(Date.parse(after))
  return time === undefined ? undefined : formatInZone(zone, time)
}

void describe('parseCronSchedule', () => {
  const rows = [
    ['* * * * *', '2026-01-01T00:00:00Z', '2026-01-01T00:01:00Z'],
    ['* * * * *', '2026-01-01T00:00:59.999Z', '2026-01-01T00:01:00Z'],
    ['0/15 * * * *', '2026-01-01T00:15:00Z', '2026-01-01T00:30:00Z'],
    ['5/15 * * * *', '2026-01-01T23:51:00Z', '2026-01-02T00:05:00Z'],
    ['20-35/15 * * * *', '2026-01-01T00:20:30Z', '2026-01-01T00:35:00Z'],
    ['20-35/15 * * * *', '2026-01-01T00:35:00Z', '2026-01-01T01:20:00Z'],
    ['0 0 1 1 *', '2026-01-01T00:00:00Z', '2027-01-01T00:00:00Z'],
    ['30 6-16/4 * * 1-5', '2026-01-02T14:31:00Z', '2026-01-05T06:30:00Z'],
    ['0 0 * Feb Mon', '2026-03-01T00:00:00Z', '2027-02-01T00:00:00Z'],
    ['0 0 * FEB sun,SAT', '2026-02-02T00:00:00Z', '2026-02-07T00:00:00Z'],
    ['0 12 1,15 * Sun', '2026-01-02T00:00:00Z', '2026-01-04T12:00:00Z'],
    ['0 12 1,15 * ?', '2026-01-02T00:00:00Z', '2026-01-15T12:00:00Z'],
    ['0 12 */10 * Sun', '2026-01-02T00:00:00Z', '2026-01-04T12:00:00Z'],
    ['0 0 29 2 *', '2026-01-01T00:00:00Z', '2028-02-29T00:00:00Z'],
    ['0 0 31 * *', '2026-04-01T00:00:00Z', '2026-05-31T00:00:00Z'],
    ['0 0 30 2 *', '2026-01-01T00:00:00Z', undefined],
    ['59 23 31 2 *', '2026-01-01T00:00:00Z', undefined],
    ['@hourly', '2026-01-01T00:00:00Z', '2026-01-01T01:00:00Z'],
    ['@daily', '2026-01-01T00:00:00Z', '2026-01-02T00:00:00Z'],
    ['@midnight', '2026-01-01T05:00:00Z', '2026-01-02T00:00:00Z'],
    ['@weekly', '2026-01-01T00:00:00Z', '2026-01-04T00:00:00Z'],
    ['@monthly', '2026-01-01T00:00:00Z', '2026-02-01T00:00:00Z'],
    ['@yearly', '2026-01-01T00:00:00Z', '2027-01-01T00:00:00Z'],
    ['@annually', '2026-01-01T00:00:00Z', '2027-01-01T00:00:00Z'],
    ['@every 90m', '2026-01-01T00:00:00.5Z', '2026-01-01T01:30:00Z'],
    ['@every 10ms', '2026-01-01T00:00:00Z', '2026-01-01T00:00:01Z'],
    ['TZ=Asia/Tokyo 0 0 * * *', '2026-01-01T00:00:00Z', '2026-01-01T15:00:00Z'],
    ['CRON_TZ=Asia/Tokyo @daily', '2026-01-01T15:00:00Z', '2026-01-02T15:00:00Z'],
    ['TZ= 0 0 * * *', '2026-01-01T00:00:00Z', '2026-01-02T00:00:00Z'],
  ] as const
  for (const [text, after, expected] of rows) {
    void it(`${text} after ${after} is ${expected}`, () => assert.equal(next(text, after), expected))
  }

  const changes = [
    // New York puts its clocks forward on 2026-03-08 at 2:00 and back on 2026-11-01 at 2:00.
    ['30 2 * * *', 'America/New_York', '2026-03-08T00:00:00-05:00', '2026-03-09T02:30:00-04:00'],
    ['0 * * * *', 'America/New_York', '2026-03-08T01:00:00-05:00', '2026-03-08T03:00:00-04:00'],
    ['0 3 * * *', 'America/New_York', '2026-03-08T00:00:00-05:00', '2026-03-08T03:00:00-04:00'],
    ['0 0 * * *', 'America/New_York', '2026-03-08T00:00:00-05:00', '2026-03-09T00:00:00-04:00'],
    ['30 1 * * *', 'America/New_York', '2026-11-01T00:00:00-04:00', '2026-11-01T01:30:00-04:00'],
    ['30 1 * * *', 'America/New_York', '2026-11-01T01:30:00-04:00', '2026-11-01T01:30:00-05:00'],
    ['0 12 * * *', 'America/New_York', '2026-10-31T12:00:00-04:00', '2026-11-01T12:00:00-05:00'],
    // Midnight does not exist when clocks are put forward at midnight, west and east of Greenwich.
    ['0 0 * * *', 'America/Sao_Paulo', '2018-11-03T00:00:00-03:00', '2018-11-05T00:00:00-02:00'],
    ['30 1 4 11 *', 'America/Sao_Paulo', '2018-11-03T23:30:00-03:00', '2018-11-04T01:30:00-02:00'],
    ['30 1 25 3 *', 'Asia/Beirut', '2018-03-24T00:00:00+02:00', '2018-03-25T01:30:00+03:00'],
    ['0 5 * * *', 'Asia/Kolkata', '2026-01-01T00:00:00+05:30', '2026-01-01T05:00:00+05:30'],
    ['15 2 * * *', 'Australia/Lord_Howe', '2026-10-03T12:00:00+10:30', '2026-10-05T02:15:00+11:00'],
  ] as const
  for (const [text, zone, after, expected] of changes) {
    void it(`${text} in ${zone} after ${after} is ${expected}`, () =>
      assert.equal(next(text, after, timeZone(zone)), expected))
  }

  const mistakes = [
    ['', 'empty spec string'],
    ['* * * *', 'expected exactly 5 fields, found 4: [* * * *]'],
    ['* * * * * *', 'expected exactly 5 fields, found 6: [* * * * * *]'],
    ['60 * * * *', 'end of range (60) above maximum (59): 60'],
    ['* * 0 * *', 'beginning of range (0) below minimum (1): 0'],
    ['* * * * 7', 'end of range (7) above maximum (6): 7'],
    ['5-4 * * * *', 'beginning of range (5) beyond end of range (4): 5-4'],
    ['1-2-3 * * * *', 'too many hyphens: 1-2-3'],
    ['*/2/3 * * * *', 'too many slashes: */2/3'],
    ['*/0 * * * *', 'step of range should be a positive number: */0'],
    ['x * * * *', 'failed to parse int from x: strconv.Atoi: parsing "x": invalid syntax'],
    ['* * * * */-1', 'negative number (-1) not allowed: -1'],
    ['constructor', 'expected exactly 5 fields, found 1: [constructor]'],
    ['@fortnightly', 'unrecognized descriptor: @fortnightly'],
    ['@every x', 'failed to parse duration @every x: time: invalid duration "x"'],
    ['TZ=Nowhere/There 0 0 * * *', 'provided bad location Nowhere/There: unknown time zone Nowhere/There'],
  ] as const
  for (const [text, message] of mistakes) {
    void it(`refuses "${text}"`, () => assert.throws(() => parseCronSchedule(text), new CronError(message)))
  }

  void it('gives, in UTC, the first matching minute and none before it', () => {
    const field = (first: number, last: number) =>
      fc.oneof(fc.constant('*'), fc.integer({ min: first, max: last }).map(String))
    const fields = fc.tuple(field(0, 59), field(0, 23), field(1, 28), field(1, 12), field(0, 6))
    const start = Date.UTC(2026, 0, 1)
    fc.assert(
      fc.property(fields, fc.nat(400 * 24 * 60), (parts, minutes) => {
        const [minute, hour, day, month, weekday] = parts
        const after = start + minutes * 60_000
        const found = parseCronSchedule(parts.join(' ')).next(after)
        const fits = (time: number) => {
          const date = new Date(time)
          const is = (text: string, value: number) => text === '*' || Number(text) === value
          const days = [is(day, date.getUTCDate()), is(weekday, date.getUTCDay())]
          const isDay = day === '*' || weekday === '*' ? days.every(Boolean) : days.some(Boolean)
          return (
            is(minute, date.getUTCMinutes()) &&
            is(hour, date.getUTCHours()) &&
            is(month, date.getUTCMonth() + 1) &&
            isDay
          )
        }
        assert.ok(found !== undefined && found > after && fits(found))
        const earlier = Math.max(after, found - 3 * 24 * 60 * 60_000)
        for (let time = found - 60_000; time > earlier; time -= 60_000) assert.ok(!fits(time))
      }),
      { numRuns: 200 },
    )
  })
})
