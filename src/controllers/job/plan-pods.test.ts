import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { Job } from '../../api/generated/batch.v1.ts'
import type { Pod } from '../../api/generated/core.v1.ts'
import { noBackoff } from './backoff.ts'
import { observeJob } from './observe-job.ts'
import { planPods, type PodsPlan } from './plan-pods.ts'
import { aJob, aJobPod } from './testing/builders.ts'

const startMs = Date.UTC(2026, 0, 1)

function short(plan: PodsPlan): string {
  switch (plan.type) {
    case 'keep':
      return 'keep'
    case 'wait':
      return `wait ${plan.waitMs / 1000}`
    case 'delete':
      return `delete ${plan.pods.map(({ metadata }) => metadata!.name).join()}`
    case 'create':
      return `create ${plan.indexes.map((index) => index ?? '-').join()}`
  }
}

const indexed = (completions: number, parallelism = completions): Job =>
  aJob({ completionMode: 'Indexed', completions, parallelism })
const perIndex = (job: Job, backoffLimitPerIndex = 2): Job => ({
  ...job,
  spec: { ...job.spec!, backoffLimitPerIndex, backoffLimit: 2 ** 31 - 1 },
})
const failed = (name: string, finishedAt = '2026-01-01T00:00:00Z') =>
  aJobPod(name, { phase: 'Failed', finishedAt })

const rows: readonly (readonly [string, Job, readonly Pod[], string, number?])[] = [
  ['creates as many pods as may run', aJob({ parallelism: 2, completions: 5 }), [], 'create -,-'],
  ['creates no more than are missing', aJob({ parallelism: 5, completions: 2 }), [], 'create -,-'],
  ['creates none beside those that run', aJob({ parallelism: 1 }), [aJobPod('a')], 'keep'],
  [
    'counts successes in the status',
    aJob({ parallelism: 5, completions: 3 }, { succeeded: 2 }),
    [],
    'create -',
  ],
  [
    'counts successes that are not counted yet',
    aJob({ parallelism: 5, completions: 3 }, { succeeded: 1, uncountedTerminatedPods: { succeeded: ['x'] } }),
    [aJobPod('a', { phase: 'Succeeded' })],
    'keep',
  ],
  ['without completions, creates while none has succeeded', queue(3), [aJobPod('a')], 'create -,-'],
  [
    'without completions, creates none after a success',
    queue(3),
    [aJobPod('a', { phase: 'Succeeded' })],
    'keep',
  ],
  [
    'deletes what is too much, the least advanced first',
    aJob({ parallelism: 1, completions: 5 }),
    [aJobPod('a'), aJobPod('b', { phase: 'Pending' })],
    'delete b',
  ],
  ['deletes all of a suspended job', aJob({ suspend: true }), [aJobPod('a')], 'delete a'],
  ['creates none for a suspended job', aJob({ suspend: true }), [], 'keep'],
  ['waits 10 s after a failure', aJob(), [failed('a')], 'wait 8', 2],
  ['waits twice as long after two', aJob({ parallelism: 2 }), [failed('a'), failed('b')], 'wait 18', 2],
  ['creates when the wait is over', aJob(), [failed('a')], 'create -', 10],
  [
    'creates at once for a pod that is on its way out',
    aJob({}),
    [aJobPod('a', { isDeleting: true, isTracked: false })],
    'create -',
  ],
  [
    'waits for a pod that is on its way out, when only failed ones are replaced',
    aJob({ podReplacementPolicy: 'Failed' }),
    [aJobPod('a', { isDeleting: true, isTracked: false })],
    'keep',
  ],
  ['creates the lowest free indexes', indexed(5, 2), [aJobPod('a', { index: 1 })], 'create 0'],
  [
    'leaves out indexes that have succeeded',
    { ...indexed(5), status: { completedIndexes: '0,2-3', succeeded: 3 } },
    [],
    'create 1,4',
  ],
  [
    'deletes pods of repeated and of unknown indexes',
    indexed(3),
    [
      aJobPod('a', { index: 0 }),
      aJobPod('b', { index: 0, phase: 'Pending' }),
      aJobPod('c', { index: 3 }),
      aJobPod('d'),
    ],
    'delete d,c,b',
  ],
  [
    'leaves out failed indexes',
    { ...perIndex(indexed(3)), status: { failedIndexes: '1' } },
    [],
    'create 0,2',
  ],
  [
    'waits per index, and creates those that need not',
    perIndex(indexed(3)),
    [aJobPod('a', { index: 0, phase: 'Failed', finishedAt: '2026-01-01T00:00:00Z', failures: 0 })],
    'create 1,2',
    5,
  ],
  [
    'waits longer for an index that failed more often',
    perIndex(indexed(1)),
    [aJobPod('a', { index: 0, phase: 'Failed', finishedAt: '2026-01-01T00:00:00Z', failures: 1 })],
    'wait 15',
    5,
  ],
]

function queue(parallelism: number): Job {
  const { completions: _, ...spec } = aJob({ parallelism }).spec!
  return { ...aJob(), spec }
}

void describe('planPods', () => {
  for (const [name, job, pods, expected, afterSeconds = 0] of rows) {
    void it(name, () => {
      const observed = observeJob(job, pods, noBackoff)
      assert.equal(short(planPods(job, observed, startMs + afterSeconds * 1000)), expected)
    })
  }
})
