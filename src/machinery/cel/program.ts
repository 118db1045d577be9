import type { CelBudget } from './budget.ts'
import type { CelCostEstimate, CelEvaluateOptions, CelOutcome, CelProgram, CelVariables } from './cel.ts'
import { childrenOf } from './check/literals.ts'
import { estimateCost } from './cost/estimate.ts'
import { CelError } from './error.ts'
import { Frame } from './evaluate/frame.ts'
import { plan, type PlanScope, type Step } from './evaluate/plan.ts'
import { PendingDecision } from './library/authorization.ts'
import { perCallLimit } from './limits.ts'
import type { Expression } from './syntax/expression.ts'
import type { CelType } from './types.ts'

/** A checked expression, ready to run. */
export class CompiledProgram implements CelProgram {
  readonly expression: string
  readonly outputType: CelType
  readonly references: ReadonlySet<string>
  readonly #tree: Expression
  readonly #scope: PlanScope
  readonly #run: Step

  constructor(text: string, tree: Expression, scope: PlanScope) {
    this.expression = text
    this.outputType = tree.type!
    this.references = referencesOf(tree)
    this.#tree = tree
    this.#scope = scope
    this.#run = plan(tree, scope)
  }

  selects(variable: string, field: string): boolean {
    const isVariable = (expression: Expression | undefined) =>
      expression?.kind === 'ident' && expression.name === variable
    const visit = (expression: Expression): boolean =>
      (expression.kind === 'select' && expression.field === field && isVariable(expression.operand)) ||
      (expression.kind === 'call' &&
        expression.function === '_?._' &&
        isVariable(expression.args[0]) &&
        expression.args[1]?.kind === 'literal' &&
        expression.args[1].value === field) ||
      childrenOf(expression).some(visit)
    return visit(this.#tree)
  }

  estimateCost(): CelCostEstimate {
    return estimateCost(this.#tree, this.#scope.variables)
  }

  evaluate(variables: CelVariables, budget: CelBudget, options: CelEvaluateOptions = {}): CelOutcome {
    const frame = new Frame(variables, options.perCallLimit ?? perCallLimit)
    const outcome = this.#attempt(frame)
    if (budget.spend(frame.cost)) return outcome
    return { error: new CelError('the cost budget is exhausted', 'budget'), cost: frame.cost }
  }

  async evaluateAsync(
    variables: CelVariables,
    budget: CelBudget,
    options: CelEvaluateOptions = {},
  ): Promise<CelOutcome> {
    for (;;) {
      try {
        return this.evaluate(variables, budget, options)
      } catch (error) {
        if (!(error instanceof PendingDecision)) throw error
        await error.decision
      }
    }
  }

  #attempt(frame: Frame): CelOutcome {
    try {
      const value = this.#run(frame)
      return { value, cost: frame.cost }
    } catch (error) {
      if (error instanceof CelError) return { error, cost: frame.cost }
      throw error
    }
  }
}

function referencesOf(tree: Expression): ReadonlySet<string> {
  const names = new Set<string>()
  const visit = (expression: Expression): void => {
    if (expression.kind === 'ident' && expression.global !== undefined) names.add(expression.global)
    for (const child of childrenOf(expression)) visit(child)
  }
  visit(tree)
  return names
}
