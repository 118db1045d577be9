import assert from 'node:assert/strict'
import { test } from 'node:test'
import { jobs, pods } from '../../api/generated/resources.ts'
import { keyOf } from '../../machinery/resource.ts'
import { runReconcilers } from '../testing/run-reconciler.ts'
import { jobReconciler } from './job.ts'
import { jobOrphanPodReconciler } from './orphan-pods.ts'
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
    'job_controller_job_syncs_total{completion_mode="NonIndexed",result="success",action="tracking"}',
    'job_controller_job_pods_finished_total{completion_mode="NonIndexed",result="succeeded"} 1',
    'job_controller_jobs_finished_total{completion_mode="NonIndexed",result="succeeded",reason="CompletionsReached"} 1',
  ]) {
    assert.ok(text.includes(line), `${line}\n\n${text}`)
  }
  await harness.stop()
})

test('jobReconciler counts indexes, what pods are created for, and those that are still to be let go', async () => {
  const job = aJob({ completionMode: 'Indexed', completions: 2, parallelism: 2, backoffLimitPerIndex: 0 })
  const harness = await runReconcilers([jobReconciler(), jobOrphanPodReconciler()], ({ client }) =>
    client.seed(jobs, job, aJob({ managedBy: 'example.com/queue' }, {}, { name: 'foreign', uid: 'foreign' })),
  )
  const [first, second] = await harness.all(pods)
  const end = async (pod: typeof first, phase: 'Succeeded' | 'Failed') => {
    await harness.edit(pods, keyOf(pod!), (now) => ({ ...now, status: { phase } }), 'status')
    await harness.settle()
  }
  await end(first, 'Failed')
  await end(second, 'Succeeded')
  const text = harness.metrics.text()
  for (const line of [
    'job_controller_job_pods_creation_total{reason="new",status="succeeded"} 2',
    'job_controller_job_finished_indexes_total{status="failed",backoffLimit="perIndex"} 1',
    'job_controller_job_finished_indexes_total{status="succeeded",backoffLimit="perIndex"} 1',
    'job_controller_terminated_pods_tracking_finalizer_total{event="add"} 2',
    'job_controller_terminated_pods_tracking_finalizer_total{event="delete"} 2',
    'job_controller_jobs_by_external_controller_total{controller_name="example.com/queue"} 1',
  ]) {
    assert.ok(text.includes(`${line}\n`), `${line}\n\n${text}`)
  }
  await harness.stop()
})

test('jobReconciler counts apart the pods that replace others', async () => {
  for (const [podReplacementPolicy, reason] of [
    ['Failed', 'recreate_failed'],
    ['TerminatingOrFailed', 'recreate_terminating_or_failed'],
  ] as const) {
    const job = aJob({ podReplacementPolicy })
    const harness = await runReconcilers([jobReconciler()], ({ client }) => client.seed(jobs, job))
    const [pod] = await harness.all(pods)
    const failed = { phase: 'Failed' as const }
    await harness.edit(pods, keyOf(pod!), (now) => ({ ...now, status: failed }), 'status')
    await harness.pass(20_000)
    const line = `job_controller_job_pods_creation_total{reason="${reason}",status="succeeded"} 1\n`
    assert.ok(harness.metrics.text().includes(line), harness.metrics.text())
    await harness.stop()
  }
})
