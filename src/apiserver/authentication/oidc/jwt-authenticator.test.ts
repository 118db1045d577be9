import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { JsonValue } from '../../../machinery/meta.ts'
import { createMetrics } from '../../../machinery/metrics.ts'
import { signToken } from '../../../machinery/pki/json-web-token.ts'
import { generateKeyPair } from '../../../machinery/pki/key-pair.ts'
import { fakeClock } from '../../../machinery/testing/fake-clock.ts'
import type { JwtConfiguration } from '../configuration/authentication-configuration.ts'
import { configuredAuthentication } from '../configuration/configured-authentication.ts'
import type { FetchOptions } from './fetch-text.ts'
import { JwtMetrics } from './jwt-metrics.ts'

const issuer = 'https://issuer.example'
const groupServer = 'https://groups.example'
const keyPair = generateKeyPair()
const now = Date.UTC(2026, 0, 1)

const plain: JwtConfiguration = {
  issuer: { url: issuer, audiences: ['k8ts'] },
  claimMappings: { username: { claim: 'sub', prefix: '' }, groups: { claim: 'groups', prefix: 'g:' } },
}

function tokenWith(claims: Readonly<Record<string, JsonValue>>): string {
  const usual = { iss: issuer, aud: 'k8ts', sub: 'jane', exp: now / 1000 + 60 }
  return signToken({ ...usual, ...claims }, keyPair.privateKey, 'one')
}

/** An authenticator whose issuer, and one of groups, are told by `documents`. */
function aSetup(configuration: JwtConfiguration, documents: Readonly<Record<string, string>> = {}) {
  const clock = fakeClock(now)
  const metrics = createMetrics()
  const fetched: [string, FetchOptions][] = []
  const keys = JSON.stringify({ keys: [{ ...keyPair.publicKey.export({ format: 'jwk' }), kid: 'one' }] })
  const all: Readonly<Record<string, string>> = {
    [`${issuer}/.well-known/openid-configuration`]: JSON.stringify({ issuer, jwks_uri: `${issuer}/keys` }),
    [`${issuer}/keys`]: keys,
    [`${groupServer}/.well-known/openid-configuration`]: JSON.stringify({
      issuer: groupServer,
      jwks_uri: `${groupServer}/keys`,
    }),
    [`${groupServer}/keys`]: keys,
    ...documents,
  }
  const { tokens, ...configured } = configuredAuthentication(
    { jwt: [configuration] },
    {
      clock,
      fetchText: (url, options = {}) => {
        fetched.push([url, options])
        const text = all[url]
        return Promise.resolve(
          text === undefined
            ? { status: 404, statusLine: '404 Not Found', text: 'nothing' }
            : { status: 200, statusLine: '200 OK', text },
        )
      },
      onDiscoveryError: () => {},
      metrics: new JwtMetrics({ metrics, clock, serverId: 'one' }),
    },
  )
  const settle = () => clock.advance(0)
  return {
    ...configured,
    clock,
    metrics,
    fetched,
    settle,
    async authenticate(token: string) {
      await settle()
      return (await tokens[0]!.authenticateToken(token, ['api']))?.user
    },
  }
}

describe('createJwtAuthenticator', () => {
  const users: readonly (readonly [string, Readonly<Record<string, JsonValue>>, object])[] = [
    ['a list of groups', { groups: ['a', null] }, { name: 'jane', groups: ['g:a', 'g:'] }],
    ['one group as a text', { groups: 'a' }, { name: 'jane', groups: ['g:a'] }],
    ['groups that are null', { groups: null }, { name: 'jane', groups: [] }],
    ['no groups', {}, { name: 'jane', groups: [] }],
    ['times with a fraction, as text', { exp: `${now / 1000 + 9}.5` }, { name: 'jane', groups: [] }],
    ['a start within a minute', { nbf: now / 1000 + 59 }, { name: 'jane', groups: [] }],
    ['several audiences', { aud: ['other', 'k8ts'] }, { name: 'jane', groups: [] }],
  ]
  for (const [what, claims, user] of users) {
    it(`knows the user of a token with ${what}`, async () => {
      assert.deepEqual(await aSetup(plain).authenticate(tokenWith(claims)), user)
    })
  }

  const wrongType = 'json: cannot unmarshal'
  const refused: readonly (readonly [Readonly<Record<string, JsonValue>>, string])[] = [
    [{ sub: 7 }, `oidc: parse username claims "sub": ${wrongType} number into Go value of type string`],
    [{ groups: [1] }, `oidc: parse groups claim "groups": ${wrongType} array into Go value of type string`],
    [{ aud: 'other' }, 'oidc: verify token: oidc: expected audience "k8ts" got ["other"]'],
    [
      { exp: now / 1000 - 1 },
      'oidc: verify token: oidc: token is expired (Token Expiry: 2025-12-31 23:59:59 +0000 UTC)',
    ],
    [
      { nbf: now / 1000 + 61 },
      'oidc: verify token: oidc: current time 2026-01-01 00:00:00 +0000 UTC before the nbf (not before) time: 2026-01-01 00:01:01 +0000 UTC',
    ],
    [
      { exp: 'never' },
      'oidc: verify token: oidc: failed to unmarshal claims: json: invalid number literal, trying to unmarshal "\\"never\\"" into Number',
    ],
    [{ _claim_names: { groups: 'one' } }, 'oidc: verify token: oidc: source does not exist'],
  ]
  for (const [claims, message] of refused) {
    it(`refuses ${JSON.stringify(claims)} as upstream does`, async () => {
      await assert.rejects(aSetup(plain).authenticate(tokenWith(claims)), { message })
    })
  }

  it('knows Google without its scheme', async () => {
    const google = 'https://accounts.google.com'
    const documents = {
      [`${google}/.well-known/openid-configuration`]: JSON.stringify({
        issuer: google,
        jwks_uri: `${issuer}/keys`,
      }),
    }
    const setup = aSetup({ ...plain, issuer: { url: google, audiences: ['k8ts'] } }, documents)
    const user = await setup.authenticate(tokenWith({ iss: 'accounts.google.com' }))
    assert.equal(user?.name, 'jane')
  })

  it('says that one of several audiences is wanted only of tokens that the issuer signed', async () => {
    const several = {
      ...plain,
      issuer: { ...plain.issuer, audiences: ['b', 'a'], audienceMatchPolicy: 'MatchAny' },
    }
    await assert.rejects(aSetup(several).authenticate(tokenWith({ aud: 'c' })), {
      message: 'oidc: verify token: oidc: expected audience in ["a" "b"] got ["c"]',
    })
  })

  const expression = (text: string): JwtConfiguration => ({
    ...plain,
    claimMappings: { username: { expression: text } },
  })
  const names: readonly (readonly [string, string])[] = [
    ['string(claims.number)', '7.5'],
    ['string(type(claims.whole) == double)', 'true'],
    ['claims.nested.a__dot__b', 'escaped'],
    ["string('a__dot__b' in claims.nested)", 'false'],
    ["claims.list[0]['a__dash__b']", 'in a list'],
    ['claims.top__dash__level', 'top'],
    ['string(has(claims.nothing))', 'false'],
  ]
  for (const [text, name] of names) {
    it(`evaluates ${text} as upstream does`, async () => {
      const token = tokenWith({
        number: 7.5,
        whole: 7,
        nested: { 'a.b': 'escaped' },
        list: [{ 'a-b': 'in a list' }],
        'top-level': 'top',
      })
      assert.equal((await aSetup(expression(text)).authenticate(token))?.name, name)
    })
  }

  it('takes nothing but a string for a name', async () => {
    const setup = aSetup(expression("timestamp('2026-01-01T00:00:00Z')"))
    await assert.rejects(setup.authenticate(tokenWith({})), {
      message:
        'oidc: error evaluating username claim expression: username claim expression must return a string',
    })
  })

  it('tells of a rule that cannot be evaluated before one that is not met', async () => {
    const setup = aSetup({
      ...plain,
      claimValidationRules: [
        { expression: 'claims.sub == "joe"', message: 'joe only' },
        { expression: 'claims.gone == 1' },
      ],
    })
    await assert.rejects(setup.authenticate(tokenWith({})), {
      message:
        "oidc: error evaluating claim validation expression: expression 'claims.gone == 1' resulted in error: no such key: gone",
    })
  })

  const distributed = {
    _claim_names: { groups: 'source' },
    _claim_sources: { source: { endpoint: `${groupServer}/of/jane`, access_token: 'let me' } },
  }

  it('fetches groups that stand elsewhere, by the token it is given', async () => {
    const groups = tokenWith({ iss: groupServer, groups: ['x', 'y'] })
    const setup = aSetup(plain, { [`${groupServer}/of/jane`]: groups })
    await assert.rejects(setup.authenticate(tokenWith(distributed)), {
      message: `oidc: could not expand distributed claims: verifying untrusted issuer ${groupServer} failed: verifier not initialized for issuer: "${groupServer}"`,
    })
    assert.deepEqual(await setup.authenticate(tokenWith(distributed)), {
      name: 'jane',
      groups: ['g:x', 'g:y'],
    })
    const call = setup.fetched.find(([url]) => url === `${groupServer}/of/jane`)
    assert.equal(call?.[1].bearerToken, 'let me')
    setup.close()
  })

  it('refuses who has groups elsewhere that are not to be had', async () => {
    await assert.rejects(aSetup(plain).authenticate(tokenWith(distributed)), {
      message:
        'oidc: could not expand distributed claims: while getting distributed claim "groups": error while getting distributed claim JWT: 404 Not Found',
    })
  })

  it('says how keys could not be fetched, and counts it', async () => {
    const setup = aSetup(plain, { [`${issuer}/keys`]: 'no keys' })
    await assert.rejects(
      setup.authenticate(tokenWith({})),
      /^Error: oidc: verify token: failed to verify signature: fetching keys oidc: failed to decode keys: .* no keys$/,
    )
    assert.match(
      setup.metrics.text(),
      /jwks_fetch_last_timestamp_seconds\{result="failure",jwt_issuer_hash="sha256:/,
    )
    assert.match(setup.metrics.text(), /jwt_authenticator_latency_seconds_count\{result="failure",.*\} 1\n/)
  })

  it('is not ready before its keys are found, and says why', async () => {
    const broken = aSetup(plain, { [`${issuer}/.well-known/openid-configuration`]: '{"issuer":"x"}' })
    await assert.rejects(broken.authenticate(tokenWith({})), {
      message: 'oidc: authenticator not initialized',
    })
    assert.equal(
      broken.fault()?.message,
      `oidc: authenticator for issuer "${issuer}" is not healthy: oidc: issuer did not match the issuer returned by provider, expected "${issuer}" got "x"`,
    )
    broken.close()
    const fine = aSetup(plain)
    await fine.authenticate(tokenWith({}))
    assert.equal(fine.fault(), undefined)
    assert.match(fine.metrics.text(), /jwks_fetch_last_key_set_info\{.*,hash="sha256:[0-9a-f]{64}"\} 1\n/)
  })
})
