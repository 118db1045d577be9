import { variablesType, type CompiledVariable } from '../../../api/admissionregistration/expressions.ts'
import type { CelBudget } from '../../../machinery/cel/budget.ts'
import type { CelOutcome, CelVariables } from '../../../machinery/cel/cel.ts'
import { CelError } from '../../../machinery/cel/error.ts'
import { CelLazyObject } from '../../../machinery/cel/values/lazy-object.ts'

/** The values of expressions with `variables`, of which each is computed when it is first read. */
export function withVariables(
  base: CelVariables,
  compiled: readonly CompiledVariable[],
  budget: CelBudget,
): CelVariables {
  if (compiled.length === 0) return base
  const fields: Record<string, () => CelOutcome> = {}
  for (const { name, compilation } of compiled) {
    fields[name] = () => {
      if (compilation.ok) return compilation.program.evaluate(values, budget)
      return { error: new CelError(`compilation failed: ${compilation.text}`), cost: 0 }
    }
  }
  const values: CelVariables = { ...base, variables: new CelLazyObject(variablesType, fields) }
  return values
}
