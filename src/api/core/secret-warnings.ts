import { createPrivateKey, X509Certificate } from 'node:crypto'
import { decodePem, encodePem, type PemBlock } from '../../machinery/pki/pem.ts'
import type { Secret } from '../generated/core.v1.ts'

/** Of a TLS secret whose key is not that of its certificate, in the words of Go's tls.X509KeyPair. */
export function secretWarnings({ type, data }: Secret): string[] {
  if (type !== 'kubernetes.io/tls') return []
  const text = (key: string) => Buffer.from(data?.[key] ?? '', 'base64').toString()
  const warning = pairWarning(text('tls.crt'), text('tls.key'))
  return warning === undefined ? [] : [warning]
}

const isCertificate = ({ label }: PemBlock) => label === 'CERTIFICATE'
const isKey = ({ label }: PemBlock) => label === 'PRIVATE KEY' || label.endsWith(' PRIVATE KEY')

function pairWarning(certificatePem: string, keyPem: string): string | undefined {
  const blocks = decodePem(certificatePem)
  const leaf = blocks.find(isCertificate)
  if (!leaf) return missingCertificate(blocks)
  const keyBlocks = decodePem(keyPem)
  const key = keyBlocks.find(isKey)
  if (!key) return missingKey(keyBlocks)
  const certificate = parsed(() => new X509Certificate(leaf.der))
  if (!certificate) return 'x509: malformed certificate'
  const privateKey = parsed(() => createPrivateKey(encodePem(key.label, key.der)))
  if (!privateKey) return 'tls: failed to parse private key'
  if (certificate.publicKey.asymmetricKeyType !== privateKey.asymmetricKeyType)
    return 'tls: private key type does not match public key type'
  return certificate.checkPrivateKey(privateKey) ? undefined : 'tls: private key does not match public key'
}

function missingCertificate(skipped: readonly PemBlock[]): string {
  if (skipped.length === 0) return 'tls: failed to find any PEM data in certificate input'
  if (skipped.length === 1 && isKey(skipped[0]!)) {
    const advice = 'but did find a private key; PEM inputs may have been switched'
    return `tls: failed to find certificate PEM data in certificate input, ${advice}`
  }
  const types = `after skipping PEM blocks of the following types: ${typesOf(skipped)}`
  return `tls: failed to find "CERTIFICATE" PEM block in certificate input ${types}`
}

function missingKey(skipped: readonly PemBlock[]): string {
  if (skipped.length === 0) return 'tls: failed to find any PEM data in key input'
  if (skipped.length === 1 && isCertificate(skipped[0]!))
    return 'tls: found a certificate rather than a key in the PEM for the private key'
  const types = `after skipping PEM blocks of the following types: ${typesOf(skipped)}`
  return `tls: failed to find PEM block with type ending in "PRIVATE KEY" in key input ${types}`
}

function typesOf(blocks: readonly PemBlock[]): string {
  return `[${blocks.map(({ label }) => label).join(' ')}]`
}

/** Nothing where it cannot be parsed: what is wrong with it would be a sentence of another library. */
function parsed<T>(parse: () => T): T | undefined {
  try {
    return parse()
  } catch {
    return undefined
  }
}
