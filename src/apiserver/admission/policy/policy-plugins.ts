import {
  mutatingAdmissionPolicies,
  mutatingAdmissionPolicyBindings,
  validatingAdmissionPolicies,
  validatingAdmissionPolicyBindings,
} from '../../../api/generated/resources.ts'
import type { ValidatingAdmissionPolicy } from '../../../api/generated/admissionregistration.v1.ts'
import { isNotFound } from '../../../machinery/status-errors.ts'
import { isExemptFromPolicies } from '../matching/exempt.ts'
import type { AdmissionPlugin } from '../plugin.ts'
import type { PolicyContext } from './policy-context.ts'
import { PolicySource } from './policy-source.ts'

/** Evaluates ValidatingAdmissionPolicies. Nothing is loaded before one is bound. */
export function createValidatingPolicies(context: PolicyContext): AdmissionPlugin {
  const { objects } = context
  const source = new PolicySource(objects, validatingAdmissionPolicies, validatingAdmissionPolicyBindings)
  objects.onChange(validatingAdmissionPolicies, (change) => {
    if (change.type === 'set') tellTypes(change.object, context)
  })
  return {
    name: 'ValidatingAdmissionPolicy',
    handles: (request) => source.bound.length > 0 && !isExemptFromPolicies(request),
    async validate(request) {
      const { validateWithPolicies } = await import('./validate-with-policies.ts')
      await validateWithPolicies(source.bound, request, context)
    },
  }
}

/** Does what MutatingAdmissionPolicies say. */
export function createMutatingPolicies(context: PolicyContext): AdmissionPlugin {
  const { objects } = context
  const source = new PolicySource(objects, mutatingAdmissionPolicies, mutatingAdmissionPolicyBindings)
  return {
    name: 'MutatingAdmissionPolicy',
    handles: (request) => source.bound.length > 0 && !isExemptFromPolicies(request),
    async mutate(request, round) {
      const { mutateWithPolicies } = await import('./mutate-with-policies.ts')
      const only = { isReinvocation: false, memory: new Map<string, unknown>(), reinvoke: () => {} }
      await mutateWithPolicies(source.bound, request, round ?? only, context)
    },
  }
}

/** Says in the status of a policy whether its expressions fit the types that it is about, once per generation. */
function tellTypes(policy: ValidatingAdmissionPolicy, context: PolicyContext): void {
  const { name = '', generation = 0 } = policy.metadata ?? {}
  if (policy.status?.observedGeneration === generation) return
  const tell = async () => {
    const { checkTypes } = await import('./type-checking.ts')
    const expressionWarnings = checkTypes(policy, context)
    await context.objects.change(
      validatingAdmissionPolicies,
      { name },
      (latest) => {
        if (latest.metadata?.generation !== generation) return
        latest.status = {
          ...latest.status,
          observedGeneration: generation,
          typeChecking: expressionWarnings.length > 0 ? { expressionWarnings: [...expressionWarnings] } : {},
        }
      },
      { subresource: 'status' },
    )
  }
  tell().catch((error: unknown) => {
    if (isNotFound(error)) return
    context.log.error('checking the types of a policy failed', { policy: name, error: String(error) })
  })
}
