import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { jobs, pods } from '../../api/generated/resources.ts'
import { seededRandom } from '../../machinery/random.ts'
import { keyOf } from '../../machinery/resource.ts'
import { serviceUnavailable } from '../../machinery/status-errors.ts'
import { formatTime } from '../../machinery/time.ts'
import { isTerminal } from '../pods/pod-state.ts'
import { runReconcilers, type ReconcilerHarness } from '../testing/run-reconciler.ts'
import { finishedCondition } from './job-conditions.ts'
import { isTracked } from './job-pod.ts'
import { jobReconciler } from './job.ts'
import { aJob, ended } from './testing/builders.ts'

/** More failures than any run has. */
const backoffLimit = 1000

void describe('jobReconciler under failing writes', () => {
  void it('counts every pod once, whichever writes fail', async () => {
    const completionMode = fc.constantFrom('Indexed' as const, 'NonIndexed' as const)
    const settings = fc.tuple(
      fc.nat(),
      fc.integer({ min: 1, max: 6 }),
      fc.integer({ min: 1, max: 4 }),
      completionMode,
    )
    await fc.assert(
      fc.asyncProperty(settings, async ([seed, completions, parallelism, mode]) => {
        const random = seededRandom(seed)
        const harness = await runReconcilers([jobReconciler()], ({ client }) => {
          client.onWrite = ({ resource }) => {
            if (resource !== 'events' && random.next() < 0.3) throw serviceUnavailable('not now')
          }
          client.seed(jobs, aJob({ completions, parallelism, backoffLimit, completionMode: mode }))
        })
        const failures = await runToEnd(harness, () => random.next() < 0.3)
        const { status } = await harness.one(jobs, 'default/work')
        assert.deepEqual([status!.succeeded, status!.failed, status!.active], [completions, failures, 0])
        assert.ok((await harness.all(pods)).every((pod) => !isTracked(pod)))
        await harness.stop()
      }),
      { numRuns: 15 },
    )
  })
})

/** Ends pods as kubelets would until the job has ended; how many failed. */
async function runToEnd(harness: ReconcilerHarness, fails: () => boolean): Promise<number> {
  let failures = 0
  for (let round = 0; round < 100; round++) {
    if (finishedCondition(await harness.one(jobs, 'default/work'))) return failures
    for (const pod of await harness.all(pods)) {
      if (isTerminal(pod)) continue
      const phase = fails() ? ('Failed' as const) : ('Succeeded' as const)
      const status = { phase, containerStatuses: [ended(0, formatTime(harness.clock.now()))] }
      try {
        await harness.edit(pods, keyOf(pod), (current) => ({ ...current, status }), 'status')
        if (phase === 'Failed') failures++
      } catch {
        // The write of the kubelet may fail as well; then the pod runs on.
      }
    }
    await harness.pass(600_000)
  }
  throw new Error('the job does not come to its end')
}
