import { jsonEqual } from '../../machinery/equal.ts'
import {
  duplicate,
  invalid,
  invalidWithoutValue,
  path,
  required,
  type FieldError,
} from '../../machinery/field-error.ts'
import { nonNegative } from '../apps/workload.ts'
import { internalForm } from '../internal-form.ts'
import type { Job, JobStatus } from '../generated/batch.v1.ts'
import { countIndexes, firstCommonIndex } from './index-intervals.ts'

const at = path('status')
const counts = ['active', 'succeeded', 'failed', 'ready', 'terminating'] as const

/** A write of a Job's status: what it says, what stood there, and which of it changes. */
interface StatusChange {
  readonly job: Job
  readonly status: JobStatus
  readonly previous: JobStatus
  holds(type: string): boolean
  held(type: string): boolean
  /** Whether the Job has come to its end, and whether it does with this write. */
  readonly isFinished: boolean
  readonly finishes: boolean
  /** Whether one of the fields changes, or whether one of the conditions holds. */
  changes(...names: readonly (keyof JobStatus | ConditionType)[]): boolean
}

type ConditionType = 'Complete' | 'Failed' | 'FailureTarget' | 'SuccessCriteriaMet'

/**
 * What a Job's status may say. Most rules only look at what changes, so that a status that was wrong before can still
 * be written. Source: validateJobStatus and ValidateJobStatusUpdate in kubernetes/pkg/apis/batch/validation, with the
 * options of kubernetes/pkg/registry/batch/job.
 */
export function validateJobStatus(job: Job, before: Job): FieldError[] {
  const { status = {} } = job
  const { status: previous = {} } = before
  const holds = (type: string) => isTrue(status, type)
  const held = (type: string) => isTrue(previous, type)
  const isFinished = holds('Complete') || holds('Failed')
  const change: StatusChange = {
    job,
    status,
    previous,
    holds,
    held,
    isFinished,
    finishes: isFinished && !held('Complete') && !held('Failed'),
    changes: (...names) =>
      names.some((name) =>
        /^[A-Z]/.test(name)
          ? holds(name) !== held(name)
          : !jsonEqual(status[name as keyof JobStatus], previous[name as keyof JobStatus]),
      ),
  }
  return [
    ...counts.flatMap((name) => nonNegative(status[name], at.child(name))),
    ...uncountedErrors(status),
    ...completionErrors(change),
    ...finishErrors(change),
    ...indexErrors(change),
    ...countErrors(change),
    ...successErrors(change),
    ...transitionErrors(change),
  ]
}

function isTrue({ conditions = [] }: JobStatus, wanted: string): boolean {
  return conditions.some(({ type, status }) => type === wanted && status === 'True')
}

/** Pods that have come to their end and are not in the counts yet, each of them once. */
function uncountedErrors({ uncountedTerminatedPods: uncounted }: JobStatus): FieldError[] {
  const seen = new Set<string>()
  return (['succeeded', 'failed'] as const).flatMap((name) =>
    (uncounted?.[name] ?? []).flatMap((uid, index) => {
      const field = at.child('uncountedTerminatedPods', name).index(index)
      if (uid === '') return [invalid(field, uid, 'must not be empty')]
      if (seen.has(uid)) return [duplicate(field, uid)]
      seen.add(uid)
      return []
    }),
  )
}

function condition(detail: string): FieldError {
  return invalidWithoutValue(at.child('conditions'), detail)
}

function completionErrors({ status, holds, changes }: StatusChange): FieldError[] {
  const { completionTime, startTime } = status
  const field = at.child('completionTime')
  const errors: FieldError[] = []
  const [complete, failed] = [holds('Complete'), holds('Failed')]
  if (changes('Complete', 'Failed') && complete && failed)
    errors.push(condition('cannot set Complete=True and Failed=true conditions'))
  if (changes('Complete', 'FailureTarget') && complete && holds('FailureTarget'))
    errors.push(condition('cannot set Complete=True and FailureTarget=true conditions'))
  if (changes('Complete', 'completionTime')) {
    const none = 'cannot set completionTime when there is no Complete=True condition'
    if (completionTime && !complete) errors.push(invalid(field, completionTime, none))
    if (!completionTime && complete)
      errors.push(required(field, 'completionTime is required for Complete jobs'))
  }
  const isTooEarly = completionTime && startTime && Date.parse(completionTime) < Date.parse(startTime)
  if (changes('startTime', 'completionTime') && isTooEarly)
    errors.push(invalid(field, completionTime, 'completionTime cannot be set before startTime'))
  if (changes('Failed', 'FailureTarget') && failed && !holds('FailureTarget'))
    errors.push(condition('cannot set Failed=True condition without the FailureTarget=true condition'))
  if (changes('Complete', 'SuccessCriteriaMet') && complete && !holds('SuccessCriteriaMet'))
    errors.push(condition('cannot set Complete=True condition without the SuccessCriteriaMet=true condition'))
  return errors
}

/** A Job that has come to its end has no pods that run, and all that have run are counted. */
function finishErrors({ status, isFinished, finishes, changes }: StatusChange): FieldError[] {
  if (!isFinished) return []
  const { active = 0, startTime, uncountedTerminatedPods: uncounted } = status
  const errors: FieldError[] = []
  if ((finishes || changes('active')) && active > 0)
    errors.push(invalid(at.child('active'), active, 'active>0 is invalid for finished job'))
  if ((finishes || changes('startTime')) && !startTime)
    errors.push(required(at.child('startTime'), 'startTime is required for finished job'))
  const left = (uncounted?.failed?.length ?? 0) + (uncounted?.succeeded?.length ?? 0)
  if ((finishes || changes('uncountedTerminatedPods')) && left > 0) {
    const detail = 'uncountedTerminatedPods needs to be empty for finished job'
    errors.push(
      invalid(
        at.child('uncountedTerminatedPods'),
        internalForm('batch.v1.UncountedTerminatedPods', uncounted ?? {}),
        detail,
      ),
    )
  }
  return errors
}

function indexErrors({ job, status, changes }: StatusChange): FieldError[] {
  const { completions, completionMode, backoffLimitPerIndex } = job.spec ?? {}
  const { completedIndexes = '', failedIndexes } = status
  const [completedAt, failedAt] = [at.child('completedIndexes'), at.child('failedIndexes')]
  const [completedChange, failedChange] = [changes('completedIndexes'), changes('failedIndexes')]
  const errors: FieldError[] = []
  if (completedChange && completions !== undefined) {
    const parsed = countIndexes(completedIndexes, completions)
    if (typeof parsed !== 'number')
      errors.push(invalid(completedAt, completedIndexes, `error parsing completedIndexes: ${parsed.fault}`))
  }
  const counted = completions !== undefined && backoffLimitPerIndex !== undefined
  if (failedChange && counted && failedIndexes !== undefined) {
    const parsed = countIndexes(failedIndexes, completions)
    if (typeof parsed !== 'number')
      errors.push(invalid(failedAt, failedIndexes, `error parsing failedIndexes: ${parsed.fault}`))
  }
  if (completedChange && completedIndexes !== '' && completionMode !== 'Indexed') {
    const detail = 'cannot set non-empty completedIndexes when non-indexed completion mode'
    errors.push(invalid(completedAt, completedIndexes, detail))
  }
  if (failedIndexes === undefined || !(completedChange || failedChange)) return errors
  if (failedChange && backoffLimitPerIndex === undefined) {
    const detail = 'cannot set non-null failedIndexes when backoffLimitPerIndex is null'
    errors.push(invalid(failedAt, failedIndexes, detail))
  }
  if (completions === undefined) return errors
  const common = firstCommonIndex(completedIndexes, failedIndexes, completions)
  if (common !== undefined) {
    const detail = `failedIndexes and completedIndexes overlap at index: ${common}`
    errors.push(invalid(failedAt, failedIndexes, detail))
  }
  return errors
}

function countErrors({ status, isFinished, finishes, changes }: StatusChange): FieldError[] {
  const { terminating = 0, ready, active = 0 } = status
  const errors: FieldError[] = []
  if ((finishes || changes('terminating')) && isFinished && terminating > 0)
    errors.push(invalid(at.child('terminating'), terminating, 'terminating>0 is invalid for finished job'))
  if (changes('ready', 'active') && ready !== undefined && ready > active)
    errors.push(invalid(at.child('ready'), ready, 'cannot set more ready pods than active'))
  return errors
}

function successErrors({ job, holds }: StatusChange): FieldError[] {
  const isMet = holds('SuccessCriteriaMet')
  const errors: FieldError[] = []
  if (isMet && holds('Failed'))
    errors.push(condition('cannot set SuccessCriteriaMet=True and Failed=true conditions'))
  if (isMet && holds('FailureTarget'))
    errors.push(condition('cannot set SuccessCriteriaMet=True and FailureTarget=true conditions'))
  if (job.spec?.successPolicy && !isMet && holds('Complete')) {
    const detail = 'cannot set Complete=True for Job with SuccessPolicy unless SuccessCriteriaMet=True'
    errors.push(condition(detail))
  }
  return errors
}

const finalConditions = ['Failed', 'Complete', 'FailureTarget'] as const

/** What was decided stands, and what was counted stays counted. */
function transitionErrors({ job, status, previous, holds, held }: StatusChange): FieldError[] {
  const errors = finalConditions
    .filter((type) => held(type) && !holds(type))
    .map((type) => condition(`cannot disable the terminal ${type}=True condition`))
  const { failed = 0, succeeded = 0, completionTime, startTime } = status
  if (failed < (previous.failed ?? 0))
    errors.push(invalid(at.child('failed'), failed, 'cannot decrease the failed counter'))
  const { completionMode, completions, parallelism, suspend } = job.spec ?? {}
  // Such Jobs are scaled, and scaled down they have fewer indexes.
  const mayShrink = completionMode === 'Indexed' && completions === parallelism
  if (!mayShrink && succeeded < (previous.succeeded ?? 0))
    errors.push(invalid(at.child('succeeded'), succeeded, 'cannot decrease the succeeded counter'))
  if (completionTime && previous.completionTime && completionTime !== previous.completionTime)
    errors.push(invalid(at.child('completionTime'), completionTime, 'completionTime cannot be mutated'))
  if (previous.startTime && previous.startTime !== startTime && !suspend)
    errors.push(required(at.child('startTime'), 'startTime cannot be removed for unsuspended job'))
  if (held('SuccessCriteriaMet') && !holds('SuccessCriteriaMet'))
    errors.push(condition('cannot disable the SuccessCriteriaMet=True condition'))
  if (held('Complete') && !held('SuccessCriteriaMet') && holds('SuccessCriteriaMet')) {
    const detail = 'cannot set SuccessCriteriaMet=True for Job already has Complete=true conditions'
    errors.push(condition(detail))
  }
  return errors
}
