import { X509Certificate } from 'node:crypto'
import {
  createCertificateAuthority,
  issueCertificate,
  loadCertificateAuthority,
  type CertificateAuthority,
  type IssuedCertificate,
} from '../../machinery/pki/certificate.ts'
import { encodePrivateKey, encodePublicKey, generateKeyPair } from '../../machinery/pki/key-pair.ts'
import type { KeyUsage } from '../../machinery/pki/key-usage.ts'
import type { PemStore } from './pem-store.ts'

/** A certificate that the cluster should have. */
export interface WantedCertificate {
  readonly commonName: string
  readonly organizations?: readonly string[]
  readonly dnsNames?: readonly string[]
  readonly ipAddresses?: readonly string[]
  readonly usage: 'client' | 'server' | 'both'
}

/** A certificate with less time left is made anew. */
const renewBeforeMs = 90 * 86_400_000

/** The authority that the store has under `name`; made where there is none. */
export function ensureAuthority(
  store: PemStore,
  name: string,
  commonName: string,
  now: number,
): CertificateAuthority {
  const [certificatePem, keyPem] = [store.read(`${name}.crt`), store.read(`${name}.key`)]
  if (certificatePem !== undefined && keyPem !== undefined) {
    return loadCertificateAuthority(certificatePem, keyPem)
  }
  const authority = createCertificateAuthority({ commonName, now })
  store.write(`${name}.key`, encodePrivateKey(authority.privateKey))
  store.write(`${name}.crt`, authority.certificatePem)
  return authority
}

/** The certificate that the store has under `name`; made anew where it is missing, not as wanted, or about to expire. */
export function ensureCertificate(
  store: PemStore,
  name: string,
  authority: CertificateAuthority,
  wanted: WantedCertificate,
  now: number,
): IssuedCertificate {
  const [certificatePem, privateKeyPem] = [store.read(`${name}.crt`), store.read(`${name}.key`)]
  if (certificatePem !== undefined && privateKeyPem !== undefined) {
    const serves = isAsWanted(new X509Certificate(certificatePem), authority, wanted, now)
    if (serves) return { certificatePem, privateKeyPem }
  }
  const issued = issueCertificate(authority, {
    commonName: wanted.commonName,
    organizations: wanted.organizations ?? [],
    names: { dnsNames: wanted.dnsNames ?? [], ipAddresses: wanted.ipAddresses ?? [] },
    usages: ['digital signature', 'key encipherment', ...extendedUsages[wanted.usage]],
    now,
  })
  store.write(`${name}.key`, issued.privateKeyPem)
  store.write(`${name}.crt`, issued.certificatePem)
  return issued
}

/** The key pair that service-account tokens are signed with. */
export function ensureKeyPair(
  store: PemStore,
  name: string,
): { privateKeyPem: string; publicKeyPem: string } {
  const [privateKeyPem, publicKeyPem] = [store.read(`${name}.key`), store.read(`${name}.pub`)]
  if (privateKeyPem !== undefined && publicKeyPem !== undefined) return { privateKeyPem, publicKeyPem }
  const pair = generateKeyPair()
  const made = {
    privateKeyPem: encodePrivateKey(pair.privateKey),
    publicKeyPem: encodePublicKey(pair.publicKey),
  }
  store.write(`${name}.key`, made.privateKeyPem)
  store.write(`${name}.pub`, made.publicKeyPem)
  return made
}

const extendedUsages: Readonly<Record<WantedCertificate['usage'], readonly KeyUsage[]>> = {
  client: ['client auth'],
  server: ['server auth'],
  both: ['server auth', 'client auth'],
}

function isAsWanted(
  certificate: X509Certificate,
  authority: CertificateAuthority,
  wanted: WantedCertificate,
  now: number,
): boolean {
  return (
    certificate.verify(authority.certificate.publicKey) &&
    Date.parse(certificate.validTo) - now > renewBeforeMs &&
    (wanted.dnsNames ?? []).every((name) => certificate.checkHost(name) !== undefined) &&
    (wanted.ipAddresses ?? []).every((address) => certificate.checkIP(address) !== undefined)
  )
}
