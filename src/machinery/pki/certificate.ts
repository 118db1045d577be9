import { createPrivateKey, randomBytes, X509Certificate, type KeyObject } from 'node:crypto'
import { extensionValue } from './certificate-extensions.ts'
import {
  boolean,
  expectTag,
  explicit,
  implicit,
  namedBits,
  objectIdentifier,
  octetString,
  readAll,
  readOne,
  sequence,
  tags,
  time,
  unsignedInteger,
} from './der.ts'
import { encodeName, type Subject } from './distinguished-name.ts'
import {
  encodePrivateKey,
  generateKeyPair,
  keyIdentifier,
  signatureAlgorithmOf,
  signed,
  type KeyPair,
} from './key-pair.ts'
import { splitUsages, type KeyUsage } from './key-usage.ts'
import { encodePem } from './pem.ts'
import { encodeGeneralNames, type SubjectAlternativeNames } from './subject-alternative-names.ts'

/** What signs certificates. */
export interface CertificateAuthority {
  readonly certificate: X509Certificate
  readonly certificatePem: string
  readonly privateKey: KeyObject
}

/** A certificate with its key, as files and kubeconfigs hold them. */
export interface IssuedCertificate {
  readonly certificatePem: string
  /** PKCS #8. */
  readonly privateKeyPem: string
}

const dayMs = 86_400_000
/** Certificates begin a little in the past, for machines whose clocks are behind. */
const backdateMs = 5 * 60_000
const certificateAuthorityDays = 3650
const certificateDays = 365
const version3 = explicit(0, unsignedInteger(Uint8Array.of(2)))
const keyIdentifierId = '2.5.29.14'

/** A self-signed authority that is good for ten years unless told otherwise. `now` in milliseconds since the epoch. */
export function createCertificateAuthority(options: {
  readonly commonName: string
  readonly now: number
  readonly days?: number
  readonly keyPair?: KeyPair
}): CertificateAuthority {
  const { privateKey, publicKey } = options.keyPair ?? generateKeyPair()
  const name = encodeName({ commonName: options.commonName, organizations: [] })
  const der = signCertificate({
    issuer: name,
    issuerKey: privateKey,
    issuerKeyIdentifier: keyIdentifier(publicKey),
    subject: name,
    publicKey,
    notBefore: options.now - backdateMs,
    notAfter: options.now + (options.days ?? certificateAuthorityDays) * dayMs,
    extensions: [
      keyUsageExtension(['digital signature', 'key encipherment', 'cert sign']),
      extension('2.5.29.19', sequence(boolean(true)), true),
      extension(keyIdentifierId, octetString(keyIdentifier(publicKey))),
      alternativeNamesExtension({ dnsNames: [options.commonName] }),
    ].filter((value) => value !== undefined),
  })
  return { certificate: new X509Certificate(der), certificatePem: encodePem('CERTIFICATE', der), privateKey }
}

/** An authority from its files. Throws when the key is not the certificate's. */
export function loadCertificateAuthority(
  certificatePem: string,
  privateKeyPem: string,
): CertificateAuthority {
  const certificate = new X509Certificate(certificatePem)
  const privateKey = createPrivateKey(privateKeyPem)
  if (!certificate.checkPrivateKey(privateKey))
    throw new Error('the private key is not that of the certificate')
  return { certificate, certificatePem, privateKey }
}

/** What `signPublicKey` puts into a certificate for somebody else's key. */
export interface CertificateContent {
  /** An encoded name, or what to make one of. */
  readonly subject: Subject | Uint8Array
  readonly names?: SubjectAlternativeNames
  /** In the words of certificates.k8s.io: `client auth`, `digital signature`, ... */
  readonly usages: readonly KeyUsage[]
  /** Milliseconds since the epoch. */
  readonly notBefore: number
  readonly notAfter: number
}

/** A certificate, PEM, for a key whose owner proved that it is his (see certificate-request.ts). */
export function signPublicKey(
  authority: CertificateAuthority,
  publicKey: KeyObject,
  content: CertificateContent,
): string {
  const issuer = readIssuer(authority.certificate)
  const der = signCertificate({
    issuer: issuer.name,
    issuerKey: authority.privateKey,
    issuerKeyIdentifier: issuer.keyIdentifier,
    subject: content.subject instanceof Uint8Array ? content.subject : encodeName(content.subject),
    publicKey,
    notBefore: content.notBefore,
    notAfter: content.notAfter,
    extensions: [
      keyUsageExtension(content.usages),
      extendedKeyUsageExtension(content.usages),
      extension('2.5.29.19', sequence(), true),
      issuer.keyIdentifier && extension('2.5.29.35', sequence(implicit(0, issuer.keyIdentifier))),
      alternativeNamesExtension(content.names ?? {}),
    ].filter((value) => value !== undefined),
  })
  return encodePem('CERTIFICATE', der)
}

/** A new key and a certificate for it, good for one year unless told otherwise. */
export function issueCertificate(
  authority: CertificateAuthority,
  options: {
    readonly commonName: string
    readonly organizations?: readonly string[]
    readonly uid?: string
    readonly names?: SubjectAlternativeNames
    readonly usages: readonly KeyUsage[]
    /** Milliseconds since the epoch. */
    readonly now: number
    readonly days?: number
    readonly keyPair?: KeyPair
  },
): IssuedCertificate {
  const keyPair = options.keyPair ?? generateKeyPair()
  const certificatePem = signPublicKey(authority, keyPair.publicKey, {
    subject: {
      commonName: options.commonName,
      organizations: options.organizations ?? [],
      ...(options.uid && { uid: options.uid }),
    },
    ...(options.names && { names: options.names }),
    usages: ['digital signature', 'key encipherment', ...options.usages],
    notBefore: options.now - backdateMs,
    notAfter: options.now + (options.days ?? certificateDays) * dayMs,
  })
  return { certificatePem, privateKeyPem: encodePrivateKey(keyPair.privateKey) }
}

interface ToBeSigned {
  readonly issuer: Uint8Array
  readonly issuerKey: KeyObject
  readonly issuerKeyIdentifier: Uint8Array | undefined
  readonly subject: Uint8Array
  readonly publicKey: KeyObject
  readonly notBefore: number
  readonly notAfter: number
  readonly extensions: readonly Buffer[]
}

function signCertificate(content: ToBeSigned): Buffer {
  const serial = randomBytes(16)
  serial[0]! &= 0x7f
  serial[0]! |= 0x01
  const body = sequence(
    version3,
    unsignedInteger(serial),
    signatureAlgorithmOf(content.issuerKey),
    content.issuer,
    sequence(time(content.notBefore), time(content.notAfter)),
    content.subject,
    content.publicKey.export({ type: 'spki', format: 'der' }),
    explicit(3, sequence(...content.extensions)),
  )
  return signed(body, content.issuerKey)
}

/** The issuer's name byte by byte, and its key identifier, which what it signs must repeat. */
function readIssuer(certificate: X509Certificate): {
  readonly name: Uint8Array
  readonly keyIdentifier: Uint8Array | undefined
} {
  const [body] = readAll(readOne(certificate.raw, tags.sequence).content)
  const fields = readAll(expectTag(body, tags.sequence).content)
  // version, serialNumber, signature, issuer, validity, subject, subjectPublicKeyInfo, ..., extensions
  const name = expectTag(fields[5], tags.sequence).encoded
  const value = extensionValue(certificate, keyIdentifierId)
  return { name, keyIdentifier: value && readOne(value, tags.octetString).content }
}

function extension(id: string, value: Uint8Array, critical = false): Buffer {
  return sequence(objectIdentifier(id), ...(critical ? [boolean(true)] : []), octetString(value))
}

function keyUsageExtension(usages: readonly KeyUsage[]): Buffer | undefined {
  const { bits } = splitUsages(usages)
  return bits.length === 0 ? undefined : extension('2.5.29.15', namedBits(bits), true)
}

function extendedKeyUsageExtension(usages: readonly KeyUsage[]): Buffer | undefined {
  const { extendedIds } = splitUsages(usages)
  return extendedIds.length === 0
    ? undefined
    : extension('2.5.29.37', sequence(...extendedIds.map(objectIdentifier)))
}

function alternativeNamesExtension(names: SubjectAlternativeNames): Buffer | undefined {
  const general = encodeGeneralNames(names)
  return general.length === 0 ? undefined : extension('2.5.29.17', sequence(...general))
}
