import assert from 'node:assert/strict'
import { afterEach, describe, it } from 'node:test'
import type { CronJob, CronJobSpec, Job } from '../../api/generated/batch.v1.ts'
import { cronJobs, jobs } from '../../api/generated/resources.ts'
import { utc } from '../../machinery/cron/time-zone.ts'
import { keyOf } from '../../machinery/resource.ts'
import { forbidden } from '../../machinery/status-errors.ts'
import { formatTime } from '../../machinery/time.ts'
import { runReconcilers, type ReconcilerHarness } from '../testing/run-reconciler.ts'
import { cronJobReconciler } from './cronjob.ts'

const startMs = Date.UTC(2026, 0, 1)
const minute = 60_000
const hour = 60 * minute

function aCronJob(spec: Partial<CronJobSpec> = {}): CronJob {
  return {
    metadata: { namespace: 'default', name: 'report' },
    spec: {
      schedule: '0 * * * *',
      concurrencyPolicy: 'Allow',
      successfulJobsHistoryLimit: 3,
      failedJobsHistoryLimit: 1,
      jobTemplate: {
        metadata: { labels: { app: 'report' }, annotations: { note: 'kept' } },
        spec: { template: { spec: { containers: [{ name: 'app', image: 'app' }] } } },
      },
      ...spec,
    },
  }
}

function jobAt(offsetMs: number): string {
  return `report-${(startMs + offsetMs) / minute}`
}

void describe('cronJobReconciler', () => {
  let harness: ReconcilerHarness
  afterEach(() => harness.stop())

  const start = async (cronJob = aCronJob()) => {
    harness = await runReconcilers([cronJobReconciler({ timeZone: utc })], ({ client }) =>
      client.seed(cronJobs, cronJob),
    )
  }
  const cronJob = () => harness.one(cronJobs, 'default/report')
  const names = async () => (await harness.all(jobs)).map(({ metadata }) => metadata!.name)
  const active = async () => ((await cronJob()).status?.active ?? []).map(({ name }) => name)
  const passTo = async (offsetMs: number) => harness.pass(startMs + offsetMs + 100 - harness.clock.now())

  async function finish(name: string, type: 'Complete' | 'Failed' = 'Complete'): Promise<void> {
    const now = formatTime(harness.clock.now())
    const status = {
      startTime: now,
      ...(type === 'Complete' && { completionTime: now }),
      conditions: [{ type, status: 'True', lastTransitionTime: now }],
    }
    await harness.edit(jobs, `default/${name}`, (job) => ({ ...job, status }), 'status')
    await harness.settle()
  }

  async function change(spec: Partial<CronJobSpec>): Promise<void> {
    await harness.edit(cronJobs, 'default/report', (current) => ({
      ...current,
      spec: { ...current.spec, ...spec },
    }))
    await harness.settle()
  }

  void it('starts a job when its time has come, and says so', async () => {
    await start()
    await harness.pass(hour)
    assert.deepEqual(await names(), [])
    await harness.pass(100)
    const [job, ...others] = await harness.all(jobs)
    assert.equal(others.length, 0)
    const { uid, ...metadata } = job!.metadata!
    const { metadata: owner, status } = await cronJob()
    assert.deepEqual(
      { name: metadata.name, labels: metadata.labels, annotations: metadata.annotations },
      {
        name: jobAt(hour),
        labels: { app: 'report' },
        annotations: {
          note: 'kept',
          'batch.kubernetes.io/cronjob-scheduled-timestamp': '2026-01-01T01:00:00Z',
        },
      },
    )
    assert.deepEqual(metadata.ownerReferences, [
      {
        apiVersion: 'batch/v1',
        kind: 'CronJob',
        name: 'report',
        uid: owner!.uid,
        controller: true,
        blockOwnerDeletion: true,
      },
    ])
    assert.deepEqual(job!.spec, aCronJob().spec.jobTemplate.spec)
    assert.deepEqual(status, {
      active: [
        {
          kind: 'Job',
          apiVersion: 'batch/v1',
          namespace: 'default',
          name: jobAt(hour),
          uid,
          resourceVersion: metadata.resourceVersion,
        },
      ],
      lastScheduleTime: '2026-01-01T01:00:00Z',
    })
    assert.deepEqual(await harness.events(), [`SuccessfulCreate: Created job ${jobAt(hour)}`])
    await passTo(2 * hour)
    assert.deepEqual(await names(), [jobAt(hour), jobAt(2 * hour)])
    assert.deepEqual(harness.complaints, [])
  })

  void it('follows jobs to their end', async () => {
    await start()
    await passTo(hour)
    await harness.pass(minute)
    await finish(jobAt(hour))
    const { status } = await cronJob()
    assert.deepEqual(status, {
      active: [],
      lastScheduleTime: '2026-01-01T01:00:00Z',
      lastSuccessfulTime: '2026-01-01T01:01:00Z',
    })
    await passTo(2 * hour)
    await finish(jobAt(2 * hour), 'Failed')
    assert.deepEqual((await cronJob()).status?.lastSuccessfulTime, '2026-01-01T01:01:00Z')
    assert.deepEqual(
      (await harness.events()).filter((event) => event.startsWith('Saw')),
      [
        `SawCompletedJob: Saw completed job: ${jobAt(hour)}, condition: Complete`,
        `SawCompletedJob: Saw completed job: ${jobAt(2 * hour)}, condition: Failed`,
      ],
    )
  })

  void it('keeps as many finished jobs as its limits say, the newest', async () => {
    await start(aCronJob({ successfulJobsHistoryLimit: 2, failedJobsHistoryLimit: 0 }))
    for (const offset of [hour, 2 * hour, 3 * hour]) {
      await passTo(offset)
      await finish(jobAt(offset))
    }
    assert.deepEqual(await names(), [jobAt(2 * hour), jobAt(3 * hour)])
    await passTo(4 * hour)
    await finish(jobAt(4 * hour), 'Failed')
    assert.deepEqual(await names(), [jobAt(2 * hour), jobAt(3 * hour)])
    assert.ok((await harness.events()).includes(`SuccessfulDelete: Deleted job ${jobAt(4 * hour)}`))
  })

  void it('forbids concurrency', async () => {
    await start(aCronJob({ concurrencyPolicy: 'Forbid' }))
    await passTo(hour)
    await passTo(2 * hour)
    assert.deepEqual(await names(), [jobAt(hour)])
    assert.ok(
      (await harness.events()).includes(
        'JobAlreadyActive: Not starting job because prior execution is running and concurrency policy is Forbid',
      ),
    )
    await harness.pass(minute)
    await finish(jobAt(hour))
    assert.deepEqual(await names(), [jobAt(hour), jobAt(2 * hour)], 'the missed time is made up for')
    await finish(jobAt(2 * hour))
    await passTo(3 * hour)
    assert.deepEqual(await active(), [jobAt(3 * hour)])
  })

  void it('replaces what runs', async () => {
    await start(aCronJob({ concurrencyPolicy: 'Replace' }))
    await passTo(hour)
    await passTo(2 * hour)
    assert.deepEqual(await names(), [jobAt(2 * hour)])
    assert.deepEqual(await active(), [jobAt(2 * hour)])
    assert.ok((await harness.events()).includes(`SuccessfulDelete: Deleted job ${jobAt(hour)}`))
  })

  void it('rests while suspended, and then makes up for the latest time only', async () => {
    await start(aCronJob({ suspend: true }))
    await passTo(3 * hour)
    assert.deepEqual(await names(), [])
    await change({ suspend: false })
    assert.deepEqual(await names(), [jobAt(3 * hour)])
  })

  void it('does not make up for times before a change of the schedule', async () => {
    await start(aCronJob({ schedule: '0 0 * * *' }))
    await harness.pass(2.5 * hour)
    await change({ schedule: '0 * * * *' })
    assert.deepEqual(await names(), [])
    await passTo(3 * hour)
    assert.deepEqual(await names(), [jobAt(3 * hour)])
  })

  void it('keeps the time of its zone', async () => {
    await start(aCronJob({ schedule: '30 7 * * *', timeZone: 'Asia/Kolkata' }))
    await passTo(2 * hour)
    const [job] = await harness.all(jobs)
    assert.equal(
      job!.metadata!.annotations!['batch.kubernetes.io/cronjob-scheduled-timestamp'],
      '2026-01-01T07:30:00+05:30',
    )
  })

  void it('notices jobs that go missing', async () => {
    await start()
    await passTo(hour)
    await harness.client.delete(jobs, { namespace: 'default', name: jobAt(hour) })
    await harness.settle()
    assert.deepEqual(await active(), [])
    assert.ok((await harness.events()).includes(`MissingJob: Active job went missing: ${jobAt(hour)}`))
  })

  void it('takes up a job that it created but could not note', async () => {
    await start()
    harness.client.onWrite = ({ resource, subresource }) => {
      if (resource === 'cronjobs.batch' && subresource === 'status') throw forbidden(resource, 'report', 'no')
    }
    await passTo(hour)
    assert.deepEqual(await active(), [])
    delete harness.client.onWrite
    await harness.pass(minute)
    assert.deepEqual(await active(), [jobAt(hour)])
    assert.deepEqual(await names(), [jobAt(hour)])
  })

  void it('says that a job cannot be created, and tries again', async () => {
    await start()
    harness.client.onWrite = ({ verb, resource }) => {
      if (verb === 'create' && resource === 'jobs.batch') throw forbidden(resource, jobAt(hour), 'quota')
    }
    await passTo(hour)
    assert.ok(
      (await harness.events()).includes(
        `FailedCreate: Error creating job: jobs.batch "${jobAt(hour)}" is forbidden: quota`,
      ),
    )
    assert.equal((await cronJob()).status?.lastScheduleTime, undefined)
    delete harness.client.onWrite
    await harness.pass(minute)
    assert.deepEqual(await names(), [jobAt(hour)])
  })

  const mistakes = [
    [
      { schedule: 'x' },
      'UnparseableSchedule: unparseable schedule: "x" : expected exactly 5 fields, found 1: [x]',
    ],
    [
      { schedule: '0 0 31 2 *' },
      'InvalidSchedule: invalid schedule: 0 0 31 2 * : time difference between two schedules is less than 1 second',
    ],
    [
      { timeZone: 'Nowhere/There' },
      'UnknownTimeZone: invalid timeZone: "Nowhere/There": unknown time zone Nowhere/There',
    ],
    [
      { schedule: 'TZ=Asia/Tokyo 0 * * * *' },
      'UnsupportedSchedule: CRON_TZ or TZ used in schedule "TZ=Asia/Tokyo 0 * * * *" is not officially supported, see https://kubernetes.io/docs/concepts/workloads/controllers/cron-jobs/ for more details',
    ],
  ] as const
  for (const [spec, event] of mistakes) {
    void it(`warns: ${event.split(':')[0]}`, async () => {
      await start(aCronJob(spec))
      assert.deepEqual(await harness.events(), [event])
    })
  }

  void it('warns of a job that it does not know', async () => {
    const stray = (uid: string): Job => ({
      metadata: {
        namespace: 'default',
        name: 'stray',
        ownerReferences: [{ apiVersion: 'batch/v1', kind: 'CronJob', name: 'report', uid, controller: true }],
      },
      spec: { template: {} },
    })
    await start()
    const { metadata } = await cronJob()
    await harness.client.create(jobs, stray(metadata!.uid!))
    await harness.settle()
    assert.deepEqual(await harness.events(), [
      'UnexpectedJob: Saw a job that the controller did not create or forgot: stray',
    ])
  })

  void it('does no more than follow its jobs when it is being deleted', async () => {
    await start({ ...aCronJob(), metadata: { namespace: 'default', name: 'report', finalizers: ['x'] } })
    await passTo(hour)
    await harness.client.delete(cronJobs, { namespace: 'default', name: 'report' })
    await finish(jobAt(hour))
    assert.deepEqual(await active(), [])
    await passTo(2 * hour)
    assert.deepEqual((await harness.all(jobs)).map(keyOf), [`default/${jobAt(hour)}`])
  })
})
