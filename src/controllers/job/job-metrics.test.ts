import assert from 'node:assert/strict'
import { test } from 'node:test'
import { jobs, pods } from '../../api/generated/resources.ts'
import { keyOf } from '../../machinery/resource.ts'
import { runReconcilers } from '../testing/run-reconciler.ts'
import { jobReconciler } from './job.ts'
import { aJob } from './testing/builders.ts'

test('jobReconciler counts runs, pods and jobs that end', async () => {
  const harness = await runReconcilers([jobReconciler()], ({ client }) => client.seed(jobs, aJob()))
  const [pod] = await harness.all(pods)
  const ended = { phase: 'Succeeded' as const }
  await harness.edit(pods, keyOf(pod!), (now) => ({ ...now, status: { ...now.status, ...ended } }), 'status')
  await harness.settle()
  const text = harness.metrics.text()
  for (const line of [
    'job_controller_job_syncs_total{completion_mode="NonIndexed",result="success",action="pods_created"} 1',
    'job_controller_job_pods_finished_total{completion_mode="NonIndexed",result="succeeded"} 1',
    'job_controller_jobs_finished_total{completion_mode="NonIndexed",result="succeeded",reason="CompletionsReached"} 1',
  ]) {
    assert.ok(text.includes(`${line}\n`), `${line}\n\n${text}`)
  }
  await harness.stop()
})
