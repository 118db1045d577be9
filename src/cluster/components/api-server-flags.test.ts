import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import type { AuditEvent } from '../../apiserver/audit/audit-event.ts'
import { startWebhookServer } from '../../apiserver/webhook/testing/webhook-server.ts'
import type { Pod } from '../../api/generated/core.v1.ts'
import type { TokenRequest } from '../../api/generated/authentication.v1.ts'
import {
  configMaps,
  events,
  namespaces,
  pods,
  secrets,
  serviceAccounts,
  tokenReviews,
} from '../../api/generated/resources.ts'
import { createHttpClient } from '../../client/http/http-client.ts'
import { systemClock } from '../../machinery/clock.ts'
import type { JsonValue } from '../../machinery/meta.ts'
import { parseToken, signToken, tokenKeyId } from '../../machinery/pki/json-web-token.ts'
import { encodePublicKey, generateKeyPair } from '../../machinery/pki/key-pair.ts'
import type { StatusError } from '../../machinery/status.ts'
import { parseCommandLine } from '../cli/command-line.ts'
import { componentCommands } from '../commands/component.ts'
import { parseApiServer, parseSecurityFiles } from '../commands/up-options.ts'
import { startApiServerProcess, TestFolder } from './testing/api-server-process.ts'

interface EventList {
  readonly kind: string
  readonly apiVersion: string
  readonly items: readonly AuditEvent[]
}

test('the API server of a process of its own posts audit events in batches, and loses none as it stops', async () => {
  using folder = new TestFolder()
  await using receiver = await startWebhookServer()
  let refusals = 0
  receiver.respond = (_body, response) => {
    response.statusCode = refusals-- > 0 ? 503 : 200
    response.end()
  }
  const policy = folder.file('policy.yaml', {
    apiVersion: 'audit.k8s.io/v1',
    kind: 'Policy',
    omitStages: ['RequestReceived'],
    rules: [
      { level: 'Metadata', resources: [{ group: '', resources: ['secrets'] }] },
      { level: 'RequestResponse', resources: [{ group: '', resources: ['configmaps'] }] },
      { level: 'None' },
    ],
  })
  const logPath = join(folder.path, 'audit.log')
  const server = await startApiServerProcess(folder, [
    `--audit-policy-file=${policy}`,
    `--audit-log-path=${logPath}`,
    '--audit-log-mode=batch',
    `--audit-webhook-config-file=${folder.kubeconfig('audit.yaml', receiver.target('/events'))}`,
    '--audit-webhook-initial-backoff=500ms',
    '--audit-webhook-batch-max-size=10',
    '--audit-webhook-batch-max-wait=10m',
    '--audit-webhook-truncate-enabled',
    '--audit-webhook-truncate-max-event-size=2000',
  ])
  const { client } = server
  const inDefault = { namespace: 'default' }
  const data = { value: 'a-secret-value' }
  for (let count = 0; count < 24; count++) {
    const metadata = { ...inDefault, name: `s-${count}` }
    await client.create(secrets, { metadata, stringData: data })
  }
  const large = { value: 'x'.repeat(5000) }
  await client.create(configMaps, { metadata: { ...inDefault, name: 'large' }, data: large })
  refusals = 2
  assert.equal(await server.stop(), 0)

  const lists = receiver.calls.map(({ body }) => body as EventList)
  assert.deepEqual([lists[0]?.kind, lists[0]?.apiVersion], ['EventList', 'audit.k8s.io/v1'])
  assert.ok(lists.every(({ items }) => items.length <= 10))
  // Those that were refused came again.
  const received = new Map(lists.flatMap(({ items }) => items.map((event) => [event.auditID, event])))
  const own = [...received.values()]
  const logged = readFileSync(logPath, 'utf8').trim().split('\n')
  const events = logged.map((line) => JSON.parse(line) as AuditEvent)
  for (const seen of [own, events]) {
    const created = seen.filter(
      ({ objectRef, verb }) => verb === 'create' && objectRef?.namespace === 'default',
    )
    const names = created
      .map(({ objectRef }) => objectRef?.name)
      .filter((name) => name !== 'kube-root-ca.crt')
    assert.equal(new Set(names).size, 25)
  }
  const truncated = own.find(({ objectRef }) => objectRef?.name === 'large')
  assert.equal(truncated?.annotations?.['audit.k8s.io/truncated'], 'true')
  assert.equal(truncated?.requestObject, undefined)
  assert.ok(!JSON.stringify([...lists, ...events]).includes(Buffer.from('a-secret-value').toString('base64')))
})

test('optional admission plugins do as their configuration says', async () => {
  using folder = new TestFolder()
  await using images = await startWebhookServer()
  images.respond = ({ spec }: { readonly spec: { readonly containers: { readonly image: string }[] } }) => {
    const isBad = spec.containers.some(({ image }) => image.startsWith('bad'))
    const status = { allowed: !isBad, ...(isBad && { reason: 'bad image' }) }
    return { kind: 'ImageReview', apiVersion: 'imagepolicy.k8s.io/v1alpha1', status }
  }
  folder.kubeconfig('images.kubeconfig', images.target())
  folder.file('limits.yaml', {
    apiVersion: 'eventratelimit.admission.k8s.io/v1alpha1',
    kind: 'Configuration',
    limits: [{ type: 'Namespace', qps: 1, burst: 2 }],
  })
  const plugin = (name: string, configuration: object) => ({ name, configuration })
  const configuration = folder.file('admission.yaml', {
    apiVersion: 'apiserver.config.k8s.io/v1',
    kind: 'AdmissionConfiguration',
    plugins: [
      { name: 'EventRateLimit', path: 'limits.yaml' },
      plugin('ImagePolicyWebhook', { imagePolicy: { kubeConfigFile: 'images.kubeconfig', allowTTL: 60 } }),
      plugin('PodNodeSelector', {
        podNodeSelectorPluginConfig: {
          clusterDefaultNodeSelector: 'pool=usual',
          default: 'pool=usual,disk=ssd',
        },
      }),
      plugin('PodTolerationRestriction', {
        apiVersion: 'podtolerationrestriction.admission.k8s.io/v1alpha1',
        kind: 'Configuration',
        default: [{ key: 'pool', operator: 'Equal', value: 'usual', effect: 'NoSchedule' }],
        whitelist: [
          { key: 'pool', operator: 'Exists' },
          { operator: 'Exists', effect: 'NoExecute' },
        ],
      }),
      plugin('PodSecurity', {
        apiVersion: 'pod-security.admission.config.k8s.io/v1',
        kind: 'PodSecurityConfiguration',
        defaults: { enforce: 'baseline', 'enforce-version': 'v1.30' },
        exemptions: { namespaces: ['exempt'] },
      }),
      plugin('ResourceQuota', {
        apiVersion: 'apiserver.config.k8s.io/v1',
        kind: 'ResourceQuotaConfiguration',
        limitedResources: [
          { resource: 'pods', matchContains: ['example.com/gpu'] },
          {
            resource: 'pods',
            matchScopes: [{ scopeName: 'PriorityClass', operator: 'In', values: ['system-node-critical'] }],
          },
        ],
      }),
    ],
  })
  await using server = await startApiServerProcess(folder, [
    '--enable-admission-plugins=EventRateLimit,ImagePolicyWebhook,PodNodeSelector,PodTolerationRestriction',
    '--disable-admission-plugins=ServiceAccount',
    `--admission-control-config-file=${configuration}`,
  ])
  const { client } = server
  const container = { name: 'c', image: 'good' }
  const pod = (name: string, spec: object = {}, namespace = 'default') =>
    ({ metadata: { name, namespace }, spec: { containers: [container], ...spec } }) as Pod
  const create = (...args: Parameters<typeof pod>) => client.create(pods, pod(...args))
  const refused = async (work: Promise<unknown>) => {
    const error = (await work.then(
      () => assert.fail('not refused'),
      (caught: unknown) => caught,
    )) as StatusError
    return `${error.status.code} ${error.status.message}`
  }

  const { spec } = await create('plain')
  assert.deepEqual(spec?.nodeSelector, { pool: 'usual' })
  assert.deepEqual(
    spec?.tolerations?.map(({ key }) => key),
    ['node.kubernetes.io/not-ready', 'node.kubernetes.io/unreachable', 'pool'],
  )
  assert.equal(
    await refused(create('elsewhere', { nodeSelector: { pool: 'other' } })),
    '403 pods "elsewhere" is forbidden: pod node label selector conflicts with its namespace node label selector',
  )
  assert.equal(
    await refused(create('outside', { nodeSelector: { zone: 'a' } })),
    '403 pods "outside" is forbidden: pod node label selector labels conflict with its namespace whitelist',
  )
  assert.equal(
    await refused(create('tolerant', { tolerations: [{ key: 'other', operator: 'Exists' }] })),
    '500 pod tolerations (possibly merged with namespace default tolerations) conflict with its cluster whitelist',
  )
  assert.equal(
    await refused(create('image', { initContainers: [{ name: 'i', image: 'bad:1' }] })),
    '403 pods "image" is forbidden: image policy webhook backend denied one or more images: bad image',
  )
  const asked = images.calls.length
  await create('cached')
  assert.equal(images.calls.length, asked)
  assert.match(
    await refused(create('host', { hostNetwork: true })),
    /^403 pods "host" is forbidden: violates PodSecurity "baseline:v1.30": host namespaces \(hostNetwork=true\)$/,
  )
  await client.create(namespaces, { metadata: { name: 'exempt' } })
  await create('host', { hostNetwork: true }, 'exempt')
  const gpu = { requests: { 'example.com/gpu': '1' }, limits: { 'example.com/gpu': '1' } }
  assert.equal(
    await refused(create('gpu', { containers: [{ ...container, resources: gpu }] })),
    '403 pods "gpu" is forbidden: insufficient quota to consume: requests.example.com/gpu',
  )
  assert.equal(
    await refused(create('critical', { priorityClassName: 'system-node-critical' })),
    '500 insufficient quota to match these scopes: [{PriorityClass In [system-node-critical]}]',
  )
  const event = (name: string) => ({
    metadata: { name, namespace: 'default' },
    involvedObject: { kind: 'Pod', namespace: 'default', name: 'plain' },
  })
  await client.create(events, event('one'))
  await client.create(events, event('two'))
  assert.equal(
    await refused(client.create(events, event('three'))),
    '429 Too many requests: limit reached on type Namespace for key default',
  )
})

test('service accounts’ tokens are made and believed as the flags say', async () => {
  using folder = new TestFolder()
  const before = generateKeyPair()
  const issuers = ['https://new.example', 'https://old.example']
  const flags = [
    ...issuers.map((issuer) => `--service-account-issuer=${issuer}`),
    '--api-audiences=api,https://old.example',
    '--service-account-max-token-expiration=2h',
    '--service-account-jwks-uri=https://new.example/keys',
    `--service-account-key-file=${folder.file('old.pem', encodePublicKey(before.publicKey))}`,
    '--default-not-ready-toleration-seconds=7',
    '--default-unreachable-toleration-seconds=8',
  ]
  await using server = await startApiServerProcess(folder, flags)
  const { client } = server
  const account = await client.create(serviceAccounts, {
    metadata: { name: 'builder', namespace: 'default' },
  })
  const wanted: TokenRequest = {
    apiVersion: 'authentication.k8s.io/v1',
    kind: 'TokenRequest',
    spec: { audiences: [], expirationSeconds: 10_000 },
  }
  const builder = { namespace: 'default', name: 'builder' }
  const { status, spec } = await client.createSubresource<TokenRequest>(
    serviceAccounts,
    builder,
    'token',
    wanted,
  )
  const { claims } = parseToken(status?.token ?? '')!
  assert.deepEqual([claims['iss'], claims['aud']], [issuers[0], ['api', 'https://old.example']])
  assert.equal(spec?.expirationSeconds, 7200)
  const oldToken = signToken(
    { ...claims, iss: 'https://old.example', aud: ['https://old.example'] },
    before.privateKey,
    tokenKeyId(before.publicKey),
  )
  for (const token of [status?.token ?? '', oldToken]) {
    const review = await client.create(tokenReviews, { spec: { token } })
    assert.equal(review.status?.user?.uid, account.metadata?.uid, review.status?.error ?? '')
  }
  const discovered = await client.raw('/.well-known/openid-configuration')
  const document = JSON.parse(discovered) as Record<string, unknown>
  assert.deepEqual([document['issuer'], document['jwks_uri']], [issuers[0], 'https://new.example/keys'])
  const pod = await client.create(pods, {
    metadata: { name: 'p', namespace: 'default' },
    spec: { serviceAccountName: 'builder', containers: [{ name: 'c', image: 'x' }] },
  })
  assert.deepEqual(
    pod.spec?.tolerations?.map(({ tolerationSeconds }) => tolerationSeconds),
    [7, 8],
  )
})

test('a plugin that cannot be made keeps the API server from starting, and is named', async () => {
  using folder = new TestFolder()
  await assert.rejects(
    startApiServerProcess(folder, ['--enable-admission-plugins=ImagePolicyWebhook']),
    /couldn't init admission plugin "ImagePolicyWebhook": no config specified/,
  )
})

test('flags that make no sense are refused in the words of kube-apiserver', () => {
  const wrong: readonly (readonly [readonly string[], RegExp])[] = [
    [['--enable-admission-plugins=Nonsense'], /enable-admission-plugins plugin "Nonsense" is unknown/],
    [
      ['--enable-admission-plugins=PodSecurity', '--disable-admission-plugins=PodSecurity'],
      /\[PodSecurity\] in enable-admission-plugins and disable-admission-plugins overlapped/,
    ],
    [
      ['--audit-webhook-config-file=x', '--audit-webhook-mode=sometimes'],
      /invalid audit webhook mode sometimes, allowed modes are "batch,blocking,blocking-strict"/,
    ],
    [
      ['--service-account-max-token-expiration=10m'],
      /the service-account-max-token-expiration must be between 1 hour and 2\^32 seconds/,
    ],
    [['--service-account-issuer='], /service-account-issuer should not be an empty string/],
    [
      ['--service-account-issuer=a', '--service-account-issuer=a'],
      /service-account-issuer "a" is already specified/,
    ],
    [['--service-account-issuer=:'], /service-account-issuer ":" contained a ':' but was invalid URL/],
    [['--service-account-jwks-uri=http://x'], /service-account-jwks-uri requires https scheme/],
    [['--authorization-mode=Magic'], /authorization-mode "Magic" is not a valid mode/],
    [
      ['--authorization-mode=RBAC,RBAC'],
      /authorization-mode \["RBAC" "RBAC"\] has mode specified more than once/,
    ],
    [['--authorization-mode=Webhook'], /authorization-mode Webhook's authorization config file not passed/],
    [['--authorization-policy-file=x'], /cannot specify --authorization-policy-file without mode ABAC/],
    [
      ['--authorization-config=x', '--authorization-mode=RBAC'],
      /--authorization-config can not be specified when --authorization-mode or --authorization-webhook-\* flags are defined/,
    ],
    [
      ['--oidc-issuer-url=https://example.com'],
      /oidc-issuer-url and oidc-client-id must be specified together when any oidc-\* flags are set/,
    ],
    [
      ['--authentication-config=x', '--oidc-client-id=x'],
      /authentication-config file and oidc-\* flags are mutually exclusive/,
    ],
    [
      ['--anonymous-auth=maybe'],
      /invalid argument "maybe" for "--anonymous-auth" flag: strconv.ParseBool: parsing "maybe": invalid syntax/,
    ],
    [['--audit-log-maxage=-1'], /--audit-log-maxage -1 can't be a negative number/],
    [
      ['--audit-log-path=-', '--audit-log-truncate-max-batch-size=10'],
      /invalid audit truncate log max batch size 10, must be greater than max event size \(102400\)/,
    ],
  ]
  for (const [args, message] of wrong) {
    const invocation = parseCommandLine(componentCommands, ['component', 'apiserver', ...args])
    assert.ok(invocation.type === 'run')
    const { input } = invocation
    assert.throws(() => [parseApiServer(input), parseSecurityFiles(input)], message)
  }
})

test('users of an issuer are known by --oidc-*, and modes of authorization are asked in order', async () => {
  using folder = new TestFolder()
  const keyPair = generateKeyPair()
  await using provider = await startWebhookServer()
  const issuer = provider.target('').url ?? ''
  const asked: string[] = []
  provider.respond = (body: {
    readonly apiVersion?: string
    readonly spec?: { readonly user?: string; readonly resourceAttributes?: { readonly resource?: string } }
  }) => {
    const { user = '', resourceAttributes } = body.spec ?? {}
    asked.push(`${body.apiVersion} ${user} ${resourceAttributes?.resource}`)
    return { ...body, status: { allowed: user === 'oidc:jane' && resourceAttributes?.resource === 'pods' } }
  }
  provider.documents = {
    '/.well-known/openid-configuration': { issuer, jwks_uri: `${issuer}/keys` },
    '/keys': {
      keys: [{ ...keyPair.publicKey.export({ format: 'jwk' }), kid: 'one', alg: 'ES256', use: 'sig' }],
    },
  }
  const policies = folder.file(
    'abac.jsonl',
    [
      '# who may do what',
      '{"apiVersion":"abac.authorization.kubernetes.io/v1beta1","kind":"Policy","spec":{"group":"readers","readonly":true,"apiGroup":"*","resource":"configmaps","namespace":"*"}}',
    ].join('\n'),
  )
  await using server = await startApiServerProcess(folder, [
    `--oidc-issuer-url=${issuer}`,
    '--oidc-client-id=k8ts',
    `--oidc-ca-file=${folder.file('issuer.pem', Buffer.from(provider.caBundle, 'base64').toString())}`,
    '--oidc-username-prefix=oidc:',
    '--oidc-groups-claim=groups',
    '--oidc-signing-algs=ES256',
    '--oidc-required-claim=hd=example.com',
    '--oidc-required-claim=env=test',
    '--authorization-mode=Node,RBAC,ABAC,Webhook',
    `--authorization-policy-file=${policies}`,
    `--authorization-webhook-config-file=${folder.kubeconfig('guard.yaml', provider.target('/guard'))}`,
    '--anonymous-auth=false',
  ])
  const tokenOf = (claims: Readonly<Record<string, JsonValue>>) => {
    const usual = {
      iss: issuer,
      aud: 'k8ts',
      sub: 'jane',
      groups: ['readers'],
      hd: 'example.com',
      env: 'test',
    }
    const exp = Math.floor(systemClock.now() / 1000) + 600
    return signToken({ ...usual, exp, ...claims }, keyPair.privateKey, 'one')
  }
  const clientOf = (token?: string) =>
    createHttpClient({
      server: server.server,
      caData: server.certificateAuthority,
      ...(token && { token }),
    })
  const statusOf = async (work: Promise<unknown>) =>
    work.then(
      () => 200,
      (error: unknown) => (error as StatusError).status.code,
    )
  const inDefault = { namespace: 'default' }
  using jane = disposable(clientOf(tokenOf({})))
  // The keys of the issuer are fetched when the server has started.
  for (let tries = 0; (await statusOf(jane.list(pods, inDefault))) !== 200; tries++) {
    assert.ok(tries < 100, 'the issuer is not known')
    await pause(50)
  }
  assert.equal(await statusOf(jane.list(configMaps, inDefault)), 200)
  assert.equal(await statusOf(jane.create(configMaps, { metadata: { ...inDefault, name: 'a' } })), 403)
  assert.equal(await statusOf(jane.list(secrets, inDefault)), 403)
  assert.ok(asked.includes('authorization.k8s.io/v1beta1 oidc:jane secrets'))
  using wrong = disposable(clientOf(tokenOf({ env: 'other' })))
  assert.equal(await statusOf(wrong.list(pods, inDefault)), 401)
  using nobody = disposable(clientOf())
  assert.equal(await statusOf(nobody.list(pods, inDefault)), 401)
})

function disposable<T extends { close(): void }>(value: T): T & Disposable {
  return Object.assign(value, { [Symbol.dispose]: () => value.close() })
}
