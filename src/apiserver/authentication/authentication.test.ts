import assert from 'node:assert/strict'
import { generateKeyPairSync, sign, verify, X509Certificate } from 'node:crypto'
import { describe, it } from 'node:test'
import type { Secret } from '../../api/generated/core.v1.ts'
import { secrets } from '../../api/generated/resources.ts'
import { createMetrics } from '../../machinery/metrics.ts'
import { createCertificateAuthority, issueCertificate } from '../../machinery/pki/certificate.ts'
import { fakeClock } from '../../machinery/testing/fake-clock.ts'
import { memoryObjects } from '../admission/testing/memory-objects.ts'
import type { Credentials, User } from './authenticator.ts'
import { createBearerTokenAuthenticator } from './bearer-token.ts'
import { createBootstrapTokenAuthenticator } from './bootstrap-tokens.ts'
import { createClientCertificateAuthenticator } from './client-certificates.ts'
import { createFrontProxyAuthenticator } from './front-proxy.ts'
import { splitServiceAccountUsername } from './known-users.ts'
import { createStaticTokenAuthenticator } from './static-tokens.ts'
import { createRequestAuthenticator } from './union.ts'

const clock = fakeClock()
const now = clock.now()
const authority = createCertificateAuthority({ commonName: 'kubernetes', now })
const other = createCertificateAuthority({ commonName: 'other', now })
const audiences = ['api']

const clientCertificate = (
  options: Partial<Parameters<typeof issueCertificate>[1]> = {},
  issuer = authority,
) =>
  new X509Certificate(
    issueCertificate(issuer, { commonName: 'jane', usages: ['client auth'], now, ...options }).certificatePem,
  )
const withCertificate = (certificate: X509Certificate): Credentials => ({ headers: {}, certificate })
const withToken = (token: string): Credentials => ({ headers: { authorization: `Bearer ${token}` } })

describe('createClientCertificateAuthenticator', () => {
  const authenticator = createClientCertificateAuthenticator({
    authorities: () => [other.certificate, authority.certificate],
    clock,
  })
  const onlyOurs = [authority.certificate]
  const strict = createClientCertificateAuthenticator({ authorities: () => onlyOurs, clock })

  it('reads the user from the subject', async () => {
    const certificate = clientCertificate({ organizations: ['dev', 'ops'], uid: 'u-1' })
    const expected: User = {
      name: 'jane',
      uid: 'u-1',
      groups: ['dev', 'ops'],
      extra: {
        'authentication.kubernetes.io/credential-id': [
          `X509SHA256=${certificate.fingerprint256.replaceAll(':', '').toLowerCase()}`,
        ],
      },
    }
    assert.deepEqual(await authenticator.authenticate(withCertificate(certificate)), expected)
    assert.deepEqual(await authenticator.authenticate(withCertificate(certificate)), expected)
  })

  it('has nothing to say without a certificate or without a name', async () => {
    assert.equal(await authenticator.authenticate({ headers: {} }), undefined)
    assert.equal(
      await authenticator.authenticate(withCertificate(clientCertificate({ commonName: '' }))),
      undefined,
    )
  })

  it('tells how long certificates last, also of those that it refuses', async () => {
    const metrics = createMetrics()
    const trusted = [authority.certificate]
    const counting = createClientCertificateAuthenticator({ authorities: () => trusted, clock, metrics })
    await counting.authenticate(withCertificate(clientCertificate()))
    const ended = clientCertificate({ now: now - 500 * 86_400_000 })
    await assert.rejects(counting.authenticate(withCertificate(ended)))
    const name = 'apiserver_client_certificate_expiration_seconds'
    assert.ok(metrics.text().includes(`${name}_bucket{le="0"} 1\n`))
    assert.ok(metrics.text().includes(`${name}_count 2\n`))
  })

  for (const [what, certificate, reason] of [
    ['of a stranger', clientCertificate({}, other), /signed by unknown authority/],
    ['of a server', clientCertificate({ usages: ['server auth'] }), /incompatible key usage/],
    [
      'that has ended',
      clientCertificate({ now: now - 500 * 86_400_000 }),
      /^StatusError: verifying certificate SN=\d+, SKID=[0-9A-F:]*, AKID=[0-9A-F]{2}(?::[0-9A-F]{2})+ failed: x509: certificate has expired or is not yet valid: current time \d{4}-\d\d-\d\dT[0-9:]{8}Z is after \d{4}-\d\d-\d\dT[0-9:]{8}Z$/,
    ],
    ['that has not begun', clientCertificate({ now: now + 86_400_000 }), /not yet valid/],
  ] as const) {
    it(`refuses a certificate ${what}`, async () => {
      await assert.rejects(strict.authenticate(withCertificate(certificate)), reason)
      await assert.rejects(strict.authenticate(withCertificate(certificate)), reason)
    })
  }
})

describe('createRequestAuthenticator', () => {
  const tokens = createStaticTokenAuthenticator([{ token: 'secret', user: { name: 'joe', groups: ['x'] } }])
  const bearer = createBearerTokenAuthenticator(() => [tokens], audiences)
  const trusted = [authority.certificate]
  const certificates = createClientCertificateAuthenticator({ authorities: () => trusted, clock })
  const everywhere = createRequestAuthenticator([certificates, bearer], () => ({ enabled: true }))
  const someWhere = createRequestAuthenticator([certificates, bearer], () => ({
    enabled: true,
    conditions: [{ path: '/livez' }],
  }))
  const anonymous = { name: 'system:anonymous', groups: ['system:unauthenticated'] }

  it('adds no group to nobody, whoever says that it is nobody', async () => {
    const nobody = { name: 'nobody', authenticate: async () => ({ name: 'system:anonymous', groups: ['x'] }) }
    const { authenticate } = createRequestAuthenticator([nobody], () => ({ enabled: false }))
    assert.deepEqual((await authenticate({ headers: {} }, '/')).groups, ['x'])
  })

  it('adds the group of everybody who is known', async () => {
    assert.deepEqual(await everywhere.authenticate(withToken('secret'), '/'), {
      name: 'joe',
      groups: ['x', 'system:authenticated'],
    })
  })

  it('forgives a wrong certificate when the token is right', async () => {
    const credentials = { ...withToken('secret'), certificate: clientCertificate({}, other) }
    assert.equal((await everywhere.authenticate(credentials, '/')).name, 'joe')
  })

  it('takes no credentials for nobody, and wrong ones for nothing', async () => {
    assert.deepEqual(await everywhere.authenticate({ headers: {} }, '/'), anonymous)
    const unauthorized = { message: 'Unauthorized' }
    await assert.rejects(everywhere.authenticate(withToken('wrong'), '/'), unauthorized)
    await assert.rejects(
      everywhere.authenticate(withCertificate(clientCertificate({}, other)), '/'),
      unauthorized,
    )
    assert.deepEqual(await someWhere.authenticate({ headers: {} }, '/livez'), anonymous)
    await assert.rejects(someWhere.authenticate({ headers: {} }, '/livez/etcd'), unauthorized)
    await assert.rejects(
      createRequestAuthenticator([bearer], () => ({ enabled: false })).authenticate({ headers: {} }, '/'),
      unauthorized,
    )
  })

  for (const header of ['Basic secret', 'Bearer', 'Bearer  secret', 'secret', '']) {
    it(`sees no token in "${header}"`, async () => {
      assert.deepEqual(await everywhere.authenticate({ headers: { authorization: header } }, '/'), anonymous)
    })
  }

  it('refuses for less than the check of a signature costs', async () => {
    const wrong = withToken(`eyJhbGciOiJFUzI1NiJ9.${Buffer.from('{"iss":"x"}').toString('base64url')}.AAAA`)
    const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
    const content = Buffer.from('content')
    const signature = sign('sha256', content, privateKey)
    const rounds = 500
    /** Microseconds of the processor, without what else went on: the best of some times. */
    const cost = async (work: () => unknown) => {
      let best = Infinity
      for (let time = 0; time < 5; time++) {
        const before = process.cpuUsage()
        for (let round = 0; round < rounds; round++) await work()
        const { user, system } = process.cpuUsage(before)
        best = Math.min(best, (user + system) / rounds)
      }
      return best
    }
    const check = await cost(() => verify('sha256', content, publicKey, signature))
    const refusal = await cost(() => everywhere.authenticate(wrong, '/').catch(() => undefined))
    assert.ok(refusal < check, `${refusal} µs, and ${check} µs for a signature`)
  })
})

describe('createBootstrapTokenAuthenticator', () => {
  const encode = (data: Readonly<Record<string, string>>) =>
    Object.fromEntries(
      Object.entries(data).map(([key, value]) => [key, Buffer.from(value).toString('base64')]),
    )
  const good = {
    'token-id': 'abcdef',
    'token-secret': '0123456789abcdef',
    'usage-bootstrap-authentication': 'true',
    'auth-extra-groups': 'system:bootstrappers:worker',
    expiration: '2026-02-01T00:00:00Z',
  }
  const rows: readonly [string, Readonly<Record<string, string>>, boolean, Partial<Secret>?][] = [
    ['a good one', good, true],
    ['one that has ended', { ...good, expiration: '2025-12-31T00:00:00Z' }, false],
    ['one whose end cannot be read', { ...good, expiration: 'soon' }, false],
    ['one for signing only', { ...good, 'usage-bootstrap-authentication': '' }, false],
    ['one with another secret', { ...good, 'token-secret': '0123456789abcdeX' }, false],
    ['one with a group that may not be', { ...good, 'auth-extra-groups': 'system:masters' }, false],
    ['a secret of another type', good, false, { type: 'Opaque' }],
  ]
  for (const [what, data, known, rest] of rows) {
    it(`knows ${what}: ${known}`, async () => {
      const objects = memoryObjects()
      objects.put(secrets, {
        metadata: { name: 'bootstrap-token-abcdef', namespace: 'kube-system' },
        type: 'bootstrap.kubernetes.io/token',
        data: encode(data),
        ...rest,
      })
      const authenticator = createBootstrapTokenAuthenticator(objects, clock)
      const identity = await authenticator.authenticateToken('abcdef.0123456789abcdef', audiences)
      assert.deepEqual(
        identity?.user,
        known
          ? {
              name: 'system:bootstrap:abcdef',
              groups: ['system:bootstrappers', 'system:bootstrappers:worker'],
            }
          : undefined,
      )
    })
  }
})

describe('createFrontProxyAuthenticator', () => {
  const trusted = [authority.certificate]
  const authenticator = createFrontProxyAuthenticator(
    {
      authorities: () => trusted,
      allowedNames: ['front-proxy'],
      usernameHeaders: ['x-remote-user'],
      uidHeaders: ['x-remote-uid'],
      groupHeaders: ['x-remote-group'],
      extraHeaderPrefixes: ['x-remote-extra-'],
    },
    clock,
  )
  const headers = {
    'x-remote-user': 'jane',
    'x-remote-group': ['a', 'b'],
    'x-remote-extra-example.com%2fscopes': ['x'],
  }

  it('believes its proxy', async () => {
    const certificate = clientCertificate({ commonName: 'front-proxy' })
    assert.deepEqual(await authenticator.authenticate({ headers, certificate }), {
      name: 'jane',
      groups: ['a', 'b'],
      extra: { 'example.com/scopes': ['x'] },
    })
  })

  it('believes nobody else', async () => {
    await assert.rejects(
      authenticator.authenticate({ headers, certificate: clientCertificate({ commonName: 'jane' }) }),
      { message: 'x509: subject with cn=jane is not in the allowed list' },
    )
    await assert.rejects(
      authenticator.authenticate({
        headers,
        certificate: clientCertificate({ commonName: 'front-proxy' }, other),
      }),
    )
    assert.equal(await authenticator.authenticate({ headers }), undefined)
  })
})

describe('splitServiceAccountUsername', () => {
  for (const [username, expected] of [
    ['system:serviceaccount:a:b', { namespace: 'a', name: 'b' }],
    ['system:serviceaccount:a:b.c', { namespace: 'a', name: 'b.c' }],
    ['system:serviceaccount:a', undefined],
    ['system:serviceaccount:a:b:c', undefined],
    ['system:serviceaccount::b', undefined],
    ['system:serviceaccount:A:b', undefined],
    ['jane', undefined],
  ] as const) {
    it(`reads ${username}`, () => assert.deepEqual(splitServiceAccountUsername(username), expected))
  }
})
