import type { CertificateSigningRequest } from '../../api/generated/certificates.v1.ts'

export const signers = {
  apiServerClient: 'kubernetes.io/kube-apiserver-client',
  kubeletClient: 'kubernetes.io/kube-apiserver-client-kubelet',
  kubeletServing: 'kubernetes.io/kubelet-serving',
  legacyUnknown: 'kubernetes.io/legacy-unknown',
} as const

/** Whether a condition of this type stands, whatever its status: a decision is one by being there. */
export function hasCondition({ status }: CertificateSigningRequest, wanted: string): boolean {
  return (status?.conditions ?? []).some(({ type }) => type === wanted)
}

export function isApproved(request: CertificateSigningRequest): boolean {
  return hasCondition(request, 'Approved') && !hasCondition(request, 'Denied')
}

export function isDecided(request: CertificateSigningRequest): boolean {
  return hasCondition(request, 'Approved') || hasCondition(request, 'Denied')
}

export function isIssued({ status }: CertificateSigningRequest): boolean {
  return Boolean(status?.certificate)
}

/** The PEM text that the request holds. */
export function requestPem({ spec }: CertificateSigningRequest): string {
  return Buffer.from(spec.request, 'base64').toString()
}
