import type { Pod } from '../../api/generated/core.v1.ts'
import type { Ending } from './plan/input.ts'
import { terminationGraceSeconds } from './plan/grace.ts'

/** A graceful deletion gives at least this, as upstream. */
const minimumGraceSeconds = 1

export interface EndingCauses {
  readonly pod: Pod
  /** The pod is not in its source any more. */
  readonly removed: boolean
  /** Its containers have come to an end, or it has failed. */
  readonly terminal: boolean
  /** At most this long, where what ends it says so. */
  readonly graceSeconds?: number
}

/**
 * Why and by when the pod ends, given what was decided before: an end is never taken back, and its deadline only comes
 * nearer. Undefined while nothing ends it.
 */
export function nextEnding(
  before: Ending | undefined,
  causes: EndingCauses,
  now: number,
): Ending | undefined {
  const { pod, removed, terminal } = causes
  const deleting = pod.metadata?.deletionTimestamp !== undefined
  if (!removed && !terminal && !deleting) return before
  const remove = removed || deleting || before?.remove === true
  const asked =
    deleting || removed
      ? (pod.metadata?.deletionGracePeriodSeconds ?? terminationGraceSeconds(pod))
      : terminationGraceSeconds(pod)
  const graceSeconds = Math.max(minimumGraceSeconds, Math.min(asked, causes.graceSeconds ?? Infinity))
  if (before === undefined) return { sinceMs: now, graceSeconds, remove }
  const deadlineMs = before.sinceMs + before.graceSeconds * 1000
  const isSooner = now + graceSeconds * 1000 < deadlineMs && graceSeconds < before.graceSeconds
  if (isSooner) return { sinceMs: now, graceSeconds, remove }
  return remove === before.remove ? before : { ...before, remove }
}
