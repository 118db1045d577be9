import type {
  MutatingAdmissionPolicy,
  ValidatingAdmissionPolicy,
} from '../../../api/generated/admissionregistration.v1.ts'
import type { ExpressionInput } from '../expressions/admission-variables.ts'
import { observeConditions } from '../expressions/condition-metrics.ts'
import { aggregate, evaluateConditions } from '../expressions/evaluate-conditions.ts'
import type { PolicyContext } from './policy-context.ts'

type Verdict =
  | { readonly type: 'included' }
  | { readonly type: 'excluded' }
  | { readonly type: 'failed'; readonly message: string }

/** Whether a policy is about a request, by its match conditions. */
export async function evaluatePolicyConditions(
  { metadata, spec = {} }: ValidatingAdmissionPolicy | MutatingAdmissionPolicy,
  input: ExpressionInput,
  { clock, metrics }: Pick<PolicyContext, 'clock' | 'metrics'>,
): Promise<Verdict> {
  const { matchConditions = [], paramKind } = spec
  if (matchConditions.length === 0) return { type: 'included' }
  const startedMs = clock.monotonic()
  const result = await evaluateConditions(matchConditions, input, { params: paramKind !== undefined })
  const { operation } = input.request
  // Of mutating policies, too.
  const subject = { name: metadata?.name ?? '', kind: 'policy', type: 'validate', operation } as const
  observeConditions(metrics, subject, (clock.monotonic() - startedMs) / 1000, result.errors.length)
  if (result.type === 'excluded' || result.errors.length === 0) return { type: result.type }
  return { type: 'failed', message: aggregate(result.errors) }
}
