import { validateApproval } from '../../../api/certificates/validation.ts'
import type { CertificateSigningRequest } from '../../../api/generated/certificates.v1.ts'
import type { Writable } from '../../../machinery/meta.ts'
import { formatTime } from '../../../machinery/time.ts'
import type { Registry } from '../registry.ts'
import type { Subresource } from '../subresource.ts'
import { keepField, type UpdateRules } from '../update-rules.ts'
import { partOf } from './part-of.ts'

/** Where a certificate signing request is approved or denied. */
export const approvalSubresource: Subresource = partOf(
  'certificates.k8s.io',
  'certificatesigningrequests',
  'approval',
  ['get', 'patch', 'update'],
  rulesOf,
)

/** Source: kubernetes/pkg/registry/certificates/certificates/strategy.go. */
function rulesOf(requests: Registry): UpdateRules {
  return {
    prepare(object, previous) {
      keepField(object, previous, 'spec')
      const request = object as Writable<CertificateSigningRequest>
      const before = previous as CertificateSigningRequest
      request.status ??= {}
      keepField(request.status, before.status ?? {}, 'certificate')
      setTimes(request, before, formatTime(requests.context.clock.now()))
    },
    validate: (object, previous) =>
      validateApproval(object as CertificateSigningRequest, previous as CertificateSigningRequest),
  }
}

function setTimes(
  request: Writable<CertificateSigningRequest>,
  previous: CertificateSigningRequest,
  now: string,
): void {
  for (const condition of request.status?.conditions ?? []) {
    condition.lastUpdateTime ??= now
    const before = previous.status?.conditions?.find(({ type }) => type === condition.type)
    const unchanged = before?.status === condition.status ? before.lastTransitionTime : undefined
    condition.lastTransitionTime ??= unchanged ?? now
  }
}
