import type {
  MutatingAdmissionPolicy,
  MutatingAdmissionPolicyBinding,
} from '../../../api/generated/admissionregistration.v1.ts'
import { goQuote } from '../../../machinery/go-format.ts'
import type { KubernetesObject } from '../../../machinery/meta.ts'
import { StatusError } from '../../../machinery/status.ts'
import { matchingVersion } from '../matching/match-resources.ts'
import type { RequestVersion } from '../matching/versions.ts'
import type { AdmissionRequest, MutationRound } from '../plugin.ts'
import { refused } from '../refuse.ts'
import { Reinvocation } from '../reinvocation.ts'
import { collectParams, paramResource } from './collect-params.ts'
import { applyMutations } from './apply-mutations.ts'
import { evaluatePolicyConditions } from './policy-conditions.ts'
import type { PolicyContext } from './policy-context.ts'
import { errorTypeOf, observeCheck } from './policy-metrics.ts'
import type { BoundPolicy } from './policy-source.ts'
import { namespaceFor } from './validate-with-policies.ts'

type Policy = MutatingAdmissionPolicy
type Binding = MutatingAdmissionPolicyBinding

interface Invocation {
  readonly policy: Policy
  readonly binding: Binding
  readonly version: RequestVersion
  readonly params: KubernetesObject | null
}

interface Fault {
  readonly policy: Policy
  readonly binding?: Binding
  readonly message: string
  readonly reason?: string
}

const pluginName = 'MutatingAdmissionPolicy'

/** Does what the policies say that concern a request. Source: k8s.io/apiserver/pkg/admission/plugin/policy/mutating. */
export async function mutateWithPolicies(
  bound: readonly BoundPolicy<Policy, Binding>[],
  request: AdmissionRequest,
  round: MutationRound,
  context: PolicyContext,
): Promise<void> {
  const faults: Fault[] = []
  const invocations: Invocation[] = []
  for (const { policy, bindings } of bound) {
    invocations.push(...(await invocationsOf(policy, bindings, request, context, faults)))
  }
  if (invocations.length > 0) await invokeAll(invocations, request, round, context, faults)
  const fatal = faults.filter(({ policy }) => policy.spec?.failurePolicy !== 'Ignore')
  if (fatal.length > 0) throw faultError(fatal, request)
}

async function invocationsOf(
  policy: Policy,
  bindings: readonly Binding[],
  request: AdmissionRequest,
  context: PolicyContext,
  faults: Fault[],
): Promise<readonly Invocation[]> {
  let version: RequestVersion | undefined
  let served: ReturnType<typeof paramResource>
  try {
    version = await matchingVersion(policy.spec?.matchConstraints ?? {}, request, context.objects)
    if (!version) return []
    served = paramResource(policy.spec?.paramKind, context)
  } catch (error) {
    faults.push({ policy, message: `failed to configure policy: ${(error as Error).message}` })
    return []
  }
  const invocations: Invocation[] = []
  for (const binding of bindings) {
    try {
      const { matchResources, paramRef } = binding.spec ?? {}
      if (matchResources && !(await matchingVersion(matchResources, request, context.objects))) continue
      for (const params of await collectParams(served, paramRef, request, context)) {
        invocations.push({ policy, binding, version, params })
      }
    } catch (error) {
      faults.push({ policy, binding, message: `failed to configure binding: ${(error as Error).message}` })
    }
  }
  return invocations
}

async function invokeAll(
  invocations: readonly Invocation[],
  request: AdmissionRequest,
  round: MutationRound,
  context: PolicyContext,
  faults: Fault[],
): Promise<void> {
  const reinvocation = Reinvocation.begin(pluginName, round, request)
  const namespaceObject = await namespaceFor(request, context)
  let isWritten = false
  for (const invocation of invocations) {
    const { policy, version, params } = invocation
    const input = { request, version, authorizer: context.authorizer, params, namespaceObject }
    const conditions = await evaluatePolicyConditions(policy, input, context)
    if (conditions.type === 'excluded') continue
    if (conditions.type === 'failed') {
      faults.push({ ...invocation, message: conditions.message, reason: 'Invalid' })
      continue
    }
    const key = keyOf(invocation)
    if (!reinvocation.includes(key)) continue
    const result = await applyMutations(policy, input, context.clock)
    for (const { fault, seconds } of result.mutations) {
      if (fault !== undefined) faults.push({ ...invocation, message: fault, reason: 'Invalid' })
      const errorType = fault === undefined ? 'no_error' : errorTypeOf(fault)
      observeCheck(context.metrics, 'mutating', { ...invocation, errorType }, seconds)
    }
    if (result.isChanged) reinvocation.changed()
    isWritten ||= result.mutations.some(({ fault }) => fault === undefined)
    reinvocation.invoked(key, policy.spec?.reinvocationPolicy)
  }
  // Upstream asks for a second round, and all that want it again, when a policy has written, changed or not.
  if (isWritten) reinvocation.changed()
  reinvocation.end(request)
}

function keyOf({ policy, binding, params }: Invocation): string {
  const { namespace = '', name = '' } = params?.metadata ?? {}
  return `${policy.metadata?.name} ${binding.metadata?.name} ${namespace}/${name}`
}

function faultError(faults: readonly Fault[], request: AdmissionRequest): StatusError {
  const messages = faults.map(({ policy, binding, message }) => {
    const name = policy.metadata?.name ?? ''
    return binding
      ? `policy '${name}' with binding '${binding.metadata?.name}' denied request: ${message}`
      : `policy ${goQuote(name)} denied request: ${message}`
  })
  const { status } = refused(request, 'admission request denied by policy')
  return new StatusError(status.code, faults[0]?.reason ?? status.reason, messages[0]!, {
    ...status.details,
    causes: messages.map((message) => ({ message })),
  })
}
