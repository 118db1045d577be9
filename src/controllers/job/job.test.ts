import assert from 'node:assert/strict'
import { afterEach, describe, it } from 'node:test'
import type { Job, JobSpec } from '../../api/generated/batch.v1.ts'
import type { Pod, PodPhase } from '../../api/generated/core.v1.ts'
import { jobs, pods } from '../../api/generated/resources.ts'
import { controllerOf } from '../../machinery/owner.ts'
import { keyOf } from '../../machinery/resource.ts'
import { forbidden } from '../../machinery/status-errors.ts'
import { formatTime } from '../../machinery/time.ts'
import { aPod } from '../testing/a-pod.ts'
import { keys, runReconcilers, type ReconcilerHarness } from '../testing/run-reconciler.ts'
import { completionIndexOf, isTracked, trackingFinalizer } from './job-pod.ts'
import { jobReconciler } from './job.ts'
import { jobOrphanPodReconciler } from './orphan-pods.ts'
import { aJob, ended } from './testing/builders.ts'

const backoffMs = 10_000

void describe('jobReconciler', () => {
  let harness: ReconcilerHarness
  afterEach(() => harness.stop())

  async function start(job: Job = aJob(), ...others: readonly Pod[]): Promise<void> {
    harness = await runReconcilers([jobReconciler(), jobOrphanPodReconciler()], ({ client }) => {
      client.seed(pods, ...others)
      client.seed(jobs, job)
    })
  }
  const job = () => harness.one(jobs, 'default/work')
  const status = async () => (await job()).status!
  const alive = async () =>
    (await harness.all(pods)).filter(
      ({ status }) => status?.phase !== 'Succeeded' && status?.phase !== 'Failed',
    )
  const conditions = async () =>
    ((await status()).conditions ?? []).map(({ type, status, reason }) => `${type} ${status} ${reason}`)

  /** Brings a pod to its end, as a kubelet would. */
  async function finish(pod: Pod, phase: PodPhase, exitCode = phase === 'Failed' ? 1 : 0): Promise<void> {
    const finishedAt = formatTime(harness.clock.now())
    await harness.edit(
      pods,
      keyOf(pod),
      (current) => ({
        ...current,
        status: { ...current.status, phase, containerStatuses: [ended(exitCode, finishedAt)] },
      }),
      'status',
    )
    await harness.settle()
  }

  async function finishAll(phase: PodPhase, exitCode?: number): Promise<void> {
    for (const pod of await alive()) await finish(pod, phase, exitCode)
  }

  async function finishIndex(index: number, phase: PodPhase, exitCode?: number): Promise<void> {
    const pod = (await alive()).find((candidate) => completionIndexOf(candidate) === index)
    assert.ok(pod, `a pod of index ${index} runs`)
    await finish(pod, phase, exitCode)
  }

  async function change(spec: Partial<JobSpec>): Promise<void> {
    await harness.edit(jobs, 'default/work', (current) => ({
      ...current,
      spec: { ...current.spec!, ...spec },
    }))
    await harness.settle()
  }

  /** As a pod that runs on a node: deleted, it stays until its grace period is over. */
  async function runOnNode(): Promise<void> {
    for (const pod of await alive())
      await harness.edit(pods, keyOf(pod), (current) => ({
        ...current,
        spec: { ...current.spec!, nodeName: 'n1' },
        status: { phase: 'Running' as const },
      }))
    await harness.settle()
  }

  async function endDeletions(): Promise<void> {
    for (const { metadata } of await harness.all(pods)) {
      const { namespace, name, deletionTimestamp } = metadata!
      if (deletionTimestamp)
        await harness.client.delete(pods, { namespace: namespace!, name: name! }, { gracePeriodSeconds: 0 })
    }
    await harness.settle()
  }

  void it('runs a pod to completion, and says so', async () => {
    await start()
    const [pod, ...others] = await harness.all(pods)
    assert.equal(others.length, 0)
    assert.equal(pod!.metadata!.generateName, 'work-')
    assert.deepEqual(pod!.metadata!.finalizers, [trackingFinalizer])
    assert.deepEqual(controllerOf(pod!), {
      apiVersion: 'batch/v1',
      kind: 'Job',
      name: 'work',
      uid: 'job-uid',
      controller: true,
      blockOwnerDeletion: true,
    })
    assert.deepEqual(await status(), {
      startTime: '2026-01-01T00:00:00Z',
      active: 1,
      ready: 0,
      terminating: 0,
      succeeded: 0,
      failed: 0,
      uncountedTerminatedPods: {},
    })
    await harness.pass(5000)
    await finish(pod!, 'Succeeded')
    const now = '2026-01-01T00:00:05Z'
    const [reason, message] = ['CompletionsReached', 'Reached expected number of succeeded pods']
    const times = { lastProbeTime: now, lastTransitionTime: now }
    assert.deepEqual(await status(), {
      startTime: '2026-01-01T00:00:00Z',
      completionTime: now,
      active: 0,
      ready: 0,
      terminating: 0,
      succeeded: 1,
      failed: 0,
      uncountedTerminatedPods: {},
      conditions: [
        { type: 'SuccessCriteriaMet', status: 'True', ...times, reason, message },
        { type: 'Complete', status: 'True', ...times, reason, message },
      ],
    })
    assert.deepEqual((await harness.all(pods)).map(isTracked), [false])
    assert.deepEqual(await harness.events(), [
      `SuccessfulCreate: Created pod: ${pod!.metadata!.name}`,
      'Completed: Job completed',
    ])
    assert.deepEqual(harness.complaints, [])
  })

  void it('notes pods in the status before it lets them go, and counts them after', async () => {
    await start()
    const seen: unknown[] = []
    harness.client.onWrite = ({ verb, resource, subresource }) => {
      if (resource === 'jobs.batch' || verb === 'patch')
        seen.push(`${verb} ${resource} ${subresource ?? ''}`.trim())
    }
    const [pod] = await harness.all(pods)
    await finish(pod!, 'Succeeded')
    assert.deepEqual(seen, ['update jobs.batch status', 'patch pods', 'update jobs.batch status'])
  })

  void it('counts no pod twice when it fails between the writes', async () => {
    await start(aJob({ parallelism: 2, completions: 2 }))
    harness.client.onWrite = ({ verb, resource }) => {
      if (verb === 'patch' && resource === 'pods') throw forbidden('pods', '', 'not now')
    }
    const [pod] = await alive()
    await finish(pod!, 'Succeeded')
    assert.deepEqual((await status()).uncountedTerminatedPods, { succeeded: [pod!.metadata!.uid] })
    assert.equal((await status()).succeeded, 0)
    delete harness.client.onWrite
    await harness.pass(backoffMs)
    assert.equal((await status()).succeeded, 1)
    assert.deepEqual((await status()).uncountedTerminatedPods, {})
    assert.equal((await alive()).length, 1)
  })

  void it('runs several at a time until all completions are there', async () => {
    await start(aJob({ parallelism: 2, completions: 3 }))
    assert.equal((await alive()).length, 2)
    const [first] = await alive()
    await finish(first!, 'Succeeded')
    assert.equal((await alive()).length, 2)
    await finishAll('Succeeded')
    assert.equal((await status()).succeeded, 3)
    assert.deepEqual(await conditions(), [
      'SuccessCriteriaMet True CompletionsReached',
      'Complete True CompletionsReached',
    ])
  })

  void it('works a queue: after the first success it creates no more, and waits for the rest', async () => {
    const { completions: _, ...spec } = aJob({ parallelism: 2 }).spec!
    await start({ ...aJob(), spec })
    const [first, second] = await alive()
    await finish(first!, 'Succeeded')
    assert.equal((await alive()).length, 1)
    assert.deepEqual(await conditions(), [])
    await finish(second!, 'Succeeded')
    assert.equal((await status()).succeeded, 2)
    assert.equal((await conditions()).at(-1), 'Complete True CompletionsReached')
  })

  void it('replaces failed pods after a pause that doubles, and fails beyond the limit', async () => {
    await start(aJob({ backoffLimit: 2 }))
    await finishAll('Failed')
    assert.equal((await status()).failed, 1)
    assert.equal((await alive()).length, 0)
    await harness.pass(backoffMs - 1)
    assert.equal((await alive()).length, 0)
    await harness.pass(1)
    assert.equal((await alive()).length, 1)
    await finishAll('Failed')
    await harness.pass(backoffMs)
    assert.equal((await alive()).length, 0)
    await harness.pass(backoffMs)
    assert.equal((await alive()).length, 1)
    await finishAll('Failed')
    assert.equal((await status()).failed, 3)
    assert.deepEqual(await conditions(), [
      'FailureTarget True BackoffLimitExceeded',
      'Failed True BackoffLimitExceeded',
    ])
    assert.equal((await status()).completionTime, undefined)
    assert.equal(
      (await harness.events()).at(-1),
      'BackoffLimitExceeded: Job has reached the specified backoff limit',
    )
    assert.equal((await harness.all(pods)).length, 3)
    assert.deepEqual((await harness.all(pods)).map(isTracked), [false, false, false])
  })

  void it('ends all pods when it fails, and is Failed only when they are gone', async () => {
    await start(aJob({ backoffLimit: 0, parallelism: 3, completions: 3 }))
    const [first] = await alive()
    await runOnNode()
    await finish(first!, 'Failed')
    assert.deepEqual(await conditions(), ['FailureTarget True BackoffLimitExceeded'])
    assert.equal((await status()).terminating, 2)
    assert.equal((await status()).failed, 3)
    await endDeletions()
    assert.deepEqual(await conditions(), [
      'FailureTarget True BackoffLimitExceeded',
      'Failed True BackoffLimitExceeded',
    ])
    assert.equal((await status()).terminating, 0)
    assert.deepEqual(keys(await harness.all(pods)), [keyOf(first!)])
  })

  void it('fails when its time is up', async () => {
    await start(aJob({ activeDeadlineSeconds: 30 }))
    await harness.pass(29_000)
    assert.equal((await alive()).length, 1)
    await harness.pass(1000)
    assert.equal((await harness.all(pods)).length, 0)
    assert.deepEqual(await conditions(), [
      'FailureTarget True DeadlineExceeded',
      'Failed True DeadlineExceeded',
    ])
    assert.equal(
      (await harness.events()).at(-1),
      'DeadlineExceeded: Job was active longer than specified deadline',
    )
  })

  void it('gives up its pods while suspended, without counting them, and starts anew', async () => {
    await start(aJob({ parallelism: 2, completions: 2, activeDeadlineSeconds: 30 }))
    await harness.pass(20_000)
    await change({ suspend: true })
    assert.equal((await harness.all(pods)).length, 0)
    assert.deepEqual(await conditions(), ['Suspended True JobSuspended'])
    const { startTime, active, failed } = await status()
    assert.deepEqual({ startTime, active, failed }, { startTime: undefined, active: 0, failed: 0 })
    await harness.pass(60_000)
    await change({ suspend: false })
    assert.deepEqual(await conditions(), ['Suspended False JobResumed'])
    assert.equal((await status()).startTime, '2026-01-01T00:01:20Z')
    assert.equal((await alive()).length, 2)
    assert.deepEqual(
      (await harness.events()).filter((event) => /^(Suspended|Resumed)/.test(event)),
      ['Suspended: Job suspended', 'Resumed: Job resumed'],
    )
  })

  void it('created suspended, waits', async () => {
    await start(aJob({ suspend: true }))
    assert.equal((await harness.all(pods)).length, 0)
    assert.equal((await status()).startTime, undefined)
    assert.deepEqual(await conditions(), ['Suspended True JobSuspended'])
  })

  void it('gives indexed pods their index, name, hostname and variable', async () => {
    await start(aJob({ completionMode: 'Indexed', parallelism: 2, completions: 3 }))
    const [first, second] = await alive()
    assert.deepEqual(
      [first, second].map((pod) => completionIndexOf(pod!)),
      [0, 1],
    )
    const { metadata, spec } = second!
    assert.equal(metadata!.generateName, 'work-1-')
    assert.equal(metadata!.labels!['batch.kubernetes.io/job-completion-index'], '1')
    assert.equal(spec!.hostname, 'work-1')
    const fieldPath = "metadata.labels['batch.kubernetes.io/job-completion-index']"
    assert.deepEqual(spec!.containers[0]!.env, [
      { name: 'JOB_COMPLETION_INDEX', valueFrom: { fieldRef: { fieldPath } } },
    ])
    await finishIndex(1, 'Succeeded')
    assert.equal((await status()).completedIndexes, '1')
    await finishIndex(2, 'Succeeded')
    assert.equal((await status()).completedIndexes, '1,2')
    await finishIndex(0, 'Succeeded')
    const { completedIndexes, succeeded } = await status()
    assert.deepEqual({ completedIndexes, succeeded }, { completedIndexes: '0-2', succeeded: 3 })
    assert.equal((await conditions()).at(-1), 'Complete True CompletionsReached')
  })

  void it('can be scaled while it is indexed', async () => {
    await start(aJob({ completionMode: 'Indexed', parallelism: 3, completions: 3 }))
    await finishIndex(2, 'Succeeded')
    await change({ parallelism: 2, completions: 2 })
    assert.deepEqual((await alive()).map(completionIndexOf), [0, 1])
    assert.equal((await status()).completedIndexes, '')
    await change({ parallelism: 4, completions: 4 })
    assert.deepEqual(new Set((await alive()).map(completionIndexOf)), new Set([0, 1, 2, 3]))
  })

  void it('counts failures per index, and fails when all other indexes are decided', async () => {
    await start(aJob({ completionMode: 'Indexed', parallelism: 2, completions: 2, backoffLimitPerIndex: 1 }))
    await finishIndex(0, 'Failed')
    assert.equal((await status()).failedIndexes, '')
    assert.equal((await alive()).length, 1)
    await harness.pass(backoffMs)
    const again = (await alive()).find((pod) => completionIndexOf(pod) === 0)
    assert.equal(again!.metadata!.annotations!['batch.kubernetes.io/job-index-failure-count'], '1')
    await finishIndex(0, 'Failed')
    assert.equal((await status()).failedIndexes, '0')
    await finishIndex(1, 'Succeeded')
    assert.deepEqual(await conditions(), ['FailureTarget True FailedIndexes', 'Failed True FailedIndexes'])
    const { completedIndexes, failedIndexes, failed, succeeded } = await status()
    assert.deepEqual(
      { completedIndexes, failedIndexes, failed, succeeded },
      { completedIndexes: '1', failedIndexes: '0', failed: 2, succeeded: 1 },
    )
    assert.ok((await harness.all(pods)).every((pod) => !isTracked(pod)))
  })

  void it('obeys its pod failure policy', async () => {
    const rules = [
      { action: 'Ignore' as const, onPodConditions: [{ type: 'DisruptionTarget', status: 'True' }] },
      { action: 'FailJob' as const, onExitCodes: { operator: 'In' as const, values: [42] } },
    ]
    await start(aJob({ backoffLimit: 0, podFailurePolicy: { rules } }))
    const [first] = await alive()
    const disrupted = { type: 'DisruptionTarget', status: 'True' }
    await harness.edit(
      pods,
      keyOf(first!),
      (pod) => ({ ...pod, status: { phase: 'Failed' as const, conditions: [disrupted] } }),
      'status',
    )
    await harness.settle()
    assert.equal((await status()).failed, 0)
    await harness.pass(backoffMs)
    await finishAll('Failed', 42)
    assert.deepEqual(await conditions(), [
      'FailureTarget True PodFailurePolicy',
      'Failed True PodFailurePolicy',
    ])
    assert.match(
      (await harness.events()).at(-1)!,
      /^PodFailurePolicy: Container app for pod default\/work-\d+ failed/,
    )
  })

  void it('ends what still runs when its success policy is met', async () => {
    const successPolicy = { rules: [{ succeededIndexes: '0' }] }
    await start(aJob({ completionMode: 'Indexed', parallelism: 3, completions: 3, successPolicy }))
    await finishIndex(0, 'Succeeded')
    assert.equal((await alive()).length, 0)
    assert.deepEqual(await conditions(), [
      'SuccessCriteriaMet True SuccessPolicy',
      'Complete True SuccessPolicy',
    ])
    const { completedIndexes, succeeded, failed } = await status()
    assert.deepEqual(
      { completedIndexes, succeeded, failed },
      { completedIndexes: '0', succeeded: 1, failed: 0 },
    )
  })

  void it('waits for pods to fail before it replaces them, where asked to', async () => {
    await start(aJob({ podReplacementPolicy: 'Failed' }))
    await runOnNode()
    const [pod] = await alive()
    await harness.client.delete(pods, { namespace: 'default', name: pod!.metadata!.name! })
    await harness.pass(backoffMs)
    const { active, terminating, failed } = await status()
    assert.deepEqual({ active, terminating, failed }, { active: 0, terminating: 1, failed: 0 })
    await finish(pod!, 'Failed')
    await harness.pass(backoffMs)
    assert.equal((await status()).active, 1)
  })

  void it('else replaces them at once, as failures', async () => {
    await start()
    await runOnNode()
    const [pod] = await alive()
    await harness.client.delete(pods, { namespace: 'default', name: pod!.metadata!.name! })
    await harness.settle()
    assert.equal((await status()).failed, 1)
    await harness.pass(backoffMs)
    const { active, terminating } = await status()
    assert.deepEqual({ active, terminating }, { active: 1, terminating: 1 })
  })

  void it('adopts orphans with the finalizer, and lets go what it does not select any more without', async () => {
    const labels = aJob().spec!.selector!.matchLabels!
    await start(aJob(), aPod('orphan', { metadata: { labels } }))
    const adopted = await harness.one(pods, 'default/orphan')
    assert.equal(controllerOf(adopted)?.uid, 'job-uid')
    assert.deepEqual(adopted.metadata!.finalizers, [trackingFinalizer])
    assert.equal((await harness.all(pods)).length, 1)
    await harness.edit(pods, 'default/orphan', (pod) => ({
      ...pod,
      metadata: { ...pod.metadata, labels: {} },
    }))
    await harness.settle()
    const released = await harness.one(pods, 'default/orphan')
    assert.deepEqual([controllerOf(released), released.metadata!.finalizers], [undefined, []])
    assert.equal((await harness.all(pods)).length, 2)
  })

  void it('tells that pods cannot be created, and how many were', async () => {
    harness = await runReconcilers([jobReconciler()], ({ client }) => {
      let created = 0
      client.onWrite = ({ verb, resource }) => {
        if (verb === 'create' && resource === 'pods' && ++created > 3)
          throw forbidden('pods', 'work-', 'quota')
      }
      client.seed(jobs, aJob({ parallelism: 10, completions: 10 }))
    })
    assert.equal((await status()).active, 3)
    assert.ok(
      (await harness.events()).includes('FailedCreate: Error creating: pods "work-" is forbidden: quota'),
    )
    delete harness.client.onWrite
    await harness.pass(backoffMs)
    assert.equal((await status()).active, 10)
  })

  void it('leaves jobs to others that manage them', async () => {
    await start(aJob({ managedBy: 'example.com/queue' }))
    assert.equal((await harness.all(pods)).length, 0)
    assert.equal((await job()).status, undefined)
  })

  void it('skips modes that it does not know', async () => {
    await start(aJob({ completionMode: 'Circular' as 'Indexed' }))
    assert.deepEqual(await harness.events(), [
      'UnknownCompletionMode: Skipped Job sync because completion mode is unknown',
    ])
  })

  void it('writes nothing when nothing has to change', async () => {
    await start()
    const before = harness.client.calls.length
    await harness.edit(jobs, 'default/work', (current) => ({
      ...current,
      metadata: { ...current.metadata, annotations: { a: 'b' } },
    }))
    await harness.settle()
    assert.equal(harness.client.calls.length, before + 1)
  })

  void it('lets its pods go when it is being deleted, and creates no more', async () => {
    await start(aJob({}, undefined, { finalizers: ['x'] }))
    await harness.client.delete(jobs, { namespace: 'default', name: 'work' })
    await harness.settle()
    assert.deepEqual((await harness.all(pods)).map(isTracked), [false])
    await harness.client.delete(pods, {
      namespace: 'default',
      name: (await harness.all(pods))[0]!.metadata!.name!,
    })
    await harness.settle()
    assert.equal((await harness.all(pods)).length, 0)
  })
})

void describe('jobOrphanPodReconciler', () => {
  const tracked = (
    name: string,
    owner?: { readonly apiVersion: string; readonly kind: string; readonly uid: string },
  ) =>
    aPod(name, {
      metadata: {
        finalizers: ['keep', trackingFinalizer],
        ...(owner && { ownerReferences: [{ name: 'work', controller: true, ...owner }] }),
      },
    })
  const job = (uid: string) => ({ apiVersion: 'batch/v1', kind: 'Job', uid })
  const complete = { conditions: [{ type: 'Complete', status: 'True' }] }
  const rows: readonly (readonly [string, Pod, Job | undefined, boolean])[] = [
    ['without a controller', tracked('p'), undefined, true],
    ['whose job is gone', tracked('p', job('other')), aJob(), true],
    ['whose job has finished', tracked('p', job('job-uid')), aJob({}, complete), true],
    ['whose job goes on', tracked('p', job('job-uid')), aJob(), false],
    [
      'whose job others manage',
      tracked('p', job('job-uid')),
      aJob({ managedBy: 'example.com/queue' }, complete),
      false,
    ],
    [
      'of another kind of controller',
      tracked('p', { ...job('x'), apiVersion: 'example.com/v1' }),
      undefined,
      false,
    ],
  ]
  for (const [name, pod, owner, isReleased] of rows) {
    void it(`${isReleased ? 'lets go' : 'keeps'} pods ${name}`, async () => {
      const harness = await runReconcilers([jobOrphanPodReconciler()], ({ client }) => {
        client.seed(pods, pod)
        if (owner) client.seed(jobs, owner)
      })
      const { finalizers } = (await harness.one(pods, 'default/p')).metadata!
      assert.deepEqual(finalizers, isReleased ? ['keep'] : ['keep', trackingFinalizer])
      await harness.stop()
    })
  }

  void it('lets go the pods of a job that is deleted', async () => {
    const harness = await runReconcilers([jobOrphanPodReconciler()], ({ client }) => {
      client.seed(pods, tracked('p', job('job-uid')))
      client.seed(jobs, aJob())
    })
    await harness.client.delete(jobs, { namespace: 'default', name: 'work' })
    await harness.settle()
    assert.deepEqual((await harness.one(pods, 'default/p')).metadata!.finalizers, ['keep'])
    await harness.stop()
  })
})
