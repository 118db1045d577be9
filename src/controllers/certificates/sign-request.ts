import type { CertificateSigningRequest } from '../../api/generated/certificates.v1.ts'
import { signPublicKey, type CertificateAuthority } from '../../machinery/pki/certificate.ts'
import { parseCertificateRequest, type CertificateRequest } from '../../machinery/pki/certificate-request.ts'
import { kubeletClientFault, kubeletServingFault } from './kubelet-requests.ts'
import { requestPem, signers } from './request-state.ts'

/** What became of a request: PEM of the certificate, or why its signer refuses it for good. */
export type Signing =
  | { readonly type: 'signed'; readonly certificatePem: string }
  | { readonly type: 'refused'; readonly message: string }

/** By signer: what is wrong with a request, in upstream's words. */
const faults: Readonly<
  Record<string, (content: CertificateRequest, usages: readonly string[]) => string | undefined>
> = {
  [signers.apiServerClient]: (_content, usages) => clientUsagesFault(usages),
  [signers.kubeletClient]: kubeletClientFault,
  [signers.kubeletServing]: kubeletServingFault,
  [signers.legacyUnknown]: () => undefined,
}

export function isBuiltInSigner(name: string): boolean {
  return Object.hasOwn(faults, name)
}

const yearMs = 365 * 86_400_000
const backdateMs = 5 * 60_000
const shortestMs = 10 * 60_000
/** A certificate that lives shorter ends when it was asked to, although it begins a little in the past. */
const shortLivedMs = 8 * 3_600_000

/**
 * Signs for one of the built-in signers at `now` (milliseconds since the epoch), as long as asked for, but no longer than
 * `longestMs` and than the authority itself. Source: kubernetes/pkg/controller/certificates/signer, .../authority.
 */
export function signRequest(
  request: CertificateSigningRequest,
  authority: CertificateAuthority,
  now: number,
  longestMs = yearMs,
): Signing {
  const { signerName, usages = [], expirationSeconds } = request.spec
  const content = parseCertificateRequest(requestPem(request))
  const fault = faults[signerName]?.(content, usages)
  if (fault !== undefined) return { type: 'refused', message: fault }
  const lifetimeMs = lifetimeOf(expirationSeconds, longestMs)
  const notBefore = now - backdateMs
  const wantedEnd = (lifetimeMs < shortLivedMs ? now : notBefore) + lifetimeMs
  const certificatePem = signPublicKey(authority, content.publicKey, {
    subject: content.encodedSubject,
    names: content.names,
    usages,
    notBefore,
    notAfter: Math.min(wantedEnd, authority.certificate.validToDate.getTime()),
  })
  return { type: 'signed', certificatePem }
}

/** Upstream's signer: who asks for less than ten minutes gets ten, unless nobody gets as much. */
function lifetimeOf(expirationSeconds: number | undefined, longestMs: number): number {
  if (expirationSeconds === undefined) return longestMs
  return Math.min(longestMs, Math.max(shortestMs, expirationSeconds * 1000))
}

const optionalUsages = ['digital signature', 'key encipherment']

function clientUsagesFault(usages: readonly string[]): string | undefined {
  const other = usages.find((usage) => usage !== 'client auth' && !optionalUsages.includes(usage))
  if (other !== undefined) return `invalid usage for client certificate: ${other}`
  return usages.includes('client auth')
    ? undefined
    : 'missing required usage for client certificate: client auth'
}
