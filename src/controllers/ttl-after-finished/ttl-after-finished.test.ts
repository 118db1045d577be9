import assert from 'node:assert/strict'
import { it } from 'node:test'
import type { Job } from '../../api/generated/batch.v1.ts'
import { jobs } from '../../api/generated/resources.ts'
import { keys, runReconcilers } from '../testing/run-reconciler.ts'
import { ttlAfterFinishedReconciler } from './ttl-after-finished.ts'

function aJob(name: string, ttlSecondsAfterFinished: number | undefined, ended: boolean): Job {
  const condition = { type: 'Complete', status: 'True', lastTransitionTime: '2026-01-01T00:00:00Z' }
  return {
    metadata: { namespace: 'default', name },
    spec: { template: {}, ...(ttlSecondsAfterFinished !== undefined && { ttlSecondsAfterFinished }) },
    status: { conditions: ended ? [condition] : [] },
  }
}

void it('ttlAfterFinishedReconciler deletes ended jobs when their time has come', async () => {
  const harness = await runReconcilers([ttlAfterFinishedReconciler], ({ client }) =>
    client.seed(
      jobs,
      aJob('at-once', 0, true),
      aJob('later', 60, true),
      aJob('never', undefined, true),
      aJob('runs', 0, false),
    ),
  )
  const left = async () =>
    keys((await harness.all(jobs)).filter(({ metadata }) => !metadata!.deletionTimestamp))
  assert.deepEqual(await left(), ['default/later', 'default/never', 'default/runs'])
  await harness.pass(59_000)
  assert.equal((await left()).length, 3)
  await harness.pass(1_000)
  assert.deepEqual(await left(), ['default/never', 'default/runs'])
  await harness.stop()
})
