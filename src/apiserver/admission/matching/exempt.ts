import type { AdmissionRequest } from '../plugin.ts'

type Subject = Pick<AdmissionRequest, 'resource'>

const policyResources: readonly string[] = [
  'validatingadmissionpolicies',
  'validatingadmissionpolicybindings',
  'mutatingadmissionpolicies',
  'mutatingadmissionpolicybindings',
]
const webhookResources: readonly string[] = [
  'validatingwebhookconfigurations',
  'mutatingwebhookconfigurations',
]

const exemptFromPolicies = groupResources({
  'admissionregistration.k8s.io': policyResources,
  'authentication.k8s.io': ['selfsubjectreviews', 'tokenreviews'],
  'authorization.k8s.io': [
    'localsubjectaccessreviews',
    'selfsubjectaccessreviews',
    'selfsubjectrulesreviews',
    'subjectaccessreviews',
  ],
})
const exemptFromWebhooks = groupResources({
  'admissionregistration.k8s.io': [...policyResources, ...webhookResources],
})

/**
 * Whether a request is about what decides on requests: no webhook is asked about those, so that a broken one can always
 * be removed. Source: k8s.io/apiserver/pkg/admission/plugin/webhook/predicates/rules.
 */
export function isExemptFromWebhooks({ resource }: Subject): boolean {
  return exemptFromWebhooks.has(`${resource.group}/${resource.resource}`)
}

/**
 * Whether no policy is asked: about policies themselves, and about questions whose refusal would break the cluster. What
 * webhooks are configured is theirs to decide. Source: k8s.io/apiserver/pkg/admission/plugin/policy/generic/plugin.go,
 * pkg/kubeapiserver/admission/exclusion.
 */
export function isExemptFromPolicies({ resource }: Subject): boolean {
  return exemptFromPolicies.has(`${resource.group}/${resource.resource}`)
}

function groupResources(byGroup: Readonly<Record<string, readonly string[]>>): ReadonlySet<string> {
  return new Set(
    Object.entries(byGroup).flatMap(([group, resources]) => resources.map((name) => `${group}/${name}`)),
  )
}
