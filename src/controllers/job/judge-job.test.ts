import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { Job, JobSpec, JobStatus, PodFailurePolicyRule } from '../../api/generated/batch.v1.ts'
import type { Pod } from '../../api/generated/core.v1.ts'
import { noBackoff } from './backoff.ts'
import { judgeJob } from './judge-job.ts'
import { observeJob } from './observe-job.ts'
import { aJob, aJobPod, ended } from './testing/builders.ts'

const startMs = Date.UTC(2026, 0, 1)

const limitReached = 'FailureTarget BackoffLimitExceeded: Job has reached the specified backoff limit'
const failed = (name: string, index?: number, failures?: number) =>
  aJobPod(name, {
    phase: 'Failed',
    ...(index !== undefined && { index }),
    ...(failures !== undefined && { failures }),
  })
const succeeded = (index: number) => aJobPod(`s${index}`, { phase: 'Succeeded', index })
const indexed = (spec: Partial<JobSpec>, status?: JobStatus) =>
  aJob({ completionMode: 'Indexed', completions: 3, parallelism: 3, ...spec }, status)
const policy = (...rules: readonly PodFailurePolicyRule[]) => ({ podFailurePolicy: { rules } })
const exits = (action: PodFailurePolicyRule['action'], ...values: readonly number[]) => ({
  action,
  onExitCodes: { operator: 'In' as const, values },
})
const restarted = (count: number): Pod =>
  aJobPod('r', { status: { phase: 'Running', containerStatuses: [{ ...ended(), restartCount: count }] } })

function onFailure(backoffLimit: number): Job {
  const { template } = aJob().spec!
  return aJob({
    backoffLimit,
    template: { ...template, spec: { ...template.spec!, restartPolicy: 'OnFailure' } },
  })
}

const rows: readonly (readonly [string, Job, readonly Pod[], string | undefined, number?])[] = [
  ['leaves a job alone', aJob(), [failed('a')], undefined],
  ['fails beyond the limit', aJob({ backoffLimit: 1 }), [failed('a'), failed('b')], limitReached],
  ['counts failures in the status', aJob({ backoffLimit: 1 }, { failed: 1 }), [failed('b')], limitReached],
  [
    'counts failures that are not counted yet',
    aJob({ backoffLimit: 1 }, { failed: 1, uncountedTerminatedPods: { failed: ['a'] } }),
    [failed('a')],
    limitReached,
  ],
  [
    'counts pods that are being deleted',
    aJob({ backoffLimit: 0 }),
    [aJobPod('a', { isDeleting: true })],
    limitReached,
  ],
  [
    'does not, when it waits for them to fail',
    aJob({ backoffLimit: 0, podReplacementPolicy: 'Failed' }),
    [aJobPod('a', { isDeleting: true })],
    undefined,
  ],
  [
    'leaves out pods that were counted',
    aJob({ backoffLimit: 0 }),
    [aJobPod('a', { phase: 'Failed', isTracked: false })],
    undefined,
  ],
  ['fails with the restarts of containers', onFailure(3), [restarted(3)], limitReached],
  ['allows fewer restarts', onFailure(3), [restarted(2)], undefined],
  ['allows none with the limit 0', onFailure(0), [restarted(1)], limitReached],
  [
    'fails when the time is up',
    aJob({ activeDeadlineSeconds: 5 }, { startTime: '2026-01-01T00:00:00Z' }),
    [],
    'FailureTarget DeadlineExceeded: Job was active longer than specified deadline',
    5,
  ],
  [
    'waits for the time',
    aJob({ activeDeadlineSeconds: 5 }, { startTime: '2026-01-01T00:00:00Z' }),
    [],
    undefined,
    4,
  ],
  [
    'lets the time of a suspended job stand still',
    aJob({ activeDeadlineSeconds: 5, suspend: true }, { startTime: '2026-01-01T00:00:00Z' }),
    [],
    undefined,
    60,
  ],
  [
    'fails by exit code',
    aJob({ ...policy(exits('Ignore', 1), exits('FailJob', 42)) }),
    [aJobPod('a', { phase: 'Failed', exitCode: 42 })],
    'FailureTarget PodFailurePolicy: Container app for pod default/a failed with exit code 42 matching FailJob rule at index 1',
  ],
  [
    'fails by condition',
    aJob({ ...policy({ action: 'FailJob', onPodConditions: [{ type: 'ConfigIssue' }] }) }),
    [
      aJobPod('a', {
        phase: 'Failed',
        status: { phase: 'Failed', conditions: [{ type: 'ConfigIssue', status: 'True' }] },
      }),
    ],
    'FailureTarget PodFailurePolicy: Pod default/a has condition ConfigIssue matching FailJob rule at index 0',
  ],
  [
    'takes the first rule that matches',
    aJob({ backoffLimit: 0, ...policy(exits('Ignore', 42), exits('FailJob', 42)) }),
    [aJobPod('a', { phase: 'Failed', exitCode: 42 })],
    undefined,
  ],
  [
    'counts what no rule matches',
    aJob({ backoffLimit: 0, ...policy(exits('Ignore', 42)) }),
    [aJobPod('a', { phase: 'Failed', exitCode: 1 })],
    limitReached,
  ],
  [
    'fails with too many failed indexes',
    indexed({ backoffLimitPerIndex: 0, maxFailedIndexes: 1 }),
    [failed('a', 0), failed('b', 1)],
    'FailureTarget MaxFailedIndexesExceeded: Job has exceeded the specified maximal number of failed indexes',
  ],
  [
    'fails when every index is decided and one has failed',
    indexed({ backoffLimitPerIndex: 1 }, { completedIndexes: '0' }),
    [failed('a', 1, 1), succeeded(2)],
    'FailureTarget FailedIndexes: Job has failed indexes',
  ],
  [
    'goes on while an index may still succeed',
    indexed({ backoffLimitPerIndex: 1 }, { completedIndexes: '0' }),
    [failed('a', 1, 0), succeeded(2)],
    undefined,
  ],
  [
    'fails an index at once where the policy says so',
    indexed({ backoffLimitPerIndex: 5, maxFailedIndexes: 0, ...policy(exits('FailIndex', 3)) }),
    [aJobPod('a', { phase: 'Failed', exitCode: 3, index: 0 })],
    'FailureTarget MaxFailedIndexesExceeded: Job has exceeded the specified maximal number of failed indexes',
  ],
  [
    'succeeds by the indexes of a rule',
    indexed({ successPolicy: { rules: [{ succeededIndexes: '0,2' }] } }),
    [succeeded(0), succeeded(2)],
    'SuccessCriteriaMet SuccessPolicy: Matched rules at index 0',
  ],
  [
    'succeeds by some of the indexes of a rule',
    indexed({
      successPolicy: { rules: [{ succeededIndexes: '1' }, { succeededIndexes: '0-2', succeededCount: 1 }] },
    }),
    [succeeded(2)],
    'SuccessCriteriaMet SuccessPolicy: Matched rules at index 1',
  ],
  [
    'succeeds by a number',
    indexed({ successPolicy: { rules: [{ succeededCount: 2 }] } }),
    [succeeded(0), succeeded(1)],
    'SuccessCriteriaMet SuccessPolicy: Matched rules at index 0',
  ],
  [
    'does not succeed short of the rules',
    indexed({ successPolicy: { rules: [{ succeededCount: 2 }] } }),
    [succeeded(0)],
    undefined,
  ],
  [
    'turns FailureTarget into Failed',
    aJob({}, { conditions: [{ type: 'FailureTarget', status: 'True', reason: 'R', message: 'm' }] }),
    [],
    'Failed R: m',
  ],
  [
    'does not judge again what has met its criteria',
    aJob(
      { backoffLimit: 0 },
      { conditions: [{ type: 'SuccessCriteriaMet', status: 'True', reason: 'R', message: 'm' }] },
    ),
    [failed('a')],
    'SuccessCriteriaMet R: m',
  ],
]

void describe('judgeJob', () => {
  for (const [name, job, pods, expected, afterSeconds = 0] of rows) {
    void it(name, () => {
      const verdict = judgeJob(job, observeJob(job, pods, noBackoff), startMs + afterSeconds * 1000)
      assert.equal(verdict && `${verdict.type} ${verdict.reason}: ${verdict.message}`, expected)
    })
  }
})
