import assert from 'node:assert/strict'
import { X509Certificate } from 'node:crypto'
import { describe, it } from 'node:test'
import type { CertificateSigningRequest } from '../../api/generated/certificates.v1.ts'
import { certificateSigningRequests } from '../../api/generated/resources.ts'
import { createCertificateAuthority } from '../../machinery/pki/certificate.ts'
import { createCertificateRequest } from '../../machinery/pki/certificate-request.ts'
import { generateKeyPair } from '../../machinery/pki/key-pair.ts'
import type { SubjectAlternativeNames } from '../../machinery/pki/subject-alternative-names.ts'
import { formatTime } from '../../machinery/time.ts'
import { keys, runReconcilers } from '../testing/run-reconciler.ts'
import { csrApprovingReconciler } from './csr-approving.ts'
import { csrCleanerReconciler } from './csr-cleaner.ts'
import { signRequest } from './sign-request.ts'

const keyPair = generateKeyPair()
const now = Date.UTC(2026, 0, 1)
const authority = createCertificateAuthority({ commonName: 'kubernetes', now, days: 400 })
const hourMs = 3_600_000

interface Wanted {
  readonly signer?: string
  readonly usages?: readonly string[]
  readonly commonName?: string
  readonly organizations?: readonly string[]
  readonly names?: SubjectAlternativeNames
  readonly expirationSeconds?: number
}

function aRequest(wanted: Wanted = {}): CertificateSigningRequest {
  const {
    signer = 'kube-apiserver-client-kubelet',
    usages = ['digital signature', 'client auth'],
    commonName = 'system:node:a',
    organizations = ['system:nodes'],
    names = {},
    expirationSeconds,
  } = wanted
  const pem = createCertificateRequest(keyPair, { commonName, organizations }, names)
  return {
    metadata: { name: 'a' },
    spec: {
      request: Buffer.from(pem).toString('base64'),
      signerName: `kubernetes.io/${signer}`,
      usages,
      ...(expirationSeconds !== undefined && { expirationSeconds }),
    },
  } as CertificateSigningRequest
}

describe('signRequest', () => {
  const serving = { signer: 'kubelet-serving', usages: ['digital signature', 'server auth'] }
  const client = { signer: 'kube-apiserver-client', usages: ['client auth'] }
  const noMatch = 'usages did not match [client auth digital signature key encipherment]'
  const rows: readonly (readonly [Wanted, string])[] = [
    [{ organizations: [] }, 'subject organization is not system:nodes'],
    [{ organizations: ['system:nodes', 'system:masters'] }, 'subject organization is not system:nodes'],
    [{ commonName: 'a' }, 'subject common name does not begin with system:node:'],
    [{ usages: ['client auth'] }, noMatch],
    [{ usages: ['digital signature', 'client auth', 'server auth'] }, noMatch],
    [{ names: { dnsNames: ['a'] } }, 'DNS subjectAltNames are not allowed'],
    [{ names: { ipAddresses: ['10.0.0.1'] } }, 'IP subjectAltNames are not allowed'],
    [serving, 'DNS or IP subjectAltName is required'],
    [{ ...serving, names: { dnsNames: ['a'], uris: ['spiffe://a'] } }, 'URI subjectAltNames are not allowed'],
    [
      { ...client, usages: ['client auth', 'server auth'] },
      'invalid usage for client certificate: server auth',
    ],
    [
      { ...client, usages: ['digital signature'] },
      'missing required usage for client certificate: client auth',
    ],
  ]
  for (const [wanted, message] of rows) {
    it(`refuses: ${message}`, () =>
      assert.deepEqual(signRequest(aRequest(wanted), authority, now), { type: 'refused', message }))
  }

  function certificateOf(wanted: Wanted): X509Certificate {
    const signing = signRequest(aRequest(wanted), authority, now)
    assert.equal(signing.type, 'signed')
    return new X509Certificate(signing.type === 'signed' ? signing.certificatePem : '')
  }

  it('repeats the subject and the names, and adds no right to sign', () => {
    const certificate = certificateOf({ ...serving, names: { dnsNames: ['a'], ipAddresses: ['10.0.0.1'] } })
    assert.ok(certificate.checkIssued(authority.certificate))
    assert.equal(certificate.subject, 'O=system:nodes\nCN=system:node:a')
    assert.equal(certificate.subjectAltName, 'DNS:a, IP Address:10.0.0.1')
    assert.equal(certificate.ca, false)
  })

  const lifetimes: readonly (readonly [string, number | undefined, number])[] = [
    ['a year when nothing is asked for', undefined, 365 * 24 * hourMs - 300_000],
    ['as long as asked for', 30 * 86_400, 30 * 24 * hourMs - 300_000],
    ['short as asked for, counted from now', 3_600, hourMs],
    ['no longer than a year', 1_000 * 86_400, 365 * 24 * hourMs - 300_000],
    ['ten minutes at least', 60, 600_000],
  ]
  for (const [what, expirationSeconds, expected] of lifetimes) {
    it(`signs for ${what}`, () => {
      const wanted = expirationSeconds === undefined ? {} : { expirationSeconds }
      assert.equal(certificateOf(wanted).validToDate.getTime() - now, expected)
    })
  }

  it('signs for no longer than the authority lives', () => {
    const old = createCertificateAuthority({ commonName: 'old', now, days: 1 })
    const signing = signRequest(aRequest({ signer: 'legacy-unknown' }), old, now)
    const pem = signing.type === 'signed' ? signing.certificatePem : ''
    assert.equal(new X509Certificate(pem).validTo, old.certificate.validTo)
  })
})

it('csrApprovingReconciler asks again later whether who asks may be approved', async () => {
  let isAllowed = false
  const harness = await runReconcilers([csrApprovingReconciler], ({ client }) => {
    client.seed(certificateSigningRequests, aRequest())
    const create = client.create.bind(client)
    Object.assign(client, {
      create: async (...[resource, object, options]: Parameters<typeof create>) => ({
        ...(await create(resource, object, options)),
        ...(resource.resource === 'subjectaccessreviews' && { status: { allowed: isAllowed } }),
      }),
    })
  })
  const conditions = async () => (await harness.one(certificateSigningRequests, 'a')).status?.conditions
  assert.equal(await conditions(), undefined)
  isAllowed = true
  await harness.pass(1000)
  assert.equal((await conditions())?.[0]?.type, 'Approved')
  await harness.stop()
})

it('csrCleanerReconciler deletes requests when nobody needs them any more', async () => {
  const signing = signRequest(aRequest({ expirationSeconds: 600 }), authority, Date.UTC(2000, 0, 1))
  const pem = signing.type === 'signed' ? signing.certificatePem : ''
  const request = (name: string, type: string | undefined, certificate = ''): CertificateSigningRequest => ({
    ...aRequest(),
    metadata: { name },
    status: {
      ...(type && { conditions: [{ type, status: 'True', lastUpdateTime: harnessStart }] }),
      ...(certificate && { certificate: Buffer.from(certificate).toString('base64') }),
    },
  })
  let harnessStart = ''
  const harness = await runReconcilers([csrCleanerReconciler], ({ client, clock }) => {
    harnessStart = formatTime(clock.now())
    const issued = signRequest(aRequest(), authority, clock.now())
    client.seed(
      certificateSigningRequests,
      request('pending', undefined),
      request('denied', 'Denied'),
      request('failed', 'Failed'),
      request('issued', 'Approved', issued.type === 'signed' ? issued.certificatePem : ''),
      request('expired', 'Approved', pem),
      request('approved', 'Approved'),
    )
  })
  const left = async () => keys(await harness.all(certificateSigningRequests))
  assert.deepEqual(await left(), ['approved', 'denied', 'failed', 'issued', 'pending'])
  await harness.pass(hourMs)
  assert.equal((await left()).length, 5)
  await harness.pass(1_000)
  assert.deepEqual(await left(), ['approved', 'pending'])
  await harness.pass(23 * hourMs)
  assert.deepEqual(await left(), ['approved'])
  await harness.stop()
})
