import {
  invalid,
  required,
  tooLong,
  tooMany,
  type FieldError,
  type FieldPath,
} from '../../machinery/field-error.ts'
import { internalForm } from '../internal-form.ts'
import type { JobSpec, SuccessPolicyRule } from '../generated/batch.v1.ts'
import { countIndexes } from './index-intervals.ts'

const maxRules = 20
const maxIndexesLength = 64 * 1024

/** When a Job has succeeded before all its indexes have. Source: kubernetes/pkg/apis/batch/validation. */
export function validateSuccessPolicy(spec: JobSpec, at: FieldPath): FieldError[] {
  if (spec.completionMode !== 'Indexed')
    return [
      invalid(
        at,
        internalForm('batch.v1.SuccessPolicy', spec.successPolicy ?? {}),
        'requires indexed completion mode',
      ),
    ]
  const field = at.child('rules')
  const rules = spec.successPolicy?.rules ?? []
  if (rules.length === 0)
    return [required(field, 'at least one rules must be specified when the successPolicy is specified')]
  const errors = rules.length > maxRules ? [tooMany(field, rules.length, maxRules)] : []
  return [
    ...errors,
    ...rules.flatMap((rule, index) => ruleErrors(rule, spec.completions ?? 0, field.index(index))),
  ]
}

function ruleErrors(
  { succeededCount, succeededIndexes }: SuccessPolicyRule,
  completions: number,
  at: FieldPath,
): FieldError[] {
  const [countAt, indexesAt] = [at.child('succeededCount'), at.child('succeededIndexes')]
  if (succeededCount === undefined && succeededIndexes === undefined)
    return [required(at, 'at least one of succeededCount or succeededIndexes must be specified')]
  const errors: FieldError[] = []
  // Indexes that cannot be read are none.
  let total = 0
  if (succeededIndexes !== undefined) {
    if (succeededIndexes.length > maxIndexesLength) errors.push(tooLong(indexesAt, '', maxIndexesLength))
    const parsed = countIndexes(succeededIndexes, completions)
    if (typeof parsed === 'number') total = parsed
    else errors.push(invalid(indexesAt, succeededIndexes, `error parsing succeededIndexes: ${parsed.fault}`))
  }
  if (succeededCount === undefined) return errors
  if (succeededCount < 0) errors.push(invalid(countAt, succeededCount, 'must be greater than or equal to 0'))
  if (succeededCount > completions)
    errors.push(
      invalid(
        countAt,
        succeededCount,
        `must be less than or equal to ${completions} (the number of specified completions)`,
      ),
    )
  if (succeededIndexes !== undefined && succeededCount > total)
    errors.push(
      invalid(
        countAt,
        succeededCount,
        `must be less than or equal to ${total} (the number of indexes in the specified succeededIndexes field)`,
      ),
    )
  return errors
}
