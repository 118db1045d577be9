import type { Job } from '../../api/generated/batch.v1.ts'
import type { Pod } from '../../api/generated/core.v1.ts'
import { isDeleting } from '../../machinery/owner.ts'

/** spec.managedBy of jobs that are ours; so are those without it. */
const ourName = 'kubernetes.io/job-controller'
const defaultBackoffLimit = 6

export function isManagedByOthers({ spec }: Job): boolean {
  return spec?.managedBy !== undefined && spec.managedBy !== ourName
}

export function isSuspended({ spec }: Job): boolean {
  return spec?.suspend === true
}

export function isIndexed({ spec }: Job): boolean {
  return spec?.completionMode === 'Indexed'
}

export function hasLimitPerIndex({ spec }: Job): boolean {
  return spec?.backoffLimitPerIndex !== undefined
}

export function parallelismOf({ spec }: Job): number {
  return spec?.parallelism ?? 1
}

/** How many pods may fail before the job fails. */
export function backoffLimitOf(job: Job): number {
  return job.spec?.backoffLimit ?? (hasLimitPerIndex(job) ? Infinity : defaultBackoffLimit)
}

/** Whether a pod that is on its way out is replaced only once it has ended. */
export function replacesOnlyFailed({ spec }: Job): boolean {
  return spec?.podReplacementPolicy === 'Failed' || spec?.podFailurePolicy !== undefined
}

/**
 * Whether the pod counts as failed. Pods that are being deleted do too, since they may never get the chance to say so,
 * unless the job waits for that.
 */
export function isPodFailed(pod: Pod, job: Job): boolean {
  if (pod.status?.phase === 'Failed') return true
  return !replacesOnlyFailed(job) && isDeleting(pod) && pod.status?.phase !== 'Succeeded'
}
