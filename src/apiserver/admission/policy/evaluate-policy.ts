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
import { admissionVariables, type ExpressionInput } from '../expressions/admission-variables.ts'
import { evaluateConditions } from '../expressions/evaluate-conditions.ts'
import { evaluationFault } from '../expressions/evaluation-fault.ts'
import { withVariables } from '../expressions/policy-variables.ts'

/** What one validation says of a request. */
export type Decision =
  /** With a message when it could not be evaluated, and that is ignored. */
  | { readonly type: 'allow'; readonly message: string }
  | { readonly type: 'deny'; readonly message: string; readonly reason?: string | undefined }

export interface PolicyResult {
  readonly decisions: readonly Decision[]
  /** Audit annotations by key. */
  readonly annotations: readonly (readonly [string, string])[]
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
    readonly valueExpression: string
    readonly compilation: CelCompilation
  }[]
}

const compiledPolicies = new WeakMap<ValidatingAdmissionPolicySpec, CompiledPolicy>()
const maxMessageBytes = 5 * 1024
const maxAnnotationLength = 10 * 1024

/** Evaluates a policy for one set of parameters. Source: .../plugin/policy/validating/validator.go. */
export async function evaluatePolicy(
  { spec = {} }: ValidatingAdmissionPolicy,
  input: ExpressionInput,
): Promise<PolicyResult> {
  const failed = (message: string): Decision => ({
    type: spec.failurePolicy === 'Ignore' ? 'allow' : 'deny',
    message,
  })
  const params = spec.paramKind !== undefined
  const conditions = await evaluateConditions(spec.matchConditions ?? [], input, { params })
  if (conditions.type === 'excluded') return { decisions: [], annotations: [] }
  if (conditions.errors.length > 0) {
    if (spec.failurePolicy === 'Ignore') return { decisions: [], annotations: [] }
    return { decisions: [failed(joined(conditions.errors))], annotations: [] }
  }
  const compiled = compile(spec)
  const budget = new CelBudget()
  const variables = withVariables(admissionVariables(input), compiled.variables, budget)
  const decisions: Decision[] = []
  for (const { validation, expression, message } of compiled.validations) {
    const { value, fault } = await evaluate(expression, variables, budget)
    if (fault !== undefined) decisions.push(failed(fault))
    else if (value === true) decisions.push({ type: 'allow', message: '' })
    else {
      const text = await messageOf(validation, message, variables, budget)
      decisions.push({ type: 'deny', message: text, reason: validation.reason ?? 'Invalid' })
    }
  }
  const annotations: [string, string][] = []
  const annotationBudget = new CelBudget()
  for (const { key, compilation } of compiled.annotations) {
    const { value, fault } = await evaluate(compilation, variables, annotationBudget)
    if (fault !== undefined) {
      if (spec.failurePolicy !== 'Ignore') decisions.push({ type: 'deny', message: fault })
    } else if (typeof value === 'string' && value.trim() !== '') {
      annotations.push([key, value.trim().slice(0, maxAnnotationLength)])
    }
  }
  return { decisions, annotations }
}

function joined(errors: readonly string[]): string {
  const different = [...new Set(errors)]
  return different.length === 1 ? different[0]! : `[${different.join(', ')}]`
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
        message: validation.messageExpression?.trim()
          ? compileExpression(messages, validation.messageExpression, expressionTypes.message)
          : undefined,
      })),
      annotations: (spec.auditAnnotations ?? []).map(({ key, valueExpression }) => ({
        key,
        valueExpression,
        compilation: compileExpression(environment, valueExpression.trim(), expressionTypes.auditAnnotation),
      })),
    }
    compiledPolicies.set(spec, compiled)
  }
  return compiled
}

async function evaluate(
  compilation: CelCompilation,
  variables: CelVariables,
  budget: CelBudget,
): Promise<{ readonly value?: unknown; readonly fault?: string }> {
  if (!compilation.ok) return { fault: `compilation error: ${compilationFault(compilation)}` }
  const outcome = await compilation.program.evaluateAsync(variables, budget)
  if ('error' in outcome) return { fault: evaluationFault(compilation.program.expression, outcome.error) }
  return { value: outcome.value }
}

/** A message expression that fails, or says nothing that can be shown, counts as none. */
async function messageOf(
  { message = '', expression }: Validation,
  compilation: CelCompilation | undefined,
  variables: CelVariables,
  budget: CelBudget,
): Promise<string> {
  if (compilation) {
    const { value } = await evaluate(compilation, variables, budget)
    const text = typeof value === 'string' ? value.trim() : ''
    if (text !== '' && Buffer.byteLength(text) <= maxMessageBytes && !text.includes('\n')) return text
  }
  return message.trim() || `failed expression: ${expression.trim()}`
}
