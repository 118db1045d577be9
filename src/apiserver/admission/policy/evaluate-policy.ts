import {
  admissionEnvironment,
  compilationFault,
  compileExpression,
  composeVariables,
  expressionTypes,
  type CompiledVariable,
} from '../../../api/admissionregistration/expressions.ts'
import type {
  ValidatingAdmissionPolicy,
  ValidatingAdmissionPolicySpec,
  Validation,
} from '../../../api/generated/admissionregistration.v1.ts'
import { CelBudget } from '../../../machinery/cel/budget.ts'
import type { CelCompilation, CelVariables } from '../../../machinery/cel/cel.ts'
import type { Clock } from '../../../machinery/clock.ts'
import { admissionVariables, type ExpressionInput } from '../expressions/admission-variables.ts'
import { evaluationFault, outOfBudget } from '../expressions/evaluation-fault.ts'
import { withVariables } from '../expressions/policy-variables.ts'
import type { PolicyContext } from './policy-context.ts'
import { evaluatePolicyConditions } from './policy-conditions.ts'

/** What one validation says of a request. `seconds`: how long it took. */
export type Decision = { readonly seconds: number } & (
  | { readonly type: 'allow' }
  /** It could not be evaluated, and that is ignored. */
  | { readonly type: 'ignored'; readonly message: string }
  | { readonly type: 'deny'; readonly message: string; readonly reason?: string }
)

export interface PolicyResult {
  readonly decisions: readonly Decision[]
  /** Audit annotations by key. */
  readonly annotations: readonly (readonly [string, string])[]
  /** Why annotations could not be made, where that may not be ignored: refusals, whatever the binding would do. */
  readonly annotationFaults: readonly { readonly message: string; readonly seconds: number }[]
}

interface CompiledPolicy {
  readonly variables: readonly CompiledVariable[]
  readonly validations: readonly {
    readonly validation: Validation
    readonly expression: CelCompilation
    readonly message: CelCompilation | undefined
  }[]
  readonly annotations: readonly {
    readonly key: string
    readonly compilation: CelCompilation
  }[]
}

const compiledPolicies = new WeakMap<ValidatingAdmissionPolicySpec, CompiledPolicy>()
const maxMessageBytes = 5 * 1024
const maxAnnotationLength = 10 * 1024

/** Evaluates a policy for one set of parameters. Source: .../plugin/policy/validating/validator.go. */
export async function evaluatePolicy(
  policy: ValidatingAdmissionPolicy,
  input: ExpressionInput,
  context: Pick<PolicyContext, 'clock' | 'metrics'>,
): Promise<PolicyResult> {
  const { spec = {} } = policy
  const failed = (message: string, seconds = 0): Decision =>
    spec.failurePolicy === 'Ignore'
      ? { type: 'ignored', message, seconds }
      : { type: 'deny', message, seconds }
  const only = (...decisions: readonly Decision[]) => ({ decisions, annotations: [], annotationFaults: [] })
  const conditions = await evaluatePolicyConditions(policy, input, context)
  if (conditions.type === 'excluded') return only()
  if (conditions.type === 'failed') {
    return spec.failurePolicy === 'Ignore' ? only() : only(failed(conditions.message))
  }
  const compiled = compile(spec)
  const all = admissionVariables(input)
  // Upstream binds no authorizer outside of validations, though expressions that name it compile.
  const silent = { ...all, authorizer: undefined, 'authorizer.requestResource': undefined }
  const budget = new CelBudget()
  const { clock } = context
  const evaluations = new Evaluations(withVariables(all, compiled.variables, budget), budget, clock)
  const results = await evaluations.of(compiled.validations.map(({ expression }) => expression))
  if (results.type === 'exhausted') return only(failed(outOfBudget))
  const wording = new Evaluations(withVariables(silent, compiled.variables, budget), budget, clock)
  const messages = await wording.of(compiled.validations.map(({ message }) => message))
  const decisions = results.outcomes.map((result, index): Decision => {
    const { seconds = 0 } = result ?? {}
    if (result?.fault !== undefined) return failed(result.fault, seconds)
    if (messages.type === 'exhausted') return failed(`failed messageExpression: ${outOfBudget}`, seconds)
    if (result?.value === true) return { type: 'allow', seconds }
    const { validation } = compiled.validations[index]!
    const { reason = 'Invalid' } = validation
    return { type: 'deny', message: messageOf(validation, messages.outcomes[index]), reason, seconds }
  })
  const noteBudget = new CelBudget()
  const noting = new Evaluations(withVariables(silent, compiled.variables, noteBudget), noteBudget, clock)
  const notes = await noting.of(compiled.annotations.map(({ compilation }) => compilation))
  if (notes.type === 'exhausted') return only(failed(outOfBudget))
  return { decisions, ...annotationsOf(spec, compiled, notes.outcomes) }
}

function annotationsOf(
  { failurePolicy }: ValidatingAdmissionPolicySpec,
  compiled: CompiledPolicy,
  outcomes: readonly (Evaluated | undefined)[],
): Pick<PolicyResult, 'annotations' | 'annotationFaults'> {
  const annotations: [string, string][] = []
  const annotationFaults: { message: string; seconds: number }[] = []
  for (const [index, { key }] of compiled.annotations.entries()) {
    const { value, fault, seconds = 0 } = outcomes[index] ?? {}
    if (fault !== undefined) {
      if (failurePolicy !== 'Ignore') annotationFaults.push({ message: fault, seconds })
    } else if (typeof value === 'string' && value.trim() !== '') {
      annotations.push([key, value.trim().slice(0, maxAnnotationLength)])
    }
  }
  return { annotations, annotationFaults }
}

function compile(spec: ValidatingAdmissionPolicySpec): CompiledPolicy {
  let compiled = compiledPolicies.get(spec)
  if (!compiled) {
    const params = spec.paramKind !== undefined
    const base = admissionEnvironment({ params, authorizer: true })
    const { environment, variables } = composeVariables(base, spec.variables ?? [])
    const silent = admissionEnvironment({ params, authorizer: false })
    const messages = composeVariables(base, spec.variables ?? [], silent).environment
    compiled = {
      variables,
      validations: (spec.validations ?? []).map((validation) => ({
        validation,
        expression: compileExpression(environment, validation.expression, expressionTypes.condition),
        message: validation.messageExpression
          ? compileExpression(messages, validation.messageExpression, expressionTypes.message)
          : undefined,
      })),
      annotations: (spec.auditAnnotations ?? []).map(({ key, valueExpression }) => ({
        key,
        compilation: compileExpression(environment, valueExpression, expressionTypes.auditAnnotation),
      })),
    }
    compiledPolicies.set(spec, compiled)
  }
  return compiled
}

interface Evaluated {
  readonly value?: unknown
  readonly fault?: string
  readonly seconds: number
}

/** Evaluates expressions one after the other at the cost of one budget. */
class Evaluations {
  readonly #variables: CelVariables
  readonly #budget: CelBudget
  readonly #clock: Clock

  constructor(variables: CelVariables, budget: CelBudget, clock: Clock) {
    this.#variables = variables
    this.#budget = budget
    this.#clock = clock
  }

  /** By their places; undefined where there is none. Once the budget is spent nothing that was found counts. */
  async of(
    compilations: readonly (CelCompilation | undefined)[],
  ): Promise<
    | { readonly type: 'evaluated'; readonly outcomes: readonly (Evaluated | undefined)[] }
    | { readonly type: 'exhausted' }
  > {
    const outcomes: (Evaluated | undefined)[] = []
    for (const compilation of compilations) {
      const outcome = compilation && (await this.#evaluate(compilation))
      if (outcome === 'exhausted') return { type: 'exhausted' }
      outcomes.push(outcome)
    }
    return { type: 'evaluated', outcomes }
  }

  async #evaluate(compilation: CelCompilation): Promise<Evaluated | 'exhausted'> {
    if (!compilation.ok) {
      return { fault: `compilation error: ${compilationFault(compilation)}`, seconds: 0 }
    }
    const startedMs = this.#clock.monotonic()
    const outcome = await compilation.program.evaluateAsync(this.#variables, this.#budget)
    const seconds = (this.#clock.monotonic() - startedMs) / 1000
    if (!('error' in outcome)) return { value: outcome.value, seconds }
    if (outcome.error.reason === 'budget') return 'exhausted'
    return { fault: evaluationFault(compilation.program.expression, outcome.error), seconds }
  }
}

/** A message expression that fails, or says nothing that can be shown, counts as none. */
function messageOf({ message = '', expression }: Validation, computed: Evaluated | undefined): string {
  const text = typeof computed?.value === 'string' ? computed.value.trim() : ''
  if (text !== '' && Buffer.byteLength(text) <= maxMessageBytes && !text.includes('\n')) return text
  return message.trim() || `failed expression: ${expression.trim()}`
}
