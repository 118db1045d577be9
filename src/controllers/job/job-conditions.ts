import type { Job, JobCondition } from '../../api/generated/batch.v1.ts'

export function jobCondition({ status }: Job, type: string): JobCondition | undefined {
  return status?.conditions?.find((condition) => condition.type === type && condition.status === 'True')
}

/** The condition that says how the job has ended, if it has. */
export function finishedCondition(job: Job): JobCondition | undefined {
  return jobCondition(job, 'Complete') ?? jobCondition(job, 'Failed')
}

export function isFinished(job: Job): boolean {
  return finishedCondition(job) !== undefined
}
