import assert from 'node:assert/strict'
import { generateKeyPairSync } from 'node:crypto'
import { test } from 'node:test'
import { createCertificateAuthority } from '../../machinery/pki/certificate.ts'
import { encodePrivateKey } from '../../machinery/pki/key-pair.ts'
import { secretWarnings } from './secret-warnings.ts'

const now = Date.UTC(2030, 0, 1)
const [one, other] = [0, 1].map(() => {
  const { certificatePem, privateKey } = createCertificateAuthority({ commonName: 'ca', now })
  return { certificatePem, keyPem: encodePrivateKey(privateKey) }
})
const rsaKey = generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey
const rsaPem = rsaKey.export({ type: 'pkcs1', format: 'pem' })
const block = (type: string, text: string) => `-----BEGIN ${type}-----\n${text}\n-----END ${type}-----\n`

const rows: readonly (readonly [name: string, certificate: string, key: string, warning?: string])[] = [
  ['a pair', one!.certificatePem, one!.keyPem],
  [
    'a chain behind other blocks',
    block('X509 CRL', 'AAAA') + one!.certificatePem + other!.certificatePem,
    one!.keyPem,
  ],
  ['the key of another', one!.certificatePem, other!.keyPem, 'tls: private key does not match public key'],
  [
    'a key of another kind',
    one!.certificatePem,
    rsaPem,
    'tls: private key type does not match public key type',
  ],
  ['no certificate', 'x', one!.keyPem, 'tls: failed to find any PEM data in certificate input'],
  [
    'a key for a certificate',
    one!.keyPem,
    one!.keyPem,
    'tls: failed to find certificate PEM data in certificate input, but did find a private key; PEM inputs may have ' +
      'been switched',
  ],
  ['no key', one!.certificatePem, '', 'tls: failed to find any PEM data in key input'],
  [
    'a certificate for a key',
    one!.certificatePem,
    one!.certificatePem,
    'tls: found a certificate rather than a key in the PEM for the private key',
  ],
  ['nonsense for a certificate', block('CERTIFICATE', 'AAAA'), one!.keyPem, 'x509: malformed certificate'],
  [
    'nonsense for a key',
    one!.certificatePem,
    block('PRIVATE KEY', 'AAAA'),
    'tls: failed to parse private key',
  ],
]

for (const [name, certificate, key, warning] of rows) {
  test(`secretWarnings of ${name}`, () => {
    const encode = (text: string) => Buffer.from(text).toString('base64')
    const data = { 'tls.crt': encode(certificate), 'tls.key': encode(key) }
    assert.deepEqual(
      secretWarnings({ type: 'kubernetes.io/tls', data }),
      warning === undefined ? [] : [warning],
    )
    assert.deepEqual(secretWarnings({ type: 'Opaque', data }), [])
  })
}
