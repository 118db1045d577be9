import assert from 'node:assert/strict'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import type { IncomingMessage } from 'node:http'
import { createServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import type { SelfSubjectReview } from '../../api/generated/authentication.v1.ts'
import { configMaps, pods, selfSubjectReviews } from '../../api/generated/resources.ts'
import { createHttpClient } from '../../client/http/http-client.ts'
import type { JsonValue } from '../../machinery/meta.ts'
import { systemClock } from '../../machinery/clock.ts'
import type { Logger } from '../../machinery/log.ts'
import { createCertificateAuthority, issueCertificate } from '../../machinery/pki/certificate.ts'
import { signToken } from '../../machinery/pki/json-web-token.ts'
import { generateKeyPair } from '../../machinery/pki/key-pair.ts'
import { isForbidden, isUnauthorized } from '../../machinery/status-errors.ts'
import { startCluster, type TestCluster } from '../testing.ts'

const keyPair = generateKeyPair()
const folder = mkdtempSync(join(tmpdir(), 'k8ts-security-'))
const logged: string[] = []
const log: Logger = recordingLog({})

/** Everything that any component says, whole. */
function recordingLog(fields: object): Logger {
  const write = (message: string, more: object = {}) =>
    void logged.push(JSON.stringify({ message, ...fields, ...more }, errorsWhole))
  return {
    debug: write,
    info: write,
    warn: write,
    error: write,
    with: (more: object) => recordingLog({ ...fields, ...more }),
  }
}

function errorsWhole(_key: string, value: unknown): unknown {
  return value instanceof Error ? { message: value.message, stack: value.stack, cause: value.cause } : value
}

interface Call {
  readonly url: string
  readonly body: { readonly kind?: string; readonly spec?: Readonly<Record<string, unknown>> }
}

/** An issuer, a token webhook and an authorisation webhook in one HTTPS server. */
async function startProvider() {
  const now = systemClock.now()
  const authority = createCertificateAuthority({ commonName: 'provider-ca', now })
  const certificate = issueCertificate(authority, {
    commonName: 'provider',
    names: { ipAddresses: ['127.0.0.1'] },
    usages: ['server auth'],
    now,
  })
  const calls: Call[] = []
  const server = createServer({ cert: certificate.certificatePem, key: certificate.privateKeyPem })
  server.on('request', (request: IncomingMessage, response) => {
    void bodyOf(request).then((text) => {
      const body = text === '' ? {} : (JSON.parse(text) as Call['body'])
      calls.push({ url: request.url ?? '', body })
      if (request.url === '/.well-known/openid-configuration') {
        return void response.writeHead(302, { location: '/discovery' }).end()
      }
      response.setHeader('content-type', 'application/json')
      response.end(JSON.stringify(answerTo(request.url ?? '', body)))
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const url = `https://127.0.0.1:${(server.address() as AddressInfo).port}`

  function answerTo(path: string, body: Call['body']): JsonValue | object {
    switch (path) {
      case '/discovery':
        return { issuer: url, jwks_uri: `${url}/keys` }
      case '/keys':
        return {
          keys: [{ ...keyPair.publicKey.export({ format: 'jwk' }), kid: 'one', alg: 'ES256', use: 'sig' }],
        }
      case '/tokens': {
        const isKnown = body.spec?.['token'] === 'opaque-secret-token'
        const user = { username: 'remote', groups: ['remotes'] }
        return { ...body, status: isKnown ? { authenticated: true, user } : { authenticated: false } }
      }
      default: {
        const { user } = body.spec ?? {}
        const status =
          user === 'oidc:denied'
            ? { allowed: false, denied: true, reason: 'not today' }
            : { allowed: user === 'oidc:jane' }
        return { ...body, status }
      }
    }
  }
  return {
    url,
    authorityPem: authority.certificatePem,
    calls,
    close: () => server.close().closeAllConnections(),
  }
}

async function bodyOf(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = []
  for await (const chunk of request) chunks.push(chunk as Buffer)
  return Buffer.concat(chunks).toString()
}

function aFile(name: string, content: unknown): string {
  const path = join(folder, name)
  writeFileSync(path, typeof content === 'string' ? content : JSON.stringify(content), { mode: 0o600 })
  return path
}

describe('a cluster whose security is configured by files', () => {
  let cluster: TestCluster
  let provider: Awaited<ReturnType<typeof startProvider>>

  const authentication = (prefix: string) => ({
    apiVersion: 'apiserver.config.k8s.io/v1',
    kind: 'AuthenticationConfiguration',
    jwt: [
      {
        issuer: { url: provider.url, audiences: ['k8ts'], certificateAuthority: provider.authorityPem },
        claimValidationRules: [{ expression: "claims.hd == 'example.com'", message: 'only example.com' }],
        claimMappings: {
          username: { claim: 'sub', prefix },
          groups: { expression: "claims.roles.split(',')" },
          uid: { claim: 'sub' },
          extra: [{ key: 'example.com/tenant', valueExpression: 'claims.?tenant.orValue("none")' }],
        },
        userValidationRules: [
          { expression: "!user.username.startsWith('system:')", message: 'system names are reserved' },
        ],
      },
    ],
    anonymous: { enabled: true, conditions: [{ path: '/livez' }] },
  })
  const webhookKubeconfig = (path: string) => ({
    apiVersion: 'v1',
    kind: 'Config',
    'current-context': 'x',
    clusters: [
      {
        name: 'x',
        cluster: {
          server: `${provider.url}${path}`,
          'certificate-authority-data': btoa(provider.authorityPem),
        },
      },
    ],
    users: [{ name: 'x', user: {} }],
    contexts: [{ name: 'x', context: { cluster: 'x', user: 'x' } }],
  })

  before(async () => {
    provider = await startProvider()
    cluster = await startCluster({
      log,
      securityFiles: {
        authenticationConfig: aFile('authentication.yaml', authentication('oidc:')),
        authenticationTokenWebhookConfigFile: aFile('tokens.yaml', webhookKubeconfig('/tokens')),
        tokenAuthFile: aFile('tokens.csv', 'static-secret-token,bob,u-1,"dev,ops"\n'),
        authorizationConfig: aFile('authorization.yaml', {
          apiVersion: 'apiserver.config.k8s.io/v1',
          kind: 'AuthorizationConfiguration',
          authorizers: [
            {
              type: 'Webhook',
              name: 'guard',
              webhook: {
                timeout: '3s',
                subjectAccessReviewVersion: 'v1',
                matchConditionSubjectAccessReviewVersion: 'v1',
                failurePolicy: 'Deny',
                connectionInfo: {
                  type: 'KubeConfigFile',
                  kubeConfigFile: aFile('guard.yaml', webhookKubeconfig('/guard')),
                },
                matchConditions: [
                  {
                    expression:
                      "has(request.resourceAttributes) && request.resourceAttributes.resource == 'pods'",
                  },
                  { expression: "request.user.startsWith('oidc:')" },
                ],
              },
            },
            { type: 'Node', name: 'node' },
            { type: 'RBAC', name: 'rbac' },
          ],
        }),
      },
    })
  })
  after(async () => {
    await cluster.stop()
    provider.close()
    rmSync(folder, { recursive: true, force: true })
  })

  const clientWith = (token?: string) =>
    createHttpClient({
      server: cluster.server,
      caData: cluster.certificateAuthority,
      ...(token !== undefined && { token }),
    })

  async function whoIs(token: string) {
    const client = clientWith(token)
    try {
      const review: SelfSubjectReview = await client.create(selfSubjectReviews, {})
      return review.status?.userInfo
    } finally {
      client.close()
    }
  }
  const idToken = (claims: Readonly<Record<string, JsonValue>> = {}) =>
    signToken(
      {
        iss: provider.url,
        aud: 'k8ts',
        sub: 'jane',
        hd: 'example.com',
        roles: 'dev,ops',
        exp: Math.floor(systemClock.now() / 1000) + 600,
        ...claims,
      },
      keyPair.privateKey,
      'one',
    )

  it('knows users by ID tokens', async () => {
    for (let tries = 0; !(await whoIs(idToken()).catch(() => undefined)); tries++) {
      assert.ok(tries < 100, 'the keys of the issuer were not found')
      await pause(100)
    }
    assert.deepEqual(await whoIs(idToken({ jti: 'j-1' })), {
      username: 'oidc:jane',
      uid: 'jane',
      groups: ['dev', 'ops', 'system:authenticated'],
      extra: {
        'authentication.kubernetes.io/credential-id': ['JTI=j-1'],
        'example.com/tenant': ['none'],
      },
    })
  })

  const wrong: readonly (readonly [string, () => string])[] = [
    ['of another audience', () => idToken({ aud: 'others' })],
    ['that ended', () => idToken({ exp: 1 })],
    ['without an end', () => idToken({ exp: 'never' })],
    ['that begins later', () => idToken({ nbf: Math.floor(systemClock.now() / 1000) + 600 })],
    ['that a rule refuses', () => idToken({ hd: 'example.org' })],
    [
      'signed by somebody else',
      () => signToken({ iss: provider.url, aud: 'k8ts', exp: 2 ** 33 }, generateKeyPair().privateKey, 'one'),
    ],
    ['whose signature is cut off', () => `${idToken().split('.').slice(0, 2).join('.')}.`],
    ['that names no algorithm', () => `${btoa('{"alg":"none"}')}.${idToken().split('.')[1]}.`],
  ]
  for (const [what, token] of wrong) {
    it(`refuses an ID token ${what}`, async () => {
      await assert.rejects(whoIs(token()), (error) => isUnauthorized(error))
    })
  }

  it('knows users by a webhook, and by a file', async () => {
    const remote = await whoIs('opaque-secret-token')
    assert.deepEqual(remote, { username: 'remote', groups: ['remotes', 'system:authenticated'] })
    const asked = () => provider.calls.filter(({ url }) => url === '/tokens').length
    const before = asked()
    await whoIs('opaque-secret-token')
    assert.equal(asked(), before)
    assert.deepEqual(await whoIs('static-secret-token'), {
      username: 'bob',
      uid: 'u-1',
      groups: ['dev', 'ops', 'system:authenticated'],
    })
    await assert.rejects(whoIs('unknown-secret-token'), (error) => isUnauthorized(error))
  })

  it('lets requests without a user reach chosen paths only', async () => {
    const nobody = clientWith()
    assert.equal(await nobody.raw('/livez'), 'ok')
    await assert.rejects(nobody.raw('/version'), (error) => isUnauthorized(error))
    nobody.close()
  })

  it('asks the authorisation webhook about what its conditions match, and roles about the rest', async () => {
    const jane = clientWith(idToken())
    await jane.list(pods, { namespace: 'default', fieldSelector: 'spec.nodeName=a' })
    const { body } = provider.calls.findLast(({ url }) => url === '/guard')!
    assert.deepEqual(body.spec?.['resourceAttributes'], {
      namespace: 'default',
      verb: 'list',
      version: 'v1',
      resource: 'pods',
      fieldSelector: { requirements: [{ key: 'spec.nodeName', operator: 'In', values: ['a'] }] },
    })
    const asked = provider.calls.length
    await assert.rejects(jane.list(configMaps, { namespace: 'default' }), (error) => isForbidden(error))
    assert.equal(provider.calls.length, asked)
    jane.close()
    const denied = clientWith(idToken({ sub: 'denied' }))
    await assert.rejects(
      denied.list(pods, { namespace: 'default' }),
      /in the namespace "default": not today$/,
    )
    denied.close()
  })

  it('reads the configuration again when it changes, and keeps to it when the new one is wrong', async () => {
    const path = join(folder, 'authentication.yaml')
    writeFileSync(path, JSON.stringify(authentication('other:')))
    const isOther = async () => (await whoIs(idToken()).catch(() => undefined))?.username === 'other:jane'
    for (let tries = 0; !(await isOther()); tries++) {
      assert.ok(tries < 100, 'the file was not read again')
      await pause(100)
    }
    writeFileSync(path, 'kind: Wrong')
    const isLogged = () => logged.some((line) => line.includes('could not be read again'))
    for (let tries = 0; !isLogged(); tries++) {
      assert.ok(tries < 100, 'the mistake was not logged')
      await pause(100)
    }
    assert.ok(await isOther())
  })

  // CVE-2019-11250, CVE-2020-8565: clients' and servers' logs held the tokens of requests.
  it('never logs a credential', () => {
    const text = logged.join('\n')
    for (const secret of [
      'static-secret-token',
      'opaque-secret-token',
      'unknown-secret-token',
      idToken().slice(0, 60),
    ]) {
      assert.ok(!text.includes(secret), `a log holds ${secret}`)
    }
  })
})
