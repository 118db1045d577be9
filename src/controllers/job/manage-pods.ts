import type { Job } from '../../api/generated/batch.v1.ts'
import type { Pod } from '../../api/generated/core.v1.ts'
import type { ReconcileContext } from '../../client/reconciler.ts'
import { createPod, deletePod, isNamespaceTerminating } from '../pods/pod-control.ts'
import { isReady } from '../pods/pod-state.ts'
import { slowStart } from '../pods/slow-start.ts'
import { countCreatedPods } from './job-metrics.ts'
import { newJobPod } from './job-pod.ts'
import type { JobObservation } from './observe-job.ts'
import type { PodsPlan } from './plan-pods.ts'
import { releasePod } from './release-pod.ts'

/** The numbers of pods after what was done to them. */
export interface PodCounts {
  readonly active: number
  readonly ready: number
  readonly terminating: number
  /** What creating or deleting failed with, where it did. */
  readonly failure?: unknown
}

/** Acts on a plan. The numbers say how far it came. */
export async function managePods(
  job: Job,
  observed: JobObservation,
  plan: PodsPlan,
  context: ReconcileContext,
): Promise<PodCounts> {
  switch (plan.type) {
    case 'keep':
    case 'wait':
      return countsOf(observed)
    case 'delete':
      // Without the finalizer they do not count as failed.
      return deletePods(observed, plan.pods, async (pod) => {
        await releasePod(pod, context)
        await deletePod(pod, job, context)
      })
    case 'create':
      return createPods(job, observed, plan.indexes, context)
  }
}

/** Deletes all active pods of a job that ends. They keep their finalizers, since they are still to be counted. */
export async function endPods(
  job: Job,
  observed: JobObservation,
  context: ReconcileContext,
): Promise<PodCounts> {
  return deletePods(observed, observed.active, (pod) => deletePod(pod, job, context))
}

function countsOf({ active, ready, terminating }: JobObservation): PodCounts {
  return { active: active.length, ready, terminating }
}

async function deletePods(
  observed: JobObservation,
  pods: readonly Pod[],
  remove: (pod: Pod) => Promise<void>,
): Promise<PodCounts> {
  const results = await Promise.allSettled(pods.map(remove))
  const deleted = pods.filter((_, at) => results[at]!.status === 'fulfilled')
  const failed = results.find((result) => result.status === 'rejected')
  const { active, ready, terminating } = countsOf(observed)
  return {
    active: active - deleted.length,
    ready: ready - deleted.filter(isReady).length,
    terminating: terminating + deleted.length,
    ...(failed && { failure: failed.reason }),
  }
}

async function createPods(
  job: Job,
  observed: JobObservation,
  indexes: readonly (number | undefined)[],
  context: ReconcileContext,
): Promise<PodCounts> {
  const counts = countsOf(observed)
  let tried = 0
  let succeeded = 0
  let failure: unknown
  try {
    await slowStart(indexes.length, async (at) => {
      const index = indexes[at]
      const replaced = index === undefined ? undefined : observed.indexes?.awaitingSuccessor.get(index)
      tried++
      await createPod(newJobPod(job, index, replaced), job, context)
      succeeded++
    })
  } catch (error) {
    failure = isNamespaceTerminating(error) ? undefined : error
  }
  countCreatedPods(context.metrics, job, {
    succeeded,
    failed: failure === undefined ? 0 : tried - succeeded,
    replaces: { failed: observed.failed > 0, terminating: observed.terminating > 0 },
  })
  return { ...counts, active: counts.active + succeeded, ...(failure !== undefined && { failure }) }
}
