import type { AdmissionRequest } from '../plugin.ts'

const exemptResources: ReadonlySet<string> = new Set([
  'validatingwebhookconfigurations',
  'mutatingwebhookconfigurations',
  'validatingadmissionpolicies',
  'validatingadmissionpolicybindings',
  'mutatingadmissionpolicies',
  'mutatingadmissionpolicybindings',
])

/**
 * Whether a request is about what decides on requests: no webhook and no policy is asked about those, so that a broken
 * one can always be removed. Source: k8s.io/apiserver/pkg/admission/plugin/webhook/predicates/rules.
 */
export function isExempt({ resource }: Pick<AdmissionRequest, 'resource'>): boolean {
  return resource.group === 'admissionregistration.k8s.io' && exemptResources.has(resource.resource)
}
