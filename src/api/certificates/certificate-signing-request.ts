import { humanDuration } from '../../machinery/duration.ts'
import type { Writable } from '../../machinery/meta.ts'
import { ageColumn, column, nameColumn } from '../columns.ts'
import type { ResourceDefinition } from '../definition.ts'
import type { CertificateSigningRequest } from '../generated/certificates.v1.ts'
import { certificateSigningRequests } from '../generated/resources.ts'
import {
  validateCertificateSigningRequest,
  validateCertificateSigningRequestStatus,
  validateCertificateSigningRequestUpdate,
} from './validation.ts'

export const certificateSigningRequestDefinition: ResourceDefinition<CertificateSigningRequest> = {
  resource: certificateSigningRequests,
  singular: 'certificatesigningrequest',
  shortNames: ['csr'],
  strategy: {
    tracksGeneration: false,
    nameRule: 'any',
    prepareForCreate({ spec }, { user }) {
      if (!spec) return
      // Who asks is who sent the request, whatever it says.
      spec.username = user.name
      setOrDelete(spec, 'uid', user.uid || undefined)
      setOrDelete(spec, 'groups', user.groups.length > 0 ? [...user.groups] : undefined)
      const extra = Object.entries(user.extra ?? {})
      setOrDelete(spec, 'extra', extra.length > 0 ? copied(extra) : undefined)
    },
    prepareForUpdate(request, previous) {
      request.spec = previous.spec as Writable<CertificateSigningRequest>['spec']
    },
    validate: validateCertificateSigningRequest,
    validatesUpdateAlone: true,
    validateUpdate: validateCertificateSigningRequestUpdate,
    status: {
      prepareForUpdate: keepDecisions,
      validateUpdate: validateCertificateSigningRequestStatus,
    },
  },
  columns: [
    nameColumn,
    ageColumn,
    column('SignerName', 'Who is asked to sign.', ({ spec }) => spec.signerName || '<none>'),
    column('Requestor', 'Who asks.', ({ spec }) => spec.username ?? ''),
    column('RequestedDuration', 'How long the certificate shall be valid.', ({ spec }) => {
      const seconds = spec.expirationSeconds
      return seconds === undefined ? '<none>' : humanDuration(seconds * 1000)
    }),
    column('Condition', 'What was decided, and done.', conditionText),
  ],
  selectableFields: ({ spec }) => ({ 'spec.signerName': spec?.signerName ?? '' }),
}

type Spec = Writable<CertificateSigningRequest>['spec']

function setOrDelete<K extends 'uid' | 'groups' | 'extra'>(spec: Spec, key: K, value: Spec[K]): void {
  if (value === undefined) delete spec[key]
  else spec[key] = value
}

function copied(extra: readonly (readonly [string, readonly string[]])[]): Record<string, string[]> {
  return Object.fromEntries(extra.map(([key, values]) => [key, [...values]]))
}

/** Status writes neither approve nor deny: that is what the subresource approval is for. */
function keepDecisions(
  { status }: Writable<CertificateSigningRequest>,
  previous: CertificateSigningRequest,
): void {
  if (!status) return
  const isDecision = ({ type }: { readonly type: string }) => type === 'Approved' || type === 'Denied'
  const decisions = (previous.status?.conditions ?? []).filter(isDecision)
  const left = [...decisions]
  const kept = (status.conditions ?? []).flatMap((condition) => {
    if (!isDecision(condition)) return [condition]
    const index = left.findIndex(({ type }) => type === condition.type)
    return index < 0 ? [] : left.splice(index, 1)
  })
  const conditions = [...kept, ...left]
  if (conditions.length > 0) status.conditions = conditions
  else delete status.conditions
}

function conditionText({ status }: CertificateSigningRequest): string {
  const types = new Set((status?.conditions ?? []).map(({ type }) => type))
  const words = ['Approved', 'Denied', 'Failed'].filter((type) => types.has(type))
  const decided = types.has('Denied')
    ? ['Denied', ...words.filter((type) => type === 'Failed')]
    : words.length > 0
      ? words
      : ['Pending']
  return [...decided, ...(status?.certificate ? ['Issued'] : [])].join(',')
}
