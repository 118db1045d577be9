import { duplicate, invalid, required, tooMany, type FieldError } from '../../machinery/field-error.ts'
import type { FieldPath } from '../../machinery/field-path.ts'
import { validateLabelName } from '../../machinery/validation/labels.ts'
import type { MatchCondition } from '../generated/admissionregistration.v1.ts'
import { loadedExpressions } from './expression-loader.ts'

const maxConditions = 64

/** Conditions in CEL. Source: kubernetes/pkg/apis/admissionregistration/validation. */
export function validateMatchConditions(
  conditions: readonly MatchCondition[],
  at: FieldPath,
  { params }: { readonly params: boolean },
): FieldError[] {
  const errors = conditions.length > maxConditions ? [tooMany(at, conditions.length, maxConditions)] : []
  const names = new Set<string>()
  for (const [index, { name, expression }] of conditions.entries()) {
    const where = at.index(index)
    errors.push(...validateExpression(expression, where.child('expression'), params))
    if (!name) errors.push(required(where.child('name')))
    else {
      errors.push(...validateLabelName(name, where.child('name')))
      if (names.has(name)) errors.push(duplicate(where.child('name'), name))
      names.add(name)
    }
  }
  return errors
}

function validateExpression(expression: string, at: FieldPath, params: boolean): FieldError[] {
  const trimmed = (expression ?? '').trim()
  if (trimmed === '') return [required(at)]
  const { admissionEnvironment, compileExpression, compilationFault, expressionTypes } = loadedExpressions()
  const environment = admissionEnvironment({ params, authorizer: true })
  const fault = compilationFault(compileExpression(environment, trimmed, expressionTypes.condition))
  return fault === undefined ? [] : [invalid(at, trimmed, fault)]
}
