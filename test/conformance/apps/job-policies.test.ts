import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { Job, JobSpec } from '../../../src/api/generated/batch.v1.ts'
import type { Pod, PodTemplateSpec } from '../../../src/api/generated/core.v1.ts'
import { jobs, pods } from '../../../src/api/generated/resources.ts'
import { server } from '../harness/objects.ts'
import { sharedCluster, type Scope } from '../harness/shared-cluster.ts'
import { untilList, untilObject } from '../harness/until-object.ts'

/** Pods that run a command, with the index of theirs as a variable in it. */
const running = (...command: string[]): PodTemplateSpec => ({
  spec: {
    restartPolicy: 'Never',
    terminationGracePeriodSeconds: 0,
    containers: [{ ...server, name: 'c', command }],
  },
})
const forever = running('serve')
const failing = running('sh', '-c', 'exit 1')
/** Succeeds at index 0, and fails at any other. */
const failingPastZero = running('sh', '-c', 'exit $(JOB_COMPLETION_INDEX)')

async function create({ client, namespace }: Scope, spec: Partial<JobSpec>): Promise<void> {
  const metadata = { namespace, name: 'job' }
  await client.create(jobs, { metadata, spec: { template: forever, ...spec } })
}

const untilJob = ({ client, namespace }: Scope, accept: (job: Job) => boolean) =>
  untilObject(client, jobs, { namespace, name: 'job' }, accept)

const reasonOf = (wanted: string, { status }: Job) =>
  status?.conditions?.find(({ type, status }) => type === wanted && status === 'True')?.reason

const untilFailed = async (scope: Scope, reason: string) => {
  const job = await untilJob(scope, (job) => reasonOf('Failed', job) !== undefined)
  assert.equal(reasonOf('FailureTarget', job), reason)
  assert.equal(reasonOf('Failed', job), reason)
  assert.equal(job.status?.active ?? 0, 0)
  return job
}

const ends = ({ failed, succeeded, failedIndexes, completedIndexes }: NonNullable<Job['status']>) => ({
  failed: failed ?? 0,
  succeeded: succeeded ?? 0,
  failedIndexes: failedIndexes ?? '',
  completedIndexes: completedIndexes ?? '',
})

const indexKey = 'batch.kubernetes.io/job-completion-index'
const indexOf = ({ metadata }: Pod) => metadata?.annotations?.[indexKey]

describe('jobs with policies', { concurrency: true }, () => {
  const cluster = sharedCluster({ nodes: 2 })

  it('fail at once with an exit code for which they are told to', async () => {
    const scope = await cluster.scope()
    await create(scope, {
      parallelism: 2,
      completions: 4,
      backoffLimit: 6,
      completionMode: 'Indexed',
      template: running('sh', '-c', 'exit 3'),
      podFailurePolicy: {
        rules: [{ action: 'FailJob', onExitCodes: { containerName: 'c', operator: 'In', values: [3] } }],
      },
    })
    await untilFailed(scope, 'PodFailurePolicy')
  })

  it('do not count pods that are evicted, when told so', async () => {
    const scope = await cluster.scope()
    const { client, namespace } = scope
    await create(scope, {
      parallelism: 1,
      completions: 1,
      backoffLimit: 0,
      completionMode: 'Indexed',
      podFailurePolicy: {
        rules: [
          { action: 'Ignore', onPodConditions: [{ type: 'DisruptionTarget', status: 'True' }] },
          { action: 'FailJob', onExitCodes: { operator: 'NotIn', values: [0] } },
        ],
      },
    })
    const runs = ({ status }: Pod) => status?.phase === 'Running'
    const [first] = await untilList(client, pods, { namespace }, (items) => items.some(runs))
    const name = { namespace, name: first?.metadata?.name ?? '' }
    const eviction = { apiVersion: 'policy/v1', kind: 'Eviction', metadata: name }
    await client.createSubresource(pods, name, 'eviction', eviction)
    const isAnew = (pod: Pod) => pod.metadata?.uid !== first?.metadata?.uid && runs(pod)
    const found = await untilList(client, pods, { namespace }, (items) => items.some(isAnew))
    assert.deepEqual(found.filter(isAnew).map(indexOf), ['0'])
    const job = await client.get(jobs, { namespace, name: 'job' })
    assert.deepEqual([job.status?.failed ?? 0, job.status?.conditions ?? []], [0, []])
  })

  it('try each index as often as its own limit says, and all of them', async () => {
    const scope = await cluster.scope()
    const options = { parallelism: 2, completions: 3, backoffLimitPerIndex: 1 }
    await create(scope, { ...options, completionMode: 'Indexed', template: failingPastZero })
    const { status } = await untilFailed(scope, 'FailedIndexes')
    assert.deepEqual(ends(status!), {
      failed: 4,
      succeeded: 1,
      failedIndexes: '1,2',
      completedIndexes: '0',
    })
  })

  it('give up an index at once for which their policy says so', async () => {
    const scope = await cluster.scope()
    await create(scope, {
      parallelism: 2,
      completions: 3,
      backoffLimitPerIndex: 1,
      completionMode: 'Indexed',
      template: failingPastZero,
      podFailurePolicy: {
        rules: [{ action: 'FailIndex', onExitCodes: { operator: 'In', values: [1, 2] } }],
      },
    })
    const { status } = await untilFailed(scope, 'FailedIndexes')
    assert.deepEqual(ends(status!), {
      failed: 2,
      succeeded: 1,
      failedIndexes: '1,2',
      completedIndexes: '0',
    })
  })

  it('end once more indexes have failed than may', async () => {
    const scope = await cluster.scope()
    await create(scope, {
      parallelism: 1,
      completions: 10,
      backoffLimitPerIndex: 0,
      maxFailedIndexes: 0,
      completionMode: 'Indexed',
      template: failing,
    })
    const { status } = await untilFailed(scope, 'MaxFailedIndexesExceeded')
    assert.deepEqual(ends(status!), { failed: 1, succeeded: 0, failedIndexes: '0', completedIndexes: '' })
  })

  const successes: readonly (readonly [
    title: string,
    spec: Partial<JobSpec>,
    completedIndexes: string,
    succeeded: number,
  ])[] = [
    [
      'succeed as their policy says when every index has',
      {
        completions: 2,
        template: running('true'),
        successPolicy: { rules: [{ succeededIndexes: '0-1', succeededCount: 2 }] },
      },
      '0,1',
      2,
    ],
    [
      'succeed with the indexes that their policy names, while others run',
      {
        completions: 2,
        template: running('sh', '-c', 'sleep $(JOB_COMPLETION_INDEX)000'),
        successPolicy: { rules: [{ succeededIndexes: '0' }] },
      },
      '0',
      1,
    ],
    [
      'succeed with as many indexes as their policy asks for, while others run',
      {
        completions: 5,
        template: running('sh', '-c', 'sleep $(JOB_COMPLETION_INDEX)000'),
        successPolicy: { rules: [{ succeededCount: 1 }] },
      },
      '0',
      1,
    ],
  ]
  for (const [title, spec, completedIndexes, succeeded] of successes) {
    it(title, async () => {
      const scope = await cluster.scope()
      await create(scope, { parallelism: 2, completionMode: 'Indexed', ...spec })
      const done = await untilJob(scope, (job) => reasonOf('Complete', job) !== undefined)
      assert.equal(reasonOf('SuccessCriteriaMet', done), 'SuccessPolicy')
      assert.equal(reasonOf('Complete', done), 'SuccessPolicy')
      assert.deepEqual([done.status?.completedIndexes, done.status?.succeeded], [completedIndexes, succeeded])
      assert.equal(done.status?.active ?? 0, 0)
    })
  }
})
