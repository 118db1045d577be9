import type { Pod } from '../../api/generated/core.v1.ts'
import { jobs, pods } from '../../api/generated/resources.ts'
import { done, on, type ReconcileContext, type Reconciler } from '../../client/reconciler.ts'
import { controllerOf } from '../../machinery/owner.ts'
import { keyOf } from '../../machinery/resource.ts'
import { isNotFound } from '../../machinery/status-errors.ts'
import { indexByController, ownedBy } from '../ownership/controller-index.ts'
import { findController, refersTo } from '../ownership/controller-key.ts'
import { identityOf } from '../ownership/identity.ts'
import { isTerminal } from '../pods/pod-state.ts'
import { finishedCondition } from './job-conditions.ts'
import { countTrackedEnd } from './job-metrics.ts'
import { isTracked } from './job-pod.ts'
import { isManagedByOthers } from './job-spec.ts'
import { releasePod } from './release-pod.ts'

/** Lets go pods that no job will count any more: the finalizer would keep them for ever. */
export function jobOrphanPodReconciler(): Reconciler {
  /** Keys of the pods that have ended and still have the finalizer. */
  const ended = new Set<string>()

  return {
    name: 'job-orphan-pod',
    queueName: 'job_orphan_pod',
    eventSource: 'job-controller',
    concurrency: 1,
    watches: [
      on(pods, (pod) => (isTracked(pod) ? [keyOf(pod)] : [])),
      on(jobs, (job, { cache }) => {
        const isGone = cache(jobs).get(keyOf(job))?.metadata?.uid !== job.metadata?.uid
        if (!isGone && !finishedCondition(job)) return []
        return ownedBy(cache(pods), identityOf(job).uid).filter(isTracked).map(keyOf)
      }),
    ],

    prepare: ({ cache }) => indexByController(cache(pods)),

    async reconcile(key, context) {
      const pod = context.cache(pods).get(key)
      noteEnd(key, pod, context)
      if (pod && isTracked(pod) && (await isOrphan(pod, context))) await releasePod(pod, context)
      return done
    },
  }

  function noteEnd(key: string, pod: Pod | undefined, { metrics }: ReconcileContext): void {
    const hasEnded = pod !== undefined && isTracked(pod) && isTerminal(pod)
    if (hasEnded === ended.has(key)) return
    if (hasEnded) ended.add(key)
    else ended.delete(key)
    countTrackedEnd(metrics, hasEnded ? 'add' : 'delete')
  }
}

async function isOrphan(pod: Pod, context: ReconcileContext): Promise<boolean> {
  const controller = controllerOf(pod)
  if (!controller) return true
  if (!refersTo(controller, jobs)) return false
  const job = findController(pod, context.cache(jobs))
  if (job) return !isManagedByOthers(job) && finishedCondition(job) !== undefined
  return !(await exists(controller.uid, identityOf(pod).namespace, controller.name, context))
}

/** The cache may not have seen the job yet. */
async function exists(
  uid: string,
  namespace: string,
  name: string,
  { client }: ReconcileContext,
): Promise<boolean> {
  try {
    return (await client.get(jobs, { namespace, name })).metadata?.uid === uid
  } catch (error) {
    if (isNotFound(error)) return false
    throw error
  }
}
