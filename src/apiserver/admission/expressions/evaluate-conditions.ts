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
import { evaluationFault, outOfBudget } from './evaluation-fault.ts'
import { conditionVariables, type ExpressionInput } from './admission-variables.ts'

export type ConditionsResult =
  /** All hold, but for those that could not be evaluated. */
  | { readonly type: 'included'; readonly errors: readonly string[] }
  /** One does not hold. */
  | { readonly type: 'excluded'; readonly condition: string; readonly errors: readonly string[] }

const compiled = new WeakMap<MatchCondition, CelCompilation>()

/**
 * Evaluates match conditions, all of them. When together they cost too much, that is the only error. Source:
 * .../plugin/webhook/matchconditions/matcher.go.
 */
export async function evaluateConditions(
  conditions: readonly MatchCondition[],
  input: ExpressionInput,
  { params = false }: { readonly params?: boolean } = {},
): Promise<ConditionsResult> {
  const variables = conditionVariables(input)
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
      if (outcome.error.reason === 'budget') return { type: 'included', errors: [outOfBudget] }
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

/** As upstream joins errors. */
export function aggregate(errors: readonly string[]): string {
  const different = [...new Set(errors)]
  return different.length === 1 ? different[0]! : `[${different.join(', ')}]`
}
