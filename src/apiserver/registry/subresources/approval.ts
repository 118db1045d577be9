import type {
  CertificateSigningRequest,
  CertificateSigningRequestCondition,
} from '../../../api/generated/certificates.v1.ts'
import { semanticEqual } from '../../../machinery/equal.ts'
import { forbidden, path, type FieldError } from '../../../machinery/field-error.ts'
import { goQuote } from '../../../machinery/go-format.ts'
import type { KubernetesObject, Writable } from '../../../machinery/meta.ts'
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
    validate: (object, previous) => [
      ...(requests.definition.strategy.validate?.(object) ?? []),
      ...transitionErrors(conditionsOf(object), conditionsOf(previous)),
    ],
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

type Conditions = readonly CertificateSigningRequestCondition[]

function conditionsOf(request: KubernetesObject): Conditions {
  return (request as CertificateSigningRequest).status?.conditions ?? []
}

/** A decision stands: it is neither taken back nor turned round. */
function transitionErrors(conditions: Conditions, previous: Conditions): FieldError[] {
  const at = path('status', 'conditions')
  const errors: FieldError[] = []
  for (const type of ['Approved', 'Denied', 'Failed']) {
    const before = previous.filter((condition) => condition.type === type)
    const now = conditions.filter((condition) => condition.type === type)
    if (semanticEqual(before, now)) continue
    const what = `condition of type ${goQuote(type)}`
    if (now.length < before.length) errors.push(forbidden(at, `updates may not remove a ${what}`))
    else if (before.length > 0 && !before.every((condition, index) => semanticEqual(condition, now[index]))) {
      errors.push(forbidden(at, `updates may not modify a ${what}`))
    } else if (type === 'Failed') errors.push(forbidden(at, `updates may not add a ${what}`))
  }
  return errors
}
