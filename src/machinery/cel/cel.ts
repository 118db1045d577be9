import type { CelBudget } from './budget.ts'
import type { CelDeclaration } from './declaration.ts'
import type { CelError } from './error.ts'
import type { CelIssue } from './syntax/issue.ts'
import type { CelType } from './types.ts'
import type { CelValue } from './values/value.ts'

/**
 * CEL as Kubernetes speaks it: what `createCelEnvironment` (environment.ts) makes, and what comes of an expression.
 *
 *     const environment = createCelEnvironment({ variables: { object: dynDeclaration, request: requestDeclaration } })
 *     const compilation = environment.compile('object.spec.replicas <= 5', { outputTypes: [boolType] })
 *     if (!compilation.ok) throw invalid(`compilation failed: ${compilation.text}`)
 *     const outcome = compilation.program.evaluate({ object, request }, new CelBudget())
 *     if ('error' in outcome) ... outcome.error.message ... else if (outcome.value !== true) ...
 *
 * Source of the behaviour: k8s.io/apiserver/pkg/cel/environment and cel-go, with the libraries and options of 1.36.
 */
export interface CelEnvironmentOptions {
  /** Variables by name; a name may have dots (`authorizer.requestResource`). */
  readonly variables: Readonly<Record<string, CelDeclaration>>
  /**
   * What a MutatingAdmissionPolicy may write besides: `Object{}`, `Object.spec{}` ..., `JSONPatch{}` and
   * `jsonpatch.escapeKey`.
   */
  readonly mutation?: boolean
  /** `cel.bind(name, value, expression)`, which the selectors of devices have. */
  readonly binds?: boolean
  /** Minor version whose functions an expression may use; by default 36. Stored expressions may use all. */
  readonly compatibilityMinor?: number
}

export interface CelEnvironment {
  compile(expression: string, options?: CelCompileOptions): CelCompilation
  /** The same with further variables, which hide those of the same name. */
  extend(variables: Readonly<Record<string, CelDeclaration>>): CelEnvironment
}

export interface CelCompileOptions {
  /** The expression must have exactly one of these types; anything goes without, or with anyType. */
  readonly outputTypes?: readonly CelType[]
}

export type CelCompilation =
  | { readonly ok: true; readonly program: CelProgram }
  | {
      readonly ok: false
      readonly reason: 'issues'
      readonly issues: readonly CelIssue[]
      /** All issues as cel-go prints them, with the place in the source. Upstream prefixes `compilation failed: `. */
      readonly text: string
    }
  | {
      readonly ok: false
      readonly reason: 'outputType'
      readonly outputType: CelType
      /** `must evaluate to bool but got int` */
      readonly text: string
    }

/** Values of the variables: JSON as the API has it, wrapped by the variable's declaration when it is read. */
export type CelVariables = Readonly<Record<string, unknown>>

export interface CelProgram {
  readonly expression: string
  readonly outputType: CelType
  /** Names of the variables that the expression reads. */
  readonly references: ReadonlySet<string>
  /** Whether the expression says `variable.field`, `variable.?field` or `has(variable.field)` anywhere. */
  selects(variable: string, field: string): boolean
  /** What evaluating costs at least and at most, by the bounds that the variables' declarations state. */
  estimateCost(): CelCostEstimate
  /**
   * Never throws for anything that the expression does: errors and exceeded limits are outcomes. A variable that is
   * undefined is not bound (optional ones are then `optional.none()`). With an authoriser that answers later, use
   * `evaluateAsync`.
   */
  evaluate(variables: CelVariables, budget: CelBudget, options?: CelEvaluateOptions): CelOutcome
  /** The same, awaiting the authoriser. The expression may be evaluated several times; the last one counts. */
  evaluateAsync(variables: CelVariables, budget: CelBudget, options?: CelEvaluateOptions): Promise<CelOutcome>
}

export interface CelEvaluateOptions {
  /** By default 1,000,000 (limits.ts). */
  readonly perCallLimit?: number
}

/** Both in upstream's units; `unboundedCost` (limits.ts) is saturation. */
export interface CelCostEstimate {
  readonly min: number
  readonly max: number
}

export type CelOutcome =
  | { readonly value: CelValue; readonly cost: number }
  | { readonly error: CelError; readonly cost: number }
