import 'reflect-metadata'
import assert from 'node:assert/strict'
import { createPrivateKey, createPublicKey, generateKeyPairSync, X509Certificate } from 'node:crypto'
import { describe, it } from 'node:test'
import * as x509 from '@peculiar/x509'
import {
  createCertificateAuthority,
  issueCertificate,
  loadCertificateAuthority,
  signPublicKey,
} from './certificate.ts'
import { createCertificateRequest, parseCertificateRequest } from './certificate-request.ts'
import { encodePrivateKey, generateKeyPair, keyPairOf } from './key-pair.ts'
import { decodePem, encodePem } from './pem.ts'

const now = Date.UTC(2026, 0, 1)
const day = 86_400_000

describe('certificates', () => {
  it('createCertificateAuthority makes a self-signed authority for ten years', () => {
    const { certificate, privateKey } = createCertificateAuthority({ commonName: 'kubernetes', now })
    assert.equal(certificate.ca, true)
    assert.equal(certificate.subject, 'CN=kubernetes')
    assert.equal(certificate.issuer, 'CN=kubernetes')
    assert.ok(certificate.verify(certificate.publicKey))
    assert.ok(certificate.checkPrivateKey(privateKey))
    assert.equal(certificate.validToDate.getTime(), now + 3650 * day)
    assert.equal(certificate.validFromDate.getTime(), now - 300_000)
  })

  it('issueCertificate repeats what was asked for', () => {
    const authority = createCertificateAuthority({ commonName: 'kubernetes', now })
    const { certificatePem, privateKeyPem } = issueCertificate(authority, {
      commonName: 'system:node:a',
      organizations: ['system:nodes', 'a+b, "c"'],
      uid: 'u-1',
      names: {
        dnsNames: ['localhost', 'kubernetes.default.svc'],
        ipAddresses: ['10.96.0.1', 'fd00::1', '::'],
      },
      usages: ['server auth', 'client auth'],
      now,
    })
    const certificate = new X509Certificate(certificatePem)
    assert.ok(certificate.checkIssued(authority.certificate))
    assert.ok(certificate.verify(authority.certificate.publicKey))
    assert.ok(certificate.checkPrivateKey(createPrivateKey(privateKeyPem)))
    assert.equal(certificate.ca, false)
    assert.deepEqual(certificate.keyUsage, ['1.3.6.1.5.5.7.3.1', '1.3.6.1.5.5.7.3.2'])
    assert.equal(
      certificate.subjectAltName,
      'DNS:localhost, DNS:kubernetes.default.svc, IP Address:10.96.0.1, IP Address:FD00:0:0:0:0:0:0:1, IP Address:0:0:0:0:0:0:0:0',
    )
    assert.deepEqual(
      { ...(certificate.toLegacyObject().subject as object) },
      { CN: 'system:node:a', O: ['system:nodes', 'a+b, "c"'], '1.3.6.1.4.1.57683.2': 'u-1' },
    )
    assert.equal(certificate.validToDate.getTime(), now + 365 * day)
  })

  it('issueCertificate is read by another implementation', () => {
    const authority = createCertificateAuthority({ commonName: 'kubernetes', now })
    const issued = issueCertificate(authority, { commonName: 'admin', usages: ['client auth'], now })
    const certificate = new x509.X509Certificate(issued.certificatePem)
    const usages = certificate.getExtension(x509.KeyUsagesExtension)
    assert.equal(usages?.usages, x509.KeyUsageFlags.digitalSignature | x509.KeyUsageFlags.keyEncipherment)
    assert.equal(certificate.getExtension(x509.BasicConstraintsExtension)?.ca, false)
    const authorityKey = certificate.getExtension(x509.AuthorityKeyIdentifierExtension)
    const root = new x509.X509Certificate(authority.certificatePem)
    assert.equal(authorityKey?.keyId, root.getExtension(x509.SubjectKeyIdentifierExtension)?.keyId)
  })

  it('signPublicKey keeps to the name and key identifier of an authority made elsewhere', async () => {
    const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' }
    const keys = await crypto.subtle.generateKey(algorithm, true, ['sign', 'verify'])
    const root = await x509.X509CertificateGenerator.createSelfSigned({
      name: 'C=DE, O=Company, CN=Root',
      notBefore: new Date(now - day),
      notAfter: new Date(now + 10 * day),
      signingAlgorithm: algorithm,
      keys,
      extensions: [
        new x509.BasicConstraintsExtension(true, undefined, true),
        new x509.SubjectKeyIdentifierExtension('0102030405', false),
      ],
    })
    const key = await crypto.subtle.exportKey('pkcs8', keys.privateKey)
    const authority = loadCertificateAuthority(
      root.toString('pem'),
      encodePem('PRIVATE KEY', new Uint8Array(key)),
    )
    const pem = signPublicKey(authority, generateKeyPair().publicKey, {
      subject: { commonName: 'x', organizations: [] },
      usages: ['client auth'],
      notBefore: now,
      notAfter: now + day,
    })
    const certificate = new X509Certificate(pem)
    assert.ok(certificate.checkIssued(authority.certificate))
    assert.equal(
      new x509.X509Certificate(pem).getExtension(x509.AuthorityKeyIdentifierExtension)?.keyId,
      '0102030405',
    )
  })

  it('loadCertificateAuthority refuses a key that is not its own', () => {
    const { certificatePem } = createCertificateAuthority({ commonName: 'a', now })
    assert.throws(
      () => loadCertificateAuthority(certificatePem, encodePrivateKey(generateKeyPair().privateKey)),
      /not that of the certificate/,
    )
  })

  for (const [type, keyPair] of [
    ['P-256', generateKeyPair()],
    ['P-384', generateKeyPairSync('ec', { namedCurve: 'P-384' })],
    ['RSA', generateKeyPairSync('rsa', { modulusLength: 2048 })],
    ['Ed25519', generateKeyPairSync('ed25519')],
  ] as const) {
    it(`certificates and requests work with ${type} keys`, () => {
      const authority = createCertificateAuthority({ commonName: 'ca', now, keyPair })
      assert.ok(authority.certificate.verify(keyPair.publicKey))
      const pem = createCertificateRequest(
        keyPair,
        { commonName: 'jane', organizations: ['dev', 'ops'] },
        {
          dnsNames: ['a.example'],
          ipAddresses: ['10.0.0.1'],
          uris: ['spiffe://x'],
          emailAddresses: ['a@b.c'],
        },
      )
      const request = parseCertificateRequest(pem)
      assert.deepEqual(request.subject, { commonName: 'jane', organizations: ['dev', 'ops'] })
      assert.deepEqual(request.names, {
        dnsNames: ['a.example'],
        ipAddresses: ['10.0.0.1'],
        uris: ['spiffe://x'],
        emailAddresses: ['a@b.c'],
      })
      assert.ok(request.publicKey.equals(createPublicKey(keyPair.privateKey)))
    })
  }

  it('parseCertificateRequest reads requests of another implementation', async () => {
    const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' }
    const keys = await crypto.subtle.generateKey(algorithm, true, ['sign', 'verify'])
    const made = await x509.Pkcs10CertificateRequestGenerator.create({
      name: [{ O: ['system:nodes'] }, { CN: ['system:node:é'] }],
      keys,
      signingAlgorithm: algorithm,
      extensions: [
        new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature),
        new x509.SubjectAlternativeNameExtension([{ type: 'dns', value: 'node-1' }]),
      ],
    })
    const request = parseCertificateRequest(made.toString('pem'))
    assert.deepEqual(request.subject, { commonName: 'system:node:é', organizations: ['system:nodes'] })
    assert.deepEqual(request.names.dnsNames, ['node-1'])
    const ours = createCertificateRequest(generateKeyPair(), { commonName: 'x', organizations: [] })
    assert.equal(await new x509.Pkcs10CertificateRequest(ours).verify(), true)
  })

  it('parseCertificateRequest throws on anything else, and never otherwise', () => {
    const { privateKey } = generateKeyPair()
    const pem = createCertificateRequest(keyPairOf(privateKey), { commonName: 'x', organizations: ['o'] })
    const [{ der } = { der: Buffer.alloc(0) }] = decodePem(pem)
    for (let at = 0; at < der.length; at++) {
      for (const flip of [0x01, 0x80]) {
        const broken = Buffer.from(der)
        broken[at]! ^= flip
        assert.throws(() => parseCertificateRequest(encodePem('CERTIFICATE REQUEST', broken)), `byte ${at}`)
      }
      assert.throws(() => parseCertificateRequest(encodePem('CERTIFICATE REQUEST', der.subarray(0, at))))
    }
    assert.throws(() => parseCertificateRequest('nothing'))
    assert.throws(() => parseCertificateRequest(encodePem('CERTIFICATE', der)))
  })
})
