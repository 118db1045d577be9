import {
  mutatingAdmissionPolicies,
  mutatingAdmissionPolicyBindings,
  validatingAdmissionPolicies,
  validatingAdmissionPolicyBindings,
} from '../../../api/generated/resources.ts'
import { isExempt } from '../matching/exempt.ts'
import type { AdmissionPlugin } from '../plugin.ts'
import type { PolicyContext } from './policy-context.ts'
import { PolicySource } from './policy-source.ts'

/** Evaluates ValidatingAdmissionPolicies. Nothing is loaded before one is bound. */
export function createValidatingPolicies(context: PolicyContext): AdmissionPlugin {
  const { objects } = context
  const source = new PolicySource(objects, validatingAdmissionPolicies, validatingAdmissionPolicyBindings)
  return {
    name: 'ValidatingAdmissionPolicy',
    handles: (request) => source.bound.length > 0 && !isExempt(request),
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
    handles: (request) => source.bound.length > 0 && !isExempt(request),
    async mutate(request, round) {
      const { mutateWithPolicies } = await import('./mutate-with-policies.ts')
      const only = { isReinvocation: false, memory: new Map<string, unknown>(), reinvoke: () => {} }
      await mutateWithPolicies(source.bound, request, round ?? only, context)
    },
  }
}
