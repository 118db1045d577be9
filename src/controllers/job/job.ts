import type { Job, JobStatus } from '../../api/generated/batch.v1.ts'
import { jobs, pods } from '../../api/generated/resources.ts'
import { again, done, on, type ReconcileContext, type Reconciler } from '../../client/reconciler.ts'
import { fromLabelSelector } from '../../machinery/label-selector.ts'
import { isDeleting } from '../../machinery/owner.ts'
import { keyOf } from '../../machinery/resource.ts'
import { formatTime } from '../../machinery/time.ts'
import { claim } from '../ownership/claim.ts'
import { indexByController } from '../ownership/controller-index.ts'
import { identityOf } from '../ownership/identity.ts'
import { keysOfOwners } from '../ownership/keys-of-owners.ts'
import { staleSyncsOf } from '../sync-metrics.ts'
import { noBackoff, type Backoff } from './backoff.ts'
import { countForeignJob, countSync, type JobAction } from './job-metrics.ts'
import { finishedCondition, jobCondition, withJobCondition } from './job-conditions.ts'
import { trackingFinalizer } from './job-pod.ts'
import { isManagedByOthers, isSuspended } from './job-spec.ts'
import { completionsReached, hasReachedCompletions, judgeJob, msUntilDeadline } from './judge-job.ts'
import { endPods, managePods } from './manage-pods.ts'
import { observeJob, type JobObservation } from './observe-job.ts'
import { planPods, type PodsPlan } from './plan-pods.ts'
import { trackJob, type JobStep } from './track-job.ts'

/** Runs pods to completion, and keeps count of them. Source: pkg/controller/job/job_controller.go. */
export function jobReconciler(): Reconciler {
  /** By key. Lost with the process: then the next failure counts as the first. */
  const backoffs = new Map<string, Backoff>()
  /** The jobs that others manage, by key, with their uids. */
  const foreign = new Map<string, string>()

  return {
    name: 'job',
    staleSyncs: staleSyncsOf('job', 'Job'),
    watches: [
      on(jobs, (job) => [keyOf(job)]),
      on(pods, (pod, { cache }) =>
        keysOfOwners(pod, cache(jobs), ({ spec }) => fromLabelSelector(spec?.selector)),
      ),
    ],

    prepare: ({ cache }) => indexByController(cache(pods)),

    async reconcile(key, context) {
      const { cache, clock, events } = context
      const found = cache(jobs).get(key)
      noteForeign(key, found, context)
      if (!found || isManagedByOthers(found) || finishedCondition(found)) {
        backoffs.delete(key)
        return done
      }
      if (!completionModes.includes(found.spec?.completionMode)) {
        const message = 'Skipped Job sync because completion mode is unknown'
        events.event(found, 'Warning', 'UnknownCompletionMode', message)
        return done
      }

      const startMs = clock.monotonic()
      let action: JobAction = 'reconciling'
      let result: 'success' | 'error' = 'error'
      try {
        const owned = await claimPods(found, context)
        const job = isSuspended(found) ? found : started(found, clock.now())
        const observed = observeJob(job, owned, backoffs.get(key) ?? noBackoff)
        const step = await advance(job, observed, context)
        action = step.action
        await trackJob(found, step, observed, context, () => void backoffs.set(key, observed.backoff))
        if (step.counts.failure !== undefined) throw step.counts.failure
        result = 'success'
        return step.againMs === undefined ? done : again(step.againMs)
      } finally {
        countSync(context.metrics, found, { action, result, tookMs: clock.monotonic() - startMs })
      }
    },
  }

  /** Counts each job that others manage once. */
  function noteForeign(key: string, job: Job | undefined, { metrics }: ReconcileContext): void {
    if (!job || !isManagedByOthers(job)) return void foreign.delete(key)
    const { uid } = identityOf(job)
    if (foreign.get(key) === uid) return
    foreign.set(key, uid)
    countForeignJob(metrics, job.spec?.managedBy ?? '')
  }
}

/** What a run does for a job that goes on, by upstream's names. */
function actionOf(job: Job, plan: PodsPlan): JobAction {
  if (isSuspended(job)) return 'pods_deleted'
  switch (plan.type) {
    case 'keep':
      return 'tracking'
    case 'delete':
      return 'pods_deleted'
    case 'wait':
    case 'create':
      return 'pods_created'
  }
}

const completionModes: readonly unknown[] = [undefined, 'NonIndexed', 'Indexed']

function claimPods(job: Job, context: ReconcileContext) {
  return claim(
    {
      owner: job,
      ownerResource: jobs,
      resource: pods,
      selector: fromLabelSelector(job.spec?.selector),
      finalizers: [trackingFinalizer],
    },
    context,
  )
}

function started(job: Job, nowMs: number): Job {
  return { ...job, status: { startTime: formatTime(nowMs), ...job.status } }
}

interface Advance extends JobStep {
  readonly action: JobAction
  readonly againMs?: number
}

/** Judges the job, and acts on its pods accordingly. */
async function advance(job: Job, observed: JobObservation, context: ReconcileContext): Promise<Advance> {
  const nowMs = context.clock.now()
  const verdict = judgeJob(job, observed, nowMs)
  if (verdict) {
    const counts = await endPods(job, observed, context)
    // It has not ended while pods run that could not be deleted.
    return { job, counts, verdict: counts.active === 0 ? verdict : undefined, action: 'reconciling' }
  }
  const plan = isDeleting(job) ? ({ type: 'keep' } as const) : planPods(job, observed, nowMs)
  const action = isDeleting(job) ? 'reconciling' : actionOf(job, plan)
  const counts = await managePods(job, observed, plan, context)
  if (hasReachedCompletions(job, observed.succeeded, counts.active))
    return { job, counts, verdict: completionsReached(nowMs), action }

  const next = isDeleting(job) ? job : withSuspension(job, context)
  const waits = [plan.type === 'wait' ? plan.waitMs : undefined, msUntilDeadline(next, nowMs)]
  const againMs = Math.min(...waits.filter((wait) => wait !== undefined))
  return { job: next, counts, verdict: undefined, action, ...(againMs < Infinity && { againMs }) }
}

/** Tells when the job is suspended or goes on. The time of a suspended job does not run: it starts anew. */
function withSuspension(job: Job, { clock, events }: ReconcileContext): Job {
  const nowMs = clock.now()
  const suspended = isSuspended(job)
  const condition = suspended
    ? jobCondition('Suspended', 'True', 'JobSuspended', 'Job suspended', nowMs)
    : jobCondition('Suspended', 'False', 'JobResumed', 'Job resumed', nowMs)
  const { startTime: _, ...status }: JobStatus = job.status ?? {}
  const current = status.conditions ?? []
  const conditions = withJobCondition(current, condition)
  if (conditions === current) return job
  events.event(job, 'Normal', suspended ? 'Suspended' : 'Resumed', condition.message ?? '')
  return {
    ...job,
    status: { ...status, conditions, ...(!suspended && { startTime: formatTime(nowMs) }) },
  }
}
