import type { Pod } from '../../api/generated/core.v1.ts'
import { isDeleting } from '../../machinery/owner.ts'
import { parseTime } from '../../machinery/time.ts'
import { podCondition } from '../pods/pod-state.ts'
import { absoluteIndexFailureCount } from './job-pod.ts'

const firstPauseMs = 10_000
const longestPauseMs = 600_000

/** The failures of a job since its last success. */
export interface Backoff {
  readonly failures: number
  /** Milliseconds since the epoch; undefined without failures. */
  readonly lastFailureMs: number | undefined
}

export const noBackoff: Backoff = { failures: 0, lastFailureMs: undefined }

/** The record after these pods have come to their end. */
export function nextBackoff(before: Backoff, succeeded: readonly Pod[], failed: readonly Pod[]): Backoff {
  if (succeeded.length === 0 && failed.length === 0) return before
  const failureTimes = failed.map(finishedMs)
  const lastSuccessMs = Math.max(...succeeded.map(finishedMs))
  const times = failureTimes.filter((time) => time > lastSuccessMs)
  const failures = times.length + (succeeded.length === 0 ? before.failures : 0)
  return failures === 0 ? noBackoff : { failures, lastFailureMs: Math.max(...times) }
}

/** How long no pod may be created yet, in milliseconds: 10 s after the first failure, then twice as long each time. */
export function backoffLeftMs({ failures, lastFailureMs }: Backoff, nowMs: number): number {
  if (failures === 0 || lastFailureMs === undefined) return 0
  const pauseMs = Math.min(firstPauseMs * 2 ** (failures - 1), longestPauseMs)
  return Math.max(0, lastFailureMs + pauseMs - nowMs)
}

/** As backoffLeftMs, for one index, by the pod that failed last for it. */
export function indexBackoffLeftMs(lastFailed: Pod | undefined, nowMs: number): number {
  if (!lastFailed) return 0
  const failures = absoluteIndexFailureCount(lastFailed) + 1
  return backoffLeftMs({ failures, lastFailureMs: finishedMs(lastFailed) }, nowMs)
}

/**
 * When the pod came to its end, milliseconds since the epoch: by its containers, else since when it is not ready, else
 * by its deletion; a pod that tells nothing ended when it was created.
 */
export function finishedMs(pod: Pod): number {
  const { metadata } = pod
  const graceMs = (metadata?.deletionGracePeriodSeconds ?? 0) * 1000
  const deletionMs = parseTime(metadata?.deletionTimestamp)
  return (
    containersFinishedMs(pod) ??
    notReadySinceMs(pod) ??
    (isDeleting(pod) && deletionMs !== undefined ? deletionMs - graceMs : undefined) ??
    parseTime(metadata?.creationTimestamp) ??
    0
  )
}

/** Undefined unless all containers have ended. */
function containersFinishedMs({ status }: Pod): number | undefined {
  let latest: number | undefined
  for (const { state } of status?.containerStatuses ?? []) {
    const time = parseTime(state?.terminated?.finishedAt)
    if (time === undefined) return undefined
    latest = Math.max(latest ?? -Infinity, time)
  }
  return latest
}

function notReadySinceMs(pod: Pod): number | undefined {
  const ready = podCondition(pod, 'Ready')
  return ready?.status === 'False' ? parseTime(ready.lastTransitionTime) : undefined
}
