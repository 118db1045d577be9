import {
  admissionEnvironment,
  compilationFault,
  compileExpression,
  expressionTypes,
} from '../../../api/admissionregistration/expressions.ts'
import type { MatchCondition } from '../../../api/generated/admissionregistration.v1.ts'
import { CelBudget } from '../../../machinery/cel/budget.ts'
import { runtimeCostBudgetMatchConditions } from '../../../machinery/cel/limits.ts'
import type { CelCompilation } from '../../../machinery/cel/cel.ts'
import { evaluationFault } from './evaluation-fault.ts'
import { admissionVariables, type ExpressionInput } from './admission-variables.ts'

export type ConditionsResult =
  /** All hold, but for those that could not be evaluated. */
  | { readonly type: 'included'; readonly errors: readonly string[] }
  /** One does not hold. */
  | { readonly type: 'excluded'; readonly condition: string; readonly errors: readonly string[] }

const compiled = new WeakMap<MatchCondition, CelCompilation>()

/** Evaluates match conditions until one does not hold. Source: .../plugin/webhook/matchconditions/matcher.go. */
export async function evaluateConditions(
  conditions: readonly MatchCondition[],
  input: ExpressionInput,
  { params = false }: { readonly params?: boolean } = {},
): Promise<ConditionsResult> {
  const variables = admissionVariables(input)
  const budget = new CelBudget(runtimeCostBudgetMatchConditions)
  const errors: string[] = []
  let excludedBy: string | undefined
  for (const condition of conditions) {
    const compilation = compile(condition, params)
    if (!compilation.ok) {
      errors.push(`compilation error: ${compilationFault(compilation)}`)
      continue
    }
    const outcome = await compilation.program.evaluateAsync(variables, budget)
    if ('error' in outcome) {
      errors.push(evaluationFault(condition.expression, outcome.error))
    } else if (outcome.value !== true) excludedBy ??= condition.name
  }
  return excludedBy === undefined
    ? { type: 'included', errors }
    : { type: 'excluded', condition: excludedBy, errors }
}

function compile(condition: MatchCondition, params: boolean): CelCompilation {
  let compilation = compiled.get(condition)
  if (!compilation) {
    const environment = admissionEnvironment({ params, authorizer: true })
    compilation = compileExpression(environment, condition.expression, expressionTypes.condition)
    compiled.set(condition, compilation)
  }
  return compilation
}
