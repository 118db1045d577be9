import assert from 'node:assert/strict'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { connect, type ConnectionOptions } from 'node:tls'
import { after, before, describe, it } from 'node:test'
import type { TokenRequest } from '../../src/api/generated/authentication.v1.ts'
import {
  clusterRoleBindings,
  namespaces,
  pods,
  roleBindings,
  secrets,
  serviceAccounts,
} from '../../src/api/generated/resources.ts'
import { createAdmissionPlugins } from '../../src/apiserver/admission/order.ts'
import { memoryObjects } from '../../src/apiserver/admission/testing/memory-objects.ts'
import { alwaysAllow } from '../../src/apiserver/authorization/always-allow.ts'
import { parseKubeconfig } from '../../src/client/kubeconfig.ts'
import { startCluster, type TestCluster } from '../../src/cluster/testing.ts'
import { kubeletConfiguration } from '../../src/kubelet/configuration/describe-options.ts'
import { fixedFields } from '../../src/kubelet/configuration/configuration-kind.ts'
import { systemClock } from '../../src/machinery/clock.ts'
import { createMetrics } from '../../src/machinery/metrics.ts'
import { systemRandom } from '../../src/machinery/random.ts'
import { isForbidden } from '../../src/machinery/status-errors.ts'
import { rawRequest } from './raw-request.ts'

/*
 * What of the CIS Kubernetes Benchmark 1.12 a machine can check in a cluster as it comes. docs/cis-benchmark.md says where
 * each of its points is met; permissions of files: test/e2e/cis-files.test.ts.
 */

let cluster: TestCluster
let certificate: { readonly cert: string; readonly key: string }
before(async () => {
  cluster = await startCluster()
  const { connection } = parseKubeconfig(cluster.kubeconfig)
  certificate = { cert: connection.certData ?? '', key: connection.keyData ?? '' }
})
after(() => cluster.stop())

async function status(path: string, headers: readonly string[] = []): Promise<number> {
  return (await rawRequest(cluster.server, cluster.certificateAuthority, { path, headers })).status
}

async function handshake(options: ConnectionOptions): Promise<string> {
  const { hostname, port } = new URL(cluster.server)
  const all = { host: hostname, port: Number(port), ca: cluster.certificateAuthority, ...options }
  const socket = connect(all)
  try {
    await once(socket, 'secureConnect')
    return `${socket.getProtocol()} ${socket.getCipher().name}`
  } finally {
    socket.destroy()
  }
}

describe('CIS 1.2: the API server', () => {
  it('1.2.1 who has no name sees that the server is well, and nothing else', async () => {
    for (const path of ['/livez', '/readyz', '/healthz', '/version'])
      assert.equal(await status(path), 200, path)
    for (const path of [
      '/api',
      '/apis',
      '/metrics',
      '/openapi/v2',
      '/logs/',
      '/api/v1/namespaces',
      '/configz',
    ]) {
      assert.equal(await status(path), 403, path)
    }
  })

  it('1.2.2 knows nobody by a file of tokens or by a password', async () => {
    assert.equal(await status('/api', [`Authorization: Basic ${btoa('admin:admin')}`]), 403)
    assert.equal(await status('/api', ['Authorization: Bearer admin']), 401)
  })

  it('1.2.6 to 1.2.8 allows what Node and RBAC allow', async () => {
    const nobody = cluster.clientAs('nobody', ['system:authenticated'])
    await assert.rejects(nobody.list(namespaces), isForbidden)
    const node = cluster.clientAs('system:node:n1', ['system:nodes'])
    await assert.rejects(node.list(secrets), isForbidden)
    await assert.rejects(node.list(pods), isForbidden)
    await node.list(pods, { fieldSelector: 'spec.nodeName=n1' })
  })

  it('1.2.10 to 1.2.14 admits by the plugins that the benchmark asks for', () => {
    const context = {
      objects: memoryObjects(),
      authorizer: alwaysAllow,
      clock: systemClock,
      random: systemRandom,
      servedKind: () => undefined,
      metrics: createMetrics(),
    }
    const names = createAdmissionPlugins(context).map(({ name }) => name)
    for (const name of ['ServiceAccount', 'NamespaceLifecycle', 'NodeRestriction', 'PodSecurity']) {
      assert.ok(names.includes(name), name)
    }
    assert.ok(!names.includes('AlwaysAdmit'))
  })

  it('1.2.15 shows no profiles', async () => {
    const { server, certificateAuthority } = cluster
    for (const path of ['/debug/pprof/', '/debug/pprof/profile', '/debug/flags/v']) {
      assert.equal((await rawRequest(server, certificateAuthority, { path, certificate })).status, 404)
    }
  })

  it('1.2.21 believes a token as long as its account is there', async () => {
    const name = { namespace: 'default', name: 'short-lived' }
    const { uid } = (await cluster.client.create(serviceAccounts, { metadata: name })).metadata ?? {}
    const request: TokenRequest = { spec: { audiences: [] } }
    const answer = await cluster.client.createSubresource<TokenRequest>(
      serviceAccounts,
      name,
      'token',
      request,
    )
    const token = answer.status?.token ?? ''
    const headers = [`Authorization: Bearer ${token}`]
    assert.equal(await status('/api', headers), 200)
    await cluster.client.delete(serviceAccounts, name, { preconditions: { uid: uid ?? '' } })
    assert.equal(await status('/api', headers), 401)
  })

  it('1.2.29 speaks TLS 1.2 and 1.3 only', async () => {
    assert.match(await handshake({}), /^TLSv1\.3 /)
    assert.match(await handshake({ maxVersion: 'TLSv1.2' }), /^TLSv1\.2 ECDHE-/)
    for (const version of ['TLSv1', 'TLSv1.1'] as const) {
      const old = { minVersion: version, maxVersion: version, ciphers: 'ALL:@SECLEVEL=0' }
      await assert.rejects(handshake(old))
    }
  })

  it('1.2.29 speaks with strong ciphers only', async () => {
    for (const ciphers of [
      'ECDHE-ECDSA-AES128-SHA256',
      'ECDHE-ECDSA-AES256-SHA',
      'AES256-GCM-SHA384',
      'NULL',
    ]) {
      await assert.rejects(handshake({ maxVersion: 'TLSv1.2', ciphers: `${ciphers}:@SECLEVEL=0` }), ciphers)
    }
    const strong = { maxVersion: 'TLSv1.2', ciphers: 'ECDHE-ECDSA-AES128-GCM-SHA256' } as const
    assert.equal(await handshake(strong), 'TLSv1.2 ECDHE-ECDSA-AES128-GCM-SHA256')
  })
})

describe('CIS 4.2: the kubelet', () => {
  const { authentication, authorization } = kubeletConfiguration({
    nodeName: 'n1',
    nodeIPs: ['10.0.0.1'],
    runtime: { type: 'cri', socket: '/run/containerd.sock' },
    server: { certificate: '', privateKey: '', clientCA: '' },
  } as never) as {
    readonly authentication: { readonly anonymous: unknown; readonly webhook: { readonly enabled: boolean } }
    readonly authorization: { readonly mode: string }
  }

  it('4.2.1, 4.2.2 lets in whom the API server knows, for what it allows', () => {
    assert.deepEqual(authentication.anonymous, { enabled: false })
    assert.equal(authentication.webhook.enabled, true)
    assert.equal(authorization.mode, 'Webhook')
  })

  it('4.2.4, 4.2.10 has no port for reading, and renews its certificate', () => {
    assert.deepEqual(fixedFields['readOnlyPort']?.[1], 0)
    assert.deepEqual(fixedFields['rotateCertificates']?.[1], true)
  })
})

describe('CIS 5.1: who may do what', () => {
  it('5.1.1, 5.1.7 only the masters are administrators', async () => {
    const { items } = await cluster.client.list(clusterRoleBindings)
    const admins = items.filter(({ roleRef }) => roleRef.name === 'cluster-admin')
    assert.deepEqual(
      admins.map(({ metadata }) => metadata?.name),
      ['cluster-admin'],
    )
  })

  it('5.1.2, 5.1.4 who is only known reads no secret and makes no pod', async () => {
    const somebody = cluster.clientAs('somebody', ['system:authenticated'])
    await assert.rejects(somebody.list(secrets), isForbidden)
    const container = { name: 'c', image: 'i' }
    const pod = { metadata: { namespace: 'default', name: 'p' }, spec: { containers: [container] } }
    await assert.rejects(somebody.create(pods, pod), isForbidden)
  })

  it('5.1.5 the default account of a namespace has no rights', async () => {
    const bindings = [
      ...(await cluster.client.list(clusterRoleBindings)).items,
      ...(await cluster.client.list(roleBindings)).items,
    ]
    const bound = bindings.filter(({ subjects = [] }) =>
      subjects.some(({ kind, name }) => kind === 'ServiceAccount' && name === 'default'),
    )
    assert.deepEqual(bound, [])
  })

  it('5.1.8, 5.1.10 to 5.1.13 no group of everybody has what leads to more', async () => {
    const everybody = ['system:authenticated', 'system:unauthenticated', 'system:serviceaccounts']
    const { items } = await cluster.client.list(clusterRoleBindings)
    const given = items
      .filter(({ subjects = [] }) => subjects.some(({ name }) => everybody.includes(name)))
      .map(({ roleRef }) => roleRef.name)
    assert.deepEqual(given.sort(), [
      'system:basic-user',
      'system:discovery',
      'system:public-info-viewer',
      'system:service-account-issuer-discovery',
    ])
  })
})

it('docs/cis-benchmark.md says of every point where it is met', () => {
  const text = readFileSync(join(import.meta.dirname, '../../docs/cis-benchmark.md'), 'utf8')
  const points: readonly (readonly [section: string, count: number])[] = [
    ['1.1', 21],
    ['1.2', 30],
    ['1.3', 7],
    ['1.4', 2],
    ['2', 7],
    ['3.1', 3],
    ['3.2', 2],
    ['4.1', 10],
    ['4.2', 14],
    ['4.3', 1],
    ['5.1', 13],
    ['5.2', 12],
    ['5.3', 2],
    ['5.4', 2],
    ['5.5', 1],
    ['5.6', 4],
  ]
  for (const [section, count] of points) {
    for (let point = 1; point <= count; point++)
      assert.ok(text.includes(`| ${section}.${point} |`), `${section}.${point}`)
  }
})
