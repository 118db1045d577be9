import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import type { TokenRequest } from '../../src/api/generated/authentication.v1.ts'
import {
  configMaps,
  customResourceDefinitions,
  namespaces,
  networkPolicies,
  nodes,
  pods,
  roleBindings,
  roles,
  secrets,
  serviceAccounts,
  validatingWebhookConfigurations,
} from '../../src/api/generated/resources.ts'
import { startWebhookServer } from '../../src/apiserver/webhook/testing/webhook-server.ts'
import type { Node } from '../../src/api/generated/core.v1.ts'
import type { Client } from '../../src/client/client.ts'
import type { ObjectMeta } from '../../src/machinery/meta.ts'
import { parseKubeconfig } from '../../src/client/kubeconfig.ts'
import { startCluster, type TestCluster } from '../../src/cluster/testing.ts'
import type { Resource } from '../../src/machinery/resource.ts'
import { isConflict, isForbidden, isNotFound } from '../../src/machinery/status-errors.ts'
import { untilObject } from '../conformance/harness/until-object.ts'
import { rawRequest, type RawAnswer, type RawRequest } from './raw-request.ts'

/*
 * Holes that API servers had, by who found them first: each test fails on a server that has the hole. The others:
 * - request smuggling, CVE-2019-11253, CVE-2019-11254, CVE-2019-1002100, CVE-2021-25737: hostile-requests.test.ts
 * - a node's credentials used on others' objects: node-credentials.test.ts, src/apiserver/authorization/node
 * - tokens in logs (CVE-2019-11250, CVE-2020-8565): src/cluster/security/security.test.ts
 * - upgraded connections (CVE-2018-1002105), redirects (CVE-2020-8559, CVE-2022-3172): src/apiserver/{aggregation,connect}
 * - proxies that lead to the node itself, and CVE-2020-8558: src/apiserver/connect, src/proxy/loopback.test.ts
 * - links that lead out of volumes (CVE-2017-1002101, CVE-2017-1002102, CVE-2021-25741): src/kubelet/volumes/symlinks.test.ts
 * - what the kubelet serves, and to whom (CVE-2025-0426): src/kubelet/server/kubelet-server.test.ts
 * - CVE-2019-11245, CVE-2023-2431: src/kubelet/containers/security.test.ts
 * - full disks (CVE-2020-8557): src/kubelet/eviction/eviction.test.ts
 * - answers of a runtime that make no sense: src/kubelet/runtime/cri/from-cri.test.ts
 */

let cluster: TestCluster
let admin: { readonly cert: string; readonly key: string }
let token = ''

const container = { name: 'c', image: 'busybox' }

before(async () => {
  cluster = await startCluster()
  const { connection } = parseKubeconfig(cluster.kubeconfig)
  admin = { cert: connection.certData ?? '', key: connection.keyData ?? '' }
  const { client } = cluster
  for (const name of ['mine', 'theirs']) {
    await client.create(namespaces, { metadata: { name } })
    await untilObject(client, serviceAccounts, { namespace: name, name: 'default' }, () => true)
    await client.create(secrets, {
      metadata: { namespace: name, name: 'secret' },
      stringData: { key: 'treasure' },
    })
    await client.create(configMaps, { metadata: { namespace: name, name: 'map' }, data: { key: 'harmless' } })
  }
  await client.create(roles, {
    metadata: { namespace: 'mine', name: 'reader' },
    rules: [
      { apiGroups: [''], resources: ['configmaps'], verbs: ['get', 'list'] },
      { apiGroups: ['safety.example.com'], resources: ['*'], verbs: ['*'] },
    ],
  })
  await client.create(roleBindings, {
    metadata: { namespace: 'mine', name: 'reader' },
    roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'Role', name: 'reader' },
    subjects: [{ kind: 'ServiceAccount', namespace: 'mine', name: 'default' }],
  })
  const request: TokenRequest = { spec: { audiences: [] } }
  const name = { namespace: 'mine', name: 'default' }
  const { status } = await client.createSubresource<TokenRequest>(serviceAccounts, name, 'token', request)
  token = status?.token ?? ''
})
after(() => cluster.stop())

function send(wanted: RawRequest): Promise<RawAnswer> {
  return rawRequest(cluster.server, cluster.certificateAuthority, wanted)
}

/** Controllers write nodes at the same time: what they changed meanwhile is no reason to fail here. */
async function updateLatest(client: Client, name: string, metadata: ObjectMeta): Promise<Node> {
  for (;;) {
    const node = await client.get(nodes, { name })
    try {
      return await client.update(nodes, { ...node, metadata: { ...node.metadata, ...metadata } })
    } catch (error) {
      if (!isConflict(error)) throw error
    }
  }
}

describe('header confusion in the front proxy', () => {
  const review = {
    method: 'POST',
    path: '/apis/authentication.k8s.io/v1/selfsubjectreviews',
    body: { apiVersion: 'authentication.k8s.io/v1', kind: 'SelfSubjectReview' },
  }
  const claimed = [
    'X-Remote-User: system:admin',
    'X-Remote-User: other',
    'x-remote-group: system:masters',
    'X-Remote-Extra-Scopes: all',
    'X_Remote_User: system:admin',
  ]

  it('believes no header of who has no certificate', async () => {
    const answer = await send({ path: '/api/v1/namespaces/theirs/secrets', headers: claimed })
    assert.equal(answer.status, 403)
    assert.match(answer.text, /User \\"system:anonymous\\" cannot list/)
  })

  it('believes no header beside a token', async () => {
    const headers = [...claimed, `Authorization: Bearer ${token}`]
    const answer = await send({ ...review, headers })
    const { userInfo } = JSON.parse(answer.text).status
    assert.equal(userInfo.username, 'system:serviceaccount:mine:default')
    assert.ok(!userInfo.groups.includes('system:masters'))
  })

  it('believes no header of a client whose certificate is not of the proxy’s authority', async () => {
    const answer = await send({ ...review, headers: claimed, certificate: admin })
    assert.equal(JSON.parse(answer.text).status.userInfo.username, 'kubernetes-admin')
  })
})

describe('path tricks in names', () => {
  const paths = [
    '/api/v1/namespaces/mine/configmaps/../../theirs/secrets/secret',
    '/api/v1/namespaces/mine/configmaps/..%2f..%2ftheirs%2fsecrets%2fsecret',
    '/api/v1/namespaces/mine/configmaps/%2e%2e/secrets/secret',
    '/api/v1/namespaces/mine/configmaps/%2e%2e%2fsecrets%2fsecret',
    '/api/v1/namespaces/mine%2f..%2ftheirs/secrets/secret',
    '/api/v1/namespaces/mine/../theirs/secrets/secret',
    '//api/v1/namespaces/theirs/secrets/secret',
    '/api/v1/namespaces/mine/configmaps/map/../../secrets/secret',
    '/api/v1/namespaces/mine/configmaps/map%00/../secret',
    '/healthz/../api/v1/namespaces/theirs/secrets/secret',
    '/version/%2e%2e/api/v1/namespaces/theirs/secrets/secret',
    '/api/v1/namespaces/mine/configmaps\\..\\secrets\\secret',
    '/api/v1/watch/namespaces/mine/configmaps/../secrets',
  ]
  for (const path of paths) {
    it(path, async () => {
      const answer = await send({ path, headers: [`Authorization: Bearer ${token}`] })
      assert.ok([301, 307, 400, 403, 404].includes(answer.status), `${answer.status}`)
      assert.ok(!answer.text.includes(btoa('treasure')))
    })
  }
})

describe('wrong scope for custom resources', () => {
  const group = 'safety.example.com'
  const definition = (plural: string, kind: string, scope: string) => ({
    metadata: { name: `${plural}.${group}` },
    spec: {
      group,
      scope,
      names: { plural, kind },
      versions: [
        {
          name: 'v1',
          served: true,
          storage: true,
          schema: { openAPIV3Schema: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true } },
        },
      ],
    },
  })
  const resourceOf = (resource: string, kind: string, namespaced: boolean): Resource => ({
    group,
    version: 'v1',
    resource,
    kind,
    namespaced,
  })
  const wides = resourceOf('wides', 'Wide', false)
  const foos = resourceOf('foos', 'Foo', true)
  const foosBars = resourceOf('foosbars', 'FoosBar', true)

  before(async () => {
    const { client } = cluster
    const all = [
      [definition('wides', 'Wide', 'Cluster'), wides],
      [definition('foos', 'Foo', 'Namespaced'), foos],
      [definition('foosbars', 'FoosBar', 'Namespaced'), foosBars],
    ] as const
    for (const [wanted, resource] of all) {
      await client.create(customResourceDefinitions, wanted)
      await untilObject(client, customResourceDefinitions, { name: wanted.metadata.name }, ({ status }) =>
        Boolean(status?.conditions?.some(({ type, status: is }) => type === 'Established' && is === 'True')),
      )
      const metadata = resource.namespaced ? { namespace: 'theirs', name: 'one' } : { name: 'one' }
      const object = { apiVersion: `${group}/v1`, kind: resource.kind, metadata, secret: 'treasure' }
      await client.create(resource, object)
    }
  })

  it('CVE-2019-11247: objects of the cluster cannot be reached by rights in a namespace', async () => {
    for (const [method, path] of [
      ['GET', `/apis/${group}/v1/namespaces/mine/wides/one`],
      ['GET', `/apis/${group}/v1/namespaces/mine/wides`],
      ['DELETE', `/apis/${group}/v1/namespaces/mine/wides/one`],
    ] as const) {
      const answer = await send({ method, path, headers: [`Authorization: Bearer ${token}`] })
      assert.equal(answer.status, 404, `${method} ${path}`)
      assert.ok(!answer.text.includes('treasure'))
    }
    assert.ok(await cluster.client.get(wides, { name: 'one' }))
  })

  it('CVE-2022-3162: who may list one kind sees nothing of another one of the group', async () => {
    for (const query of [
      '',
      '?fieldSelector=metadata.name%3D..%2F..%2Ffoosbars%2Ftheirs%2Fone',
      '?limit=1',
    ]) {
      const listed = await send({ path: `/apis/${group}/v1/foos${query}`, certificate: admin })
      assert.equal(listed.status, 200)
      assert.ok(!listed.text.includes('FoosBar"'), query)
    }
    const path = `/apis/${group}/v1/namespaces/..%2Ffoosbars%2Ftheirs/foos`
    const answer = await send({ path, certificate: admin })
    assert.ok(!answer.text.includes('treasure'))
  })
})

it('rights to nodes in a namespace are no rights to nodes', async () => {
  const { client } = cluster
  const rules = [{ apiGroups: [''], resources: ['nodes', 'nodes/proxy', 'nodes/status'], verbs: ['*'] }]
  await client.create(roles, { metadata: { namespace: 'mine', name: 'nodes' }, rules })
  await client.create(roleBindings, {
    metadata: { namespace: 'mine', name: 'nodes' },
    roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'Role', name: 'nodes' },
    subjects: [{ kind: 'ServiceAccount', namespace: 'mine', name: 'default' }],
  })
  await client.create(nodes, { metadata: { name: 'whole' } })
  for (const path of ['whole', 'whole/proxy/pods', 'whole/status', '']) {
    const headers = [`Authorization: Bearer ${token}`]
    const answer = await send({ path: `/api/v1/namespaces/mine/nodes/${path}`, headers })
    assert.equal(answer.status, 404, path)
  }
})

it('CVE-2023-2728: an ephemeral container reads no secret that its account may not mount', async () => {
  const { client } = cluster
  const metadata = {
    namespace: 'mine',
    name: 'limited',
    annotations: { 'kubernetes.io/enforce-mountable-secrets': 'true' },
  }
  await client.create(serviceAccounts, { metadata, automountServiceAccountToken: false })
  const name = { namespace: 'mine', name: 'limited' }
  const spec = { serviceAccountName: 'limited', containers: [container] }
  const pod = await client.create(pods, { metadata: name, spec })
  for (const source of [
    { envFrom: [{ secretRef: { name: 'secret' } }] },
    { env: [{ name: 'A', valueFrom: { secretKeyRef: { name: 'secret', key: 'key' } } }] },
  ]) {
    const ephemeralContainers = [{ ...container, name: 'debug', ...source }]
    await assert.rejects(
      client.update(
        pods,
        { ...pod, spec: { ...pod.spec!, ephemeralContainers } },
        { subresource: 'ephemeralcontainers' },
      ),
      isForbidden,
    )
  }
})

it('CVE-2025-5187: a node neither deletes itself nor says who owns it', async () => {
  const node = cluster.clientAs('system:node:n1', ['system:nodes'])
  await node.create(nodes, { metadata: { name: 'n1' } })
  const owner = { apiVersion: 'v1', kind: 'Namespace', name: 'mine', uid: 'u-1' }
  const ownerReferences = [owner]
  await assert.rejects(
    node.patch(nodes, { name: 'n1' }, { type: 'merge', body: { metadata: { ownerReferences } } }),
    isForbidden,
  )
  await assert.rejects(updateLatest(node, 'n1', { ownerReferences }), isForbidden)
  const status = await node
    .patch(
      nodes,
      { name: 'n1' },
      { type: 'merge', body: { metadata: { ownerReferences } } },
      { subresource: 'status' },
    )
    .catch((error: unknown) => (isForbidden(error) ? undefined : Promise.reject(error as Error)))
  assert.equal(status?.metadata?.ownerReferences, undefined)
  await assert.rejects(node.create(nodes, { metadata: { name: 'n2', ownerReferences } }), isForbidden)
  await assert.rejects(node.delete(nodes, { name: 'n1' }), isForbidden)
  await assert.rejects(node.deleteCollection(nodes), isForbidden)
  assert.ok(await cluster.client.get(nodes, { name: 'n1' }))
})

it('CVE-2021-25735: a webhook is shown what a node was and what it is to be', async () => {
  const { client } = cluster
  await using webhook = await startWebhookServer()
  interface Review {
    readonly request: { readonly uid: string; readonly object: Labelled; readonly oldObject: Labelled }
  }
  type Labelled = { readonly metadata: { readonly labels?: Readonly<Record<string, string>> } }
  webhook.respond = ({ request }: Review) => {
    const [now, was] = [request.object, request.oldObject].map(({ metadata }) => metadata.labels?.['tier'])
    return {
      apiVersion: 'admission.k8s.io/v1',
      kind: 'AdmissionReview',
      response: { uid: request.uid, allowed: now === was },
    }
  }
  await client.create(nodes, { metadata: { name: 'guarded', labels: { tier: 'low' } } })
  await client.create(validatingWebhookConfigurations, {
    metadata: { name: 'guard' },
    webhooks: [
      {
        name: 'guard.example.com',
        admissionReviewVersions: ['v1'],
        sideEffects: 'None',
        failurePolicy: 'Fail',
        clientConfig: webhook.target(),
        matchConditions: [{ name: 'guarded', expression: "object.metadata.name == 'guarded'" }],
        rules: [
          {
            apiGroups: [''],
            apiVersions: ['v1'],
            resources: ['nodes', 'nodes/status'],
            operations: ['UPDATE'],
          },
        ],
      },
    ],
  })
  const labels = { tier: 'high' }
  const attempts = [
    () => client.patch(nodes, { name: 'guarded' }, { type: 'merge', body: { metadata: { labels } } }),
    () => client.patch(nodes, { name: 'guarded' }, { type: 'strategic', body: { metadata: { labels } } }),
    () => updateLatest(client, 'guarded', { labels }),
    () =>
      client.patch(
        nodes,
        { name: 'guarded' },
        { type: 'merge', body: { metadata: { labels }, status: { phase: 'Running' } } },
        { subresource: 'status' },
      ),
  ]
  for (const attempt of attempts) await assert.rejects(attempt(), /denied the request/)
  await client.delete(validatingWebhookConfigurations, { name: 'guard' })
  assert.equal((await client.get(nodes, { name: 'guarded' })).metadata?.labels?.['tier'], 'low')
})

it('CVE-2024-7598: network policies outlive the pods of a namespace that ends', async () => {
  const { client } = cluster
  const namespace = 'ending'
  await client.create(namespaces, { metadata: { name: namespace } })
  await untilObject(client, serviceAccounts, { namespace, name: 'default' }, () => true)
  const held = { namespace, name: 'held' }
  await client.create(networkPolicies, { metadata: { namespace, name: 'closed' }, spec: { podSelector: {} } })
  await client.create(pods, {
    metadata: { ...held, finalizers: ['example.com/hold'] },
    spec: { containers: [container] },
  })
  await client.delete(namespaces, { name: namespace })
  await untilObject(client, pods, held, ({ metadata }) => metadata?.deletionTimestamp !== undefined)
  await untilObject(client, namespaces, { name: namespace }, ({ status }) =>
    Boolean(
      status?.conditions?.some(
        ({ type, status: is }) => type === 'NamespaceContentRemaining' && is === 'True',
      ),
    ),
  )
  assert.ok(await client.get(networkPolicies, { namespace, name: 'closed' }))
  // Nothing new comes into it meanwhile, either.
  await assert.rejects(
    client.create(pods, { metadata: { namespace, name: 'late' }, spec: { containers: [container] } }),
    isForbidden,
  )
  await client.patch(pods, held, { type: 'merge', body: { metadata: { finalizers: null } } })
  const isGone = () => client.get(namespaces, { name: namespace }).then(() => false, isNotFound)
  while (!(await isGone())) await new Promise((resolve) => setImmediate(resolve))
})
