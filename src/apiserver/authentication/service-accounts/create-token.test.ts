import assert from 'node:assert/strict'
import { beforeEach, describe, it } from 'node:test'
import type { TokenRequest } from '../../../api/generated/authentication.v1.ts'
import { nodes, pods, secrets, serviceAccounts } from '../../../api/generated/resources.ts'
import { createMetrics } from '../../../machinery/metrics.ts'
import { parseToken, signToken } from '../../../machinery/pki/json-web-token.ts'
import { generateKeyPair } from '../../../machinery/pki/key-pair.ts'
import { fakeClock, type FakeClock } from '../../../machinery/testing/fake-clock.ts'
import { memoryObjects, type MemoryObjects } from '../../admission/testing/memory-objects.ts'
import { reviewToken } from '../reviews.ts'
import type { TokenAuthenticator } from '../token-authenticator.ts'
import { createServiceAccountToken, type TokenIssuerConfiguration } from './create-token.ts'
import { discoveryDocuments } from './discovery-documents.ts'
import { createLegacyTokenAuthenticator } from './legacy-token-authenticator.ts'
import { createServiceAccountTokenAuthenticator } from './token-authenticator.ts'
import { createTokenKeys } from './token-keys.ts'

const issuer = 'https://kubernetes.default.svc.cluster.local'
const apiAudiences = [issuer]
const account = { namespace: 'default', name: 'builder' }
const keys = createTokenKeys(generateKeyPair().privateKey)
const hour = 3_600_000

let objects: MemoryObjects
let clock: FakeClock
let configuration: TokenIssuerConfiguration
let authenticator: TokenAuthenticator
let warnings: string[]
describe('create token', () => {
  beforeEach(() => {
    objects = memoryObjects()
    clock = fakeClock()
    warnings = []
    configuration = { objects, clock, issuer, keys, apiAudiences, extendExpiration: true }
    authenticator = createServiceAccountTokenAuthenticator({ objects, clock, issuers: [issuer], keys })
    objects.put(serviceAccounts, { metadata: { ...account, uid: 'sa-1' } })
    objects.put(nodes, { metadata: { name: 'node-1', uid: 'node-uid' } })
    objects.put(pods, {
      metadata: { name: 'pod-1', namespace: 'default', uid: 'pod-uid' },
      spec: { serviceAccountName: 'builder', nodeName: 'node-1', containers: [] },
    })
    objects.put(secrets, { metadata: { name: 'secret-1', namespace: 'default', uid: 'secret-uid' } })
  })

  const create = (spec: TokenRequest['spec'] = {}, rest: Partial<TokenRequest> = {}) =>
    createServiceAccountToken(
      configuration,
      account,
      { ...rest, spec },
      { warn: (text) => warnings.push(text) },
    )

  const podReference = { kind: 'Pod', apiVersion: 'v1', name: 'pod-1', uid: 'pod-uid' }

  async function userOf(token: string | undefined) {
    return (await authenticator.authenticateToken(token ?? '', apiAudiences))?.user
  }

  describe('createServiceAccountToken', () => {
    it('answers with a token that says who, for whom and how long', async () => {
      const made = await create()
      assert.equal(made.status?.expirationTimestamp, '2026-01-01T01:00:00Z')
      assert.deepEqual(made.spec, { audiences: apiAudiences, expirationSeconds: 3600 })
      const { jti, ...claims } = parseToken(made.status?.token ?? '')!.claims
      assert.match(String(jti), /^[0-9a-f-]{36}$/)
      const now = clock.now() / 1000
      assert.deepEqual(claims, {
        aud: apiAudiences,
        exp: now + 3600,
        iat: now,
        iss: issuer,
        'kubernetes.io': { namespace: 'default', serviceaccount: { name: 'builder', uid: 'sa-1' } },
        nbf: now,
        sub: 'system:serviceaccount:default:builder',
      })
    })

    it('binds a token to a pod and its node', async () => {
      const made = await create({ boundObjectRef: podReference })
      const user = await userOf(made.status?.token)
      const id = parseToken(made.status?.token ?? '')!.claims['jti']
      assert.deepEqual(user, {
        name: 'system:serviceaccount:default:builder',
        uid: 'sa-1',
        groups: ['system:serviceaccounts', 'system:serviceaccounts:default'],
        extra: {
          'authentication.kubernetes.io/credential-id': [`JTI=${String(id)}`],
          'authentication.kubernetes.io/node-name': ['node-1'],
          'authentication.kubernetes.io/node-uid': ['node-uid'],
          'authentication.kubernetes.io/pod-name': ['pod-1'],
          'authentication.kubernetes.io/pod-uid': ['pod-uid'],
        },
      })
    })

    it("lives a year when it is a pod's ordinary token, and says an hour", async () => {
      const made = await create({ boundObjectRef: podReference, expirationSeconds: 3607 })
      assert.equal(made.status?.expirationTimestamp, '2026-01-01T01:00:07Z')
      await clock.advance(364 * 24 * hour)
      assert.ok(await userOf(made.status?.token))
      const other = await create({
        boundObjectRef: podReference,
        expirationSeconds: 3607,
        audiences: ['vault'],
      })
      assert.equal(
        Number(parseToken(other.status?.token ?? '')!.claims['exp']) - Math.floor(clock.now() / 1000),
        3607,
      )
    })

    it('lives as long as it says when it is bound to no pod', async () => {
      const made = await create({ expirationSeconds: 3607 })
      const { exp, iat } = parseToken(made.status?.token ?? '')!.claims
      assert.equal(Number(exp) - Number(iat), 3607)
    })

    it('is noted when it is made, and when a pod should have read a newer one', async () => {
      const notes = new Map<string, string>()
      const annotate = (key: string, value: string) => void notes.set(key, value)
      const metrics = createMetrics()
      authenticator = createServiceAccountTokenAuthenticator({
        objects,
        clock,
        issuers: [issuer],
        keys,
        metrics,
      })
      const { status } = await createServiceAccountToken(
        configuration,
        account,
        { spec: { audiences: [], boundObjectRef: podReference, expirationSeconds: 3607 } },
        { warn: () => {}, annotate },
      )
      const token = status?.token ?? ''
      const id = String(parseToken(token)!.claims['jti'])
      assert.deepEqual([...notes], [['authentication.kubernetes.io/issued-credential-id', `JTI=${id}`]])
      await authenticator.authenticateToken(token, apiAudiences, annotate)
      assert.equal(notes.get('authentication.k8s.io/stale-token'), undefined)
      await clock.advance(2 * hour)
      await authenticator.authenticateToken(token, apiAudiences, annotate)
      assert.equal(
        notes.get('authentication.k8s.io/stale-token'),
        'subject: system:serviceaccount:default:builder, seconds after warning threshold: 3593',
      )
      const samples = metrics.text().split('\n')
      assert.ok(samples.includes('serviceaccount_valid_tokens_total 1'))
      assert.ok(samples.includes('serviceaccount_stale_tokens_total 1'))
    })

    const refusals: readonly [string, TokenRequest['spec'], Partial<TokenRequest>, string][] = [
      [
        'too short',
        { expirationSeconds: 599 },
        {},
        'TokenRequest.authentication.k8s.io "" is invalid: spec.expirationSeconds: Invalid value: 599: may not specify a duration less than 10 minutes',
      ],
      [
        'too long',
        { expirationSeconds: 2 ** 32 + 1 },
        {},
        'TokenRequest.authentication.k8s.io "" is invalid: spec.expirationSeconds: Invalid value: 4294967297: may not specify a duration larger than 2^32 seconds',
      ],
      ['no such pod', { boundObjectRef: { ...podReference, name: 'x' } }, {}, 'pods "x" not found'],
      [
        'another pod of that name',
        { boundObjectRef: { ...podReference, uid: 'old' } },
        {},
        'Operation cannot be fulfilled on Pod "pod-1": the UID in the bound object reference (old) does not match the UID in record. The object might have been deleted and then recreated',
      ],
      [
        'an object that cannot be bound',
        { boundObjectRef: { kind: 'Deployment', apiVersion: 'apps/v1', name: 'x' } },
        {},
        'cannot bind token to object of type apps/v1, Kind=Deployment',
      ],
      [
        'another name',
        {},
        { metadata: { name: 'x' } },
        'TokenRequest.authentication.k8s.io "builder" is invalid: metadata.name: Invalid value: "x": must match the service account name if specified',
      ],
      [
        'another uid',
        {},
        { metadata: { uid: 'x' } },
        'Operation cannot be fulfilled on TokenRequest.authentication.k8s.io "builder": the UID in the token request (x) does not match the UID of the service account (sa-1)',
      ],
    ]
    for (const [what, spec, rest, message] of refusals) {
      it(`refuses ${what}`, async () => {
        await assert.rejects(create(spec, rest), { message })
      })
    }

    it('refuses a pod of another service account', async () => {
      objects.put(pods, {
        metadata: { name: 'pod-1', namespace: 'default', uid: 'pod-uid' },
        spec: { serviceAccountName: 'other', containers: [] },
      })
      await assert.rejects(create({ boundObjectRef: podReference }), {
        message:
          'cannot bind token for serviceaccount "builder" to pod running with different serviceaccount name.',
      })
    })

    it('shortens with a warning', async () => {
      configuration = { ...configuration, maxExpirationSeconds: 7200 }
      const made = await create({ expirationSeconds: 100_000 })
      assert.deepEqual(warnings, ['requested expiration of 100000 seconds shortened to 7200 seconds'])
      assert.equal(made.spec?.expirationSeconds, 7200)
    })
  })

  describe('createServiceAccountTokenAuthenticator', () => {
    it('refuses what has expired', async () => {
      const made = await create()
      await clock.advance(hour + 60_000)
      assert.ok(await userOf(made.status?.token), 'clocks may differ by a minute')
      await clock.advance(1000)
      await assert.rejects(userOf(made.status?.token), { message: 'service account token has expired' })
    })

    const ends: readonly [string, TokenRequest['spec'], () => void, string][] = [
      ['account', {}, () => objects.remove(serviceAccounts, account), 'serviceaccounts "builder" not found'],
      [
        'account, which was made anew',
        {},
        () => objects.put(serviceAccounts, { metadata: { ...account, uid: 'sa-2' } }),
        'service account UID (sa-2) does not match claim (sa-1)',
      ],
      [
        'pod',
        { boundObjectRef: podReference },
        () => objects.remove(pods, { namespace: 'default', name: 'pod-1' }),
        'service account token has been invalidated',
      ],
      [
        'pod, which was made anew',
        { boundObjectRef: podReference },
        () => objects.put(pods, { metadata: { name: 'pod-1', namespace: 'default', uid: 'new' } }),
        'pod UID (new) does not match service account pod ref claim (pod-uid)',
      ],
      [
        'secret',
        { boundObjectRef: { kind: 'Secret', apiVersion: 'v1', name: 'secret-1' } },
        () => objects.remove(secrets, { namespace: 'default', name: 'secret-1' }),
        'service account token has been invalidated',
      ],
      [
        'node',
        { boundObjectRef: { kind: 'Node', apiVersion: 'v1', name: 'node-1' } },
        () => objects.put(nodes, { metadata: { name: 'node-1', uid: 'new' } }),
        'node UID (new) does not match service account node ref claim (node-uid)',
      ],
    ]
    for (const [what, spec, end, message] of ends) {
      it(`ends a token at once with its ${what}`, async () => {
        const made = await create(spec)
        assert.ok(await userOf(made.status?.token))
        end()
        await assert.rejects(userOf(made.status?.token), { message })
      })
    }

    it('keeps the token of a pod whose node is gone', async () => {
      const made = await create({ boundObjectRef: podReference })
      objects.remove(nodes, { name: 'node-1' })
      assert.ok(await userOf(made.status?.token))
    })

    it('refuses forged, foreign and changed tokens', async () => {
      const forged = signToken({ iss: issuer, exp: 9e9 }, generateKeyPair().privateKey, keys.signing.id)
      await assert.rejects(userOf(forged), { message: 'invalid bearer token' })
      const none = `${Buffer.from('{"alg":"none"}').toString('base64url')}.${forged.split('.')[1]}.`
      await assert.rejects(userOf(none), { message: 'invalid bearer token' })
      const foreign = signToken({ iss: 'https://elsewhere' }, keys.privateKey, keys.signing.id)
      assert.equal(await userOf(foreign), undefined)
      assert.equal(await userOf('x'), undefined)
      assert.equal(await userOf('a.b.c'), undefined)
    })

    it('is about the audience', async () => {
      const made = await create({ audiences: ['vault'] })
      await assert.rejects(userOf(made.status?.token), {
        message: `token audiences ["vault"] is invalid for the target audiences ["${issuer}"]`,
      })
      const identity = await authenticator.authenticateToken(made.status?.token ?? '', ['x', 'vault'])
      assert.deepEqual(identity?.audiences, ['vault'])
    })
  })

  describe('reviewToken', () => {
    it('answers who it is', async () => {
      const made = await create()
      const review = await reviewToken(
        { spec: { token: made.status!.token! } },
        [authenticator],
        apiAudiences,
      )
      assert.equal(review.status?.authenticated, true)
      assert.deepEqual(review.status?.audiences, apiAudiences)
      assert.deepEqual(review.status?.user?.groups, [
        'system:serviceaccounts',
        'system:serviceaccounts:default',
        'system:authenticated',
      ])
    })

    it('answers why it is nobody', async () => {
      const unknown = await reviewToken({ spec: { token: 'x' } }, [authenticator], apiAudiences)
      assert.deepEqual(unknown.status, { user: {}, error: 'invalid bearer token' })
      const made = await create()
      objects.remove(serviceAccounts, account)
      const gone = await reviewToken({ spec: { token: made.status!.token! } }, [authenticator], apiAudiences)
      assert.equal(gone.status?.error, 'serviceaccounts "builder" not found')
      await assert.rejects(reviewToken({ spec: { token: '' } }, [authenticator], apiAudiences), {
        message: 'token is required for TokenReview in authentication',
      })
    })
  })

  describe('createLegacyTokenAuthenticator', () => {
    it('knows the token that stands in the secret, and no other', async () => {
      const metrics = createMetrics()
      const legacy = createLegacyTokenAuthenticator({
        objects,
        clock,
        keys,
        apiAudiences,
        metrics,
        onTrackingError: (error) => assert.fail(String(error)),
      })
      const claim = (key: string) => `kubernetes.io/serviceaccount/${key}`
      const token = signToken(
        {
          iss: 'kubernetes/serviceaccount',
          sub: 'system:serviceaccount:default:builder',
          [claim('namespace')]: 'default',
          [claim('secret.name')]: 'secret-1',
          [claim('service-account.name')]: 'builder',
          [claim('service-account.uid')]: 'sa-1',
        },
        keys.privateKey,
        keys.signing.id,
      )
      await assert.rejects(legacy.authenticateToken(token, apiAudiences), {
        message: 'service account token has been invalidated',
      })
      objects.put(secrets, {
        metadata: { name: 'secret-1', namespace: 'default' },
        data: { token: Buffer.from(token).toString('base64') },
      })
      const notes = new Map<string, string>()
      const annotate = (key: string, value: string) => void notes.set(key, value)
      const identity = await legacy.authenticateToken(token, apiAudiences, annotate)
      assert.equal(identity?.user.name, 'system:serviceaccount:default:builder')
      assert.deepEqual(
        [...notes],
        [
          ['authentication.k8s.io/legacy-token-manual-secret', 'secret-1'],
          ['authentication.k8s.io/legacy-token', 'system:serviceaccount:default:builder'],
        ],
      )
      assert.equal(
        objects.get(secrets, { namespace: 'default', name: 'secret-1' })?.metadata?.labels?.[
          'kubernetes.io/legacy-token-last-used'
        ],
        '2026-01-01',
      )

      // Marked invalid, it is refused; that it is still used is noted all the same.
      objects.put(serviceAccounts, { metadata: { ...account, uid: 'sa-1' }, secrets: [{ name: 'secret-1' }] })
      objects.put(secrets, {
        metadata: {
          name: 'secret-1',
          namespace: 'default',
          labels: { 'kubernetes.io/legacy-token-invalid-since': '2025-12-31' },
        },
        data: { token: Buffer.from(token).toString('base64') },
      })
      notes.clear()
      await assert.rejects(legacy.authenticateToken(token, apiAudiences, annotate), /has been marked invalid/)
      assert.deepEqual(
        [...notes],
        [
          ['authentication.k8s.io/legacy-token-autogenerated-secret', 'secret-1'],
          ['authentication.k8s.io/legacy-token-invalidated', 'secret-1/default'],
        ],
      )
      const kept = objects.get(secrets, { namespace: 'default', name: 'secret-1' })
      assert.equal(kept?.metadata?.labels?.['kubernetes.io/legacy-token-last-used'], '2026-01-01')
      const samples = metrics.text().split('\n')
      for (const name of [
        'legacy',
        'legacy_manual_token_uses',
        'legacy_auto_token_uses',
        'invalid_legacy_auto_token_uses',
      ]) {
        const total = name === 'legacy' ? 'legacy_tokens_total' : `${name}_total`
        assert.ok(samples.includes(`serviceaccount_${total} 1`), total)
      }
    })
  })

  describe('discoveryDocuments', () => {
    it('lets others verify tokens', async () => {
      const [configurationDocument, keySet] = discoveryDocuments({
        issuer,
        keySetUri: `${issuer}/openid/v1/jwks`,
        keys,
      })
      assert.deepEqual(JSON.parse(configurationDocument!.body), {
        issuer,
        jwks_uri: `${issuer}/openid/v1/jwks`,
        response_types_supported: ['id_token'],
        subject_types_supported: ['public'],
        id_token_signing_alg_values_supported: ['ES256'],
      })
      const { createLocalJWKSet, jwtVerify } = await import('jose')
      const made = await create()
      const verified = await jwtVerify(made.status!.token!, createLocalJWKSet(JSON.parse(keySet!.body)), {
        issuer,
        audience: issuer,
        currentDate: new Date(clock.now()),
      })
      assert.equal(verified.payload.sub, 'system:serviceaccount:default:builder')
    })
  })
})
