import type {
  ValidatingAdmissionPolicy,
  ValidatingAdmissionPolicyBinding,
} from '../../../api/generated/admissionregistration.v1.ts'
import { goJson } from '../../../machinery/go-json.ts'
import type { KubernetesObject } from '../../../machinery/meta.ts'
import { StatusError } from '../../../machinery/status.ts'
import { matchingVersion } from '../matching/match-resources.ts'
import { namespaceOf } from '../matching/selectors.ts'
import type { RequestVersion } from '../matching/versions.ts'
import type { AdmissionRequest } from '../plugin.ts'
import { refused } from '../refuse.ts'
import { collectParams, paramResource } from './collect-params.ts'
import { evaluatePolicy, type Decision } from './evaluate-policy.ts'
import type { PolicyContext } from './policy-context.ts'
import { errorTypeOf, observeCheck } from './policy-metrics.ts'
import type { BoundPolicy } from './policy-source.ts'

type Policy = ValidatingAdmissionPolicy
type Binding = ValidatingAdmissionPolicyBinding

interface Denial {
  readonly policy: Policy
  readonly binding?: Binding
  readonly message: string
  readonly reason?: string | undefined
}

/** Throws what the first policy that denies says. Source: k8s.io/apiserver/pkg/admission/plugin/policy/validating. */
export async function validateWithPolicies(
  bound: readonly BoundPolicy<Policy, Binding>[],
  request: AdmissionRequest,
  context: PolicyContext,
): Promise<void> {
  const denials: Denial[] = []
  for (const { policy, bindings } of bound) {
    await validateWithPolicy(policy, bindings, request, context, denials)
  }
  const [first] = denials
  if (first) throw denialError(first, request)
}

async function validateWithPolicy(
  policy: Policy,
  bindings: readonly Binding[],
  request: AdmissionRequest,
  context: PolicyContext,
  denials: Denial[],
): Promise<void> {
  const misconfigured = (error: unknown, binding?: Binding) => {
    if (policy.spec?.failurePolicy === 'Ignore') return
    const detail = error instanceof Error ? error.message : String(error)
    const message = `failed to configure ${binding ? 'binding' : 'policy'}: ${detail}`
    denials.push({ policy, message, ...(binding && { binding }) })
  }
  let version: RequestVersion | undefined
  let params: ReturnType<typeof paramResource>
  try {
    version = await matchingVersion(policy.spec?.matchConstraints ?? {}, request, context.objects)
    if (!version) return
    params = paramResource(policy.spec?.paramKind, context)
  } catch (error) {
    misconfigured(error)
    return
  }
  const annotations = new Map<string, string[]>()
  for (const binding of bindings) {
    let values: readonly (KubernetesObject | null)[]
    try {
      const { matchResources, paramRef } = binding.spec
      if (matchResources && !(await matchingVersion(matchResources, request, context.objects))) continue
      values = await collectParams(params, paramRef, request, context)
    } catch (error) {
      misconfigured(error, binding)
      continue
    }
    const namespaceObject = await namespaceFor(request, context)
    for (const value of values) {
      const input = { request, version, authorizer: context.authorizer, params: value, namespaceObject }
      const result = await evaluatePolicy(policy, input, context)
      for (const [index, decision] of result.decisions.entries()) {
        enforce(decision, index, { policy, binding }, request, context, denials)
      }
      for (const [key, text] of result.annotations)
        annotations.set(key, [...(annotations.get(key) ?? []), text])
      for (const { message, seconds } of result.annotationFaults) {
        denials.push({ policy, binding, message })
        observeDecision(context, { policy, binding }, { message, seconds }, 'deny')
      }
    }
  }
  for (const [key, texts] of annotations) {
    request.annotate?.(`${policy.metadata?.name}/${key}`, [...new Set(texts)].join(', '))
  }
}

/** Undefined outside of namespaces, and for namespaces themselves. */
export async function namespaceFor(request: AdmissionRequest, { objects }: PolicyContext) {
  const { group, resource } = request.resource
  const isNamespace = group === '' && resource === 'namespaces'
  return request.namespace === '' || isNamespace ? null : namespaceOf(objects, request.namespace)
}

interface Subject {
  readonly policy: Policy
  readonly binding: Binding
}

function observeDecision(
  { metrics }: Pick<PolicyContext, 'metrics'>,
  subject: Subject,
  { message, seconds }: { readonly message: string; readonly seconds: number },
  action: 'allow' | 'deny' | 'warn' | 'audit',
): void {
  observeCheck(metrics, 'validating', { ...subject, errorType: errorTypeOf(message), action }, seconds)
}

/** What is allowed is not counted, unless because a failure is ignored. */
function enforce(
  decision: Decision,
  index: number,
  { policy, binding }: Subject,
  request: AdmissionRequest,
  context: PolicyContext,
  denials: Denial[],
): void {
  if (decision.type === 'allow') return
  const observe = (action: 'allow' | 'deny' | 'warn' | 'audit') =>
    observeDecision(context, { policy, binding }, decision, action)
  if (decision.type === 'ignored') {
    observe('allow')
    return
  }
  const { message } = decision
  const name = policy.metadata?.name ?? ''
  for (const action of binding.spec.validationActions) {
    switch (action) {
      case 'Deny':
        denials.push({ policy, binding, message, reason: decision.reason })
        observe('deny')
        break
      case 'Warn':
        request.warn(
          `Validation failed for ValidatingAdmissionPolicy '${name}' with binding '${binding.metadata?.name}': ${message}`,
        )
        observe('warn')
        break
      case 'Audit': {
        const { validationActions } = binding.spec
        const failure = {
          message,
          policy: name,
          binding: binding.metadata?.name,
          expressionIndex: index,
          validationActions,
        }
        request.annotate?.('validation.policy.admission.k8s.io/validation_failure', goJson([failure]))
        observe('audit')
      }
    }
  }
}

const codes: Readonly<Record<string, number>> = {
  Forbidden: 403,
  Unauthorized: 401,
  RequestEntityTooLarge: 413,
}

function denialError(
  { policy, binding, message, reason = 'Invalid' }: Denial,
  request: AdmissionRequest,
): StatusError {
  const bindingText = binding ? ` with binding '${binding.metadata?.name}'` : ''
  const text = `ValidatingAdmissionPolicy '${policy.metadata?.name}'${bindingText} denied request: ${message}`
  const { status } = refused(request, text)
  return new StatusError(codes[reason] ?? 422, reason, status.message, {
    ...status.details,
    causes: [{ message: text }],
  })
}
