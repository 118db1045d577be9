import type { KeyObject, X509Certificate } from 'node:crypto'
import type { Clock } from '../../machinery/clock.ts'
import type { Metrics } from '../../machinery/metrics.ts'
import { keyIdentifiers } from '../../machinery/pki/certificate-extensions.ts'
import { uidId } from '../../machinery/pki/distinguished-name.ts'
import { anyUsageId, clientAuthenticationId } from '../../machinery/pki/key-usage.ts'
import { unauthorized } from '../../machinery/status-errors.ts'
import { formatTime } from '../../machinery/time.ts'
import type { Authenticator, User } from './authenticator.ts'
import { credentialIdKey } from './known-users.ts'

/** Chains longer than this are refused. */
const maxChainLength = 8
/** Seconds: from half an hour to a year. */
const remainingBuckets = [
  0, 1800, 3600, 7200, 21_600, 43_200, 86_400, 172_800, 345_600, 604_800, 2_592_000, 7_776_000, 15_552_000,
  31_104_000,
]
/** Certificates remembered; beyond it the oldest is forgotten. */
const cacheSize = 4096

/** `notAfter` is the certificate's own end, `chainNotAfter` the first in its chain. Milliseconds since the epoch. */
type Verdict = { readonly notAfter: number } & (
  | {
      readonly type: 'known'
      readonly user: User | undefined
      readonly notBefore: number
      readonly chainNotAfter: number
    }
  | { readonly type: 'refused'; readonly reason: string }
  | { readonly type: 'nobody'; readonly reason: string }
)

interface TrustedAuthority {
  readonly certificate: X509Certificate
  readonly publicKey: KeyObject
}

/**
 * Knows users by client certificates: the common name is the user, the organisations are its groups. The certificate
 * must lead to one of `authorities` (the list may be replaced by another at any time) and be meant for clients.
 * What was found is remembered by fingerprint, since checking a signature takes 60 µs.
 * Source: k8s.io/apiserver/pkg/authentication/request/x509.
 */
export function createClientCertificateAuthenticator(options: {
  readonly authorities: () => readonly X509Certificate[]
  readonly clock: Clock
  /** Where it is told how long the certificates of requests last. */
  readonly metrics?: Metrics
}): Authenticator {
  const remaining = options.metrics?.histogram({
    name: 'apiserver_client_certificate_expiration_seconds',
    help: 'How long the certificates that requests came with still last.',
    buckets: remainingBuckets,
  })
  const remainingSeconds = remaining?.with({})
  const verdicts = new Map<string, Verdict>()
  let trustedCertificates: readonly X509Certificate[] = []
  let trusted: readonly TrustedAuthority[] = []

  function verdictOn(certificate: X509Certificate): Verdict {
    const authorities = options.authorities()
    if (authorities !== trustedCertificates) {
      trustedCertificates = authorities
      trusted = authorities.map((one) => ({ certificate: one, publicKey: one.publicKey }))
      verdicts.clear()
    }
    const fingerprint = certificate.fingerprint256
    let verdict = verdicts.get(fingerprint)
    if (!verdict) {
      verdict = judge(certificate, trusted)
      if (verdicts.size >= cacheSize) verdicts.delete(verdicts.keys().next().value!)
      verdicts.set(fingerprint, verdict)
    }
    return verdict
  }

  return {
    name: 'client-certificate',
    async authenticate({ certificate }) {
      if (!certificate) return undefined
      const verdict = verdictOn(certificate)
      const now = options.clock.now()
      remainingSeconds?.observe((verdict.notAfter - now) / 1000)
      if (verdict.type === 'nobody') throw unauthorized(verdict.reason)
      const reason =
        verdict.type === 'refused'
          ? verdict.reason
          : periodFault(verdict.notBefore, verdict.chainNotAfter, now)
      if (reason === undefined) return verdict.type === 'known' ? verdict.user : undefined
      throw unauthorized(`verifying certificate ${identifierOf(certificate)} failed: x509: ${reason}`)
    },
  }
}

function periodFault(notBefore: number, notAfter: number, now: number): string | undefined {
  const [relation, limit] = now < notBefore ? ['before', notBefore] : ['after', notAfter]
  if (relation === 'after' && now <= limit) return undefined
  const times = `current time ${formatTime(now)} is ${relation} ${formatTime(limit)}`
  return `certificate has expired or is not yet valid: ${times}`
}

function judge(certificate: X509Certificate, trusted: readonly TrustedAuthority[]): Verdict {
  const notAfter = certificate.validToDate.getTime()
  const chain = chainOf(certificate, trusted)
  if (!chain) return { type: 'refused', notAfter, reason: 'certificate signed by unknown authority' }
  const usages = certificate.keyUsage as readonly string[] | undefined
  if (usages && !usages.includes(clientAuthenticationId) && !usages.includes(anyUsageId)) {
    return { type: 'refused', notAfter, reason: 'certificate specifies an incompatible key usage' }
  }
  try {
    return {
      type: 'known',
      user: userOf(certificate),
      notBefore: Math.max(...chain.map((one) => one.validFromDate.getTime())),
      notAfter,
      chainNotAfter: Math.min(...chain.map((one) => one.validToDate.getTime())),
    }
  } catch (error) {
    return { type: 'nobody', notAfter, reason: error instanceof Error ? error.message : String(error) }
  }
}

/** How upstream's messages name a certificate: `SN=7, SKID=01:AB, AKID=02:CD`. */
function identifierOf(certificate: X509Certificate): string {
  const { subject, authority } = keyIdentifiers(certificate)
  const shown = (id: Uint8Array) =>
    Buffer.from(id)
      .toString('hex')
      .toUpperCase()
      .replaceAll(/..(?=.)/g, '$&:')
  return `SN=${BigInt(`0x${certificate.serialNumber}`)}, SKID=${shown(subject)}, AKID=${shown(authority)}`
}

/** From the certificate to a trusted authority, by way of the intermediates that the client sent. */
function chainOf(
  leaf: X509Certificate,
  trusted: readonly TrustedAuthority[],
): readonly X509Certificate[] | undefined {
  const chain = [leaf]
  for (let current = leaf; chain.length <= maxChainLength;) {
    const issuer = trusted.find(
      ({ certificate, publicKey }) => current.checkIssued(certificate) && current.verify(publicKey),
    )
    if (issuer) return [...chain, issuer.certificate]
    const next = current.issuerCertificate
    if (!next?.ca || next === current || !current.checkIssued(next) || !current.verify(next.publicKey)) {
      return undefined
    }
    chain.push(next)
    current = next
  }
  return undefined
}

/** Undefined for a certificate without a common name. Throws when it has more than one uid. */
function userOf(certificate: X509Certificate): User | undefined {
  const subject = certificate.toLegacyObject().subject as unknown as Readonly<
    Record<string, string | readonly string[] | undefined>
  >
  const valuesOf = (key: string) => [subject[key] ?? []].flat()
  const name = valuesOf('CN').at(-1)
  if (!name) return undefined
  const uids = valuesOf(uidId)
  if (uids.length > 1) throw new Error(`expected 1 UID, but found multiple: [${uids.join(' ')}]`)
  if (uids[0] === '') throw new Error('UID cannot be an empty string')
  const fingerprint = certificate.fingerprint256.replaceAll(':', '').toLowerCase()
  return {
    name,
    ...(uids[0] && { uid: uids[0] }),
    groups: valuesOf('O'),
    extra: { [credentialIdKey]: [`X509SHA256=${fingerprint}`] },
  }
}
