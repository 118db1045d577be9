import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { CronJob, CronJobSpec, CronJobStatus } from '../../api/generated/batch.v1.ts'
import { parseCronSchedule } from '../../machinery/cron/cron-schedule.ts'
import { planRun, ScheduleError } from './plan-run.ts'

const created = Date.UTC(2026, 0, 1, 9, 59)
const at = (hour: number, minute = 0, second = 0) => Date.UTC(2026, 0, 1, hour, minute, second)
const iso = (milliseconds: number) => new Date(milliseconds).toISOString()

function aCronJob(schedule: string, spec: Partial<CronJobSpec> = {}, status: CronJobStatus = {}): CronJob {
  return {
    metadata: { namespace: 'default', name: 'report', creationTimestamp: iso(created) },
    spec: { schedule, jobTemplate: {}, ...spec },
    status,
  }
}

const last = (ms: number): CronJobStatus => ({ lastScheduleTime: iso(ms) })
const running: CronJobStatus = { active: [{ name: 'report-1', uid: 'u' }] }

void describe('planRun', () => {
  const rows: readonly (readonly [string, CronJob, number, string, number | undefined, number])[] = [
    ['waits for the first time', aCronJob('0 * * * *'), at(9, 59, 30), 'wait', undefined, at(10)],
    ['starts what is due', aCronJob('0 * * * *'), at(10), 'start', at(10), at(11)],
    ['starts what is a little late', aCronJob('0 * * * *'), at(10, 10), 'start', at(10), at(11)],
    [
      'waits after it has started',
      aCronJob('0 * * * *', {}, last(at(10))),
      at(10, 5),
      'wait',
      undefined,
      at(11),
    ],
    [
      'starts only the latest missed',
      aCronJob('0 * * * *', {}, last(at(10))),
      at(15, 30),
      'start',
      at(15),
      at(16),
    ],
    [
      'finds the latest of an uneven schedule',
      aCronJob('30 6-16/4 * * 1-5', {}, last(Date.UTC(2025, 11, 26, 14, 30))),
      at(15, 30),
      'start',
      at(14, 30),
      Date.UTC(2026, 0, 2, 6, 30),
    ],
    [
      'does not start what is past its deadline',
      aCronJob('0 * * * *', { startingDeadlineSeconds: 60 }, last(at(9))),
      at(10, 5),
      'wait',
      undefined,
      at(11),
    ],
    [
      'starts what is within its deadline',
      aCronJob('0 * * * *', { startingDeadlineSeconds: 600 }, last(at(9))),
      at(10, 5),
      'start',
      at(10),
      at(11),
    ],
    [
      'forbids to run beside another',
      aCronJob('0 * * * *', { concurrencyPolicy: 'Forbid' }, { ...running, ...last(at(9)) }),
      at(10),
      'forbidden',
      undefined,
      at(11),
    ],
    [
      'allows to run beside another',
      aCronJob('0 * * * *', { concurrencyPolicy: 'Allow' }, { ...running, ...last(at(9)) }),
      at(10),
      'start',
      at(10),
      at(11),
    ],
    [
      'recognises the job of this time by its name',
      aCronJob('0 * * * *', {}, { active: [{ name: `report-${at(10) / 60_000}` }] }),
      at(10),
      'wait',
      undefined,
      at(11),
    ],
    [
      'counts @every from the last time',
      aCronJob('@every 7m', {}, last(at(10, 1))),
      at(10, 10),
      'start',
      at(10, 8),
      at(10, 15),
    ],
  ]
  for (const [name, cronJob, now, type, scheduledMs, nextMs] of rows) {
    void it(name, () => {
      const plan = planRun(cronJob, parseCronSchedule(cronJob.spec.schedule), now)
      assert.equal(plan.type, type)
      assert.equal('scheduledMs' in plan ? plan.scheduledMs : undefined, scheduledMs)
      assert.equal(plan.nextMs, nextMs)
    })
  }

  void it('does not make up for times before the schedule was changed', () => {
    const cronJob = aCronJob('0 10 * * *')
    const schedule = parseCronSchedule(cronJob.spec.schedule)
    assert.equal(planRun(cronJob, schedule, at(12), at(11)).type, 'wait')
    assert.equal(planRun(cronJob, schedule, at(12), at(9)).type, 'start')
  })

  for (const [minutes, tooManyMissed] of [
    [100, false],
    [101, true],
    [10_000_000, true],
  ] as const) {
    void it(`${tooManyMissed ? 'warns' : 'does not warn'} of ${minutes} missed times`, () => {
      const cronJob = aCronJob('* * * * *', {}, last(at(10)))
      const plan = planRun(cronJob, parseCronSchedule('* * * * *'), at(10, minutes))
      assert.deepEqual(plan, {
        type: 'start',
        scheduledMs: at(10, minutes),
        tooManyMissed,
        nextMs: at(10, minutes + 1),
      })
    })
  }

  void it('refuses a schedule that never comes', () =>
    assert.throws(
      () => planRun(aCronJob('59 23 31 2 *'), parseCronSchedule('59 23 31 2 *'), at(10)),
      new ScheduleError('time difference between two schedules is less than 1 second'),
    ))
})
