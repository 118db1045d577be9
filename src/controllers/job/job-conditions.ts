import type { Job, JobCondition } from '../../api/generated/batch.v1.ts'
import { formatTime } from '../../machinery/time.ts'
import { findCondition } from '../condition-list.ts'

export type JobConditionType = 'Suspended' | 'Complete' | 'Failed' | 'FailureTarget' | 'SuccessCriteriaMet'

/** A condition of this type that is true, of a job that has it. */
export function trueCondition({ status }: Job, type: JobConditionType): JobCondition | undefined {
  const condition = findCondition(status?.conditions, type)
  return condition?.status === 'True' ? condition : undefined
}

/** Complete or Failed, once a job has come to its end. */
export function finishedCondition(job: Job): JobCondition | undefined {
  return trueCondition(job, 'Complete') ?? trueCondition(job, 'Failed')
}

export function jobCondition(
  type: JobConditionType,
  status: 'True' | 'False',
  reason: string,
  message: string,
  nowMs: number,
): JobCondition {
  const now = formatTime(nowMs)
  return { type, status, lastProbeTime: now, lastTransitionTime: now, reason, message }
}

/**
 * The conditions with `next` in place of the one of its type, or at the end; unchanged when that says the same. A
 * condition that never was true is not added to say that it is false.
 */
export function withJobCondition(
  conditions: readonly JobCondition[] = [],
  next: JobCondition,
): readonly JobCondition[] {
  const at = conditions.findIndex(({ type }) => type === next.type)
  const current = conditions[at]
  if (!current) return next.status === 'False' ? conditions : [...conditions, next]
  const isSame =
    current.status === next.status && current.reason === next.reason && current.message === next.message
  return isSame ? conditions : conditions.with(at, next)
}
