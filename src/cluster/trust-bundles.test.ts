import assert from 'node:assert/strict'
import { once } from 'node:events'
import type { IncomingMessage } from 'node:http'
import { get } from 'node:https'
import { describe, it } from 'node:test'
import type { ClusterTrustBundle } from '../api/generated/certificates.v1beta1.ts'
import {
  clusterRoleBindings,
  clusterRoles,
  clusterTrustBundles,
  clusterTrustBundlesV1alpha1,
  deployments,
  pods,
} from '../api/generated/resources.ts'
import type { Client } from '../client/client.ts'
import { createHttpClient } from '../client/http/http-client.ts'
import { createCertificateAuthority } from '../machinery/pki/certificate.ts'
import { isNotFound } from '../machinery/status-errors.ts'
import { startCluster, type TestCluster } from './testing.ts'

const beta = 'certificates.k8s.io/v1beta1'
const on = { ClusterTrustBundle: true, ClusterTrustBundleProjection: true }
const served = { featureGates: on, runtimeConfig: { [`${beta}/clustertrustbundles`]: 'true' } }
const publisherSigner = 'kubernetes.io/kube-apiserver-serving'
const discoveryRole = 'system:cluster-trust-bundle-discovery'
const projected = {
  volumes: [{ name: 'v', projected: { sources: [{ clusterTrustBundle: { name: 'b', path: 'ca' } }] } }],
}
const { certificatePem } = createCertificateAuthority({ commonName: 'own', now: Date.now() })

function aBundle(name: string, signerName?: string): ClusterTrustBundle {
  return { metadata: { name }, spec: { trustBundle: certificatePem, ...(signerName && { signerName }) } }
}

/** The administrator, who is known by a certificate. */
function administrator({ kubeconfig, certificateAuthority: ca }: TestCluster) {
  const field = (name: string) => atob(new RegExp(`${name}: (\\S+)`).exec(kubeconfig)?.[1] ?? '')
  return { ca, cert: field('client-certificate-data'), key: field('client-key-data') }
}

function overHttps(cluster: TestCluster): Client {
  const { ca: caData, cert: certData, key: keyData } = administrator(cluster)
  return createHttpClient({ server: cluster.server, caData, certData, keyData })
}

async function warningAt(cluster: TestCluster, path: string): Promise<string | undefined> {
  const outgoing = get(`${cluster.server}${path}`, administrator(cluster))
  const [answer] = (await once(outgoing, 'response')) as [IncomingMessage]
  answer.resume()
  return answer.headers.warning
}

async function untilBundle(client: Client, fieldSelector: string): Promise<ClusterTrustBundle> {
  const signal = AbortSignal.timeout(20_000)
  for await (const { object } of client.watch(clusterTrustBundles, { fieldSelector, signal })) return object
  throw new Error('no bundle came')
}

async function isMissing(got: Promise<unknown>): Promise<boolean> {
  return got.then(
    () => false,
    (error: unknown) => isNotFound(error),
  )
}

async function projectionsOf(client: Client): Promise<readonly unknown[]> {
  const container = { name: 'c', image: 'i' }
  const pod = await client.create(pods, {
    metadata: { namespace: 'default', name: 'p' },
    spec: { containers: [container], ...projected },
  })
  const { spec } = await client.create(deployments, {
    metadata: { namespace: 'default', name: 'd' },
    spec: {
      selector: { matchLabels: { a: 'b' } },
      template: { metadata: { labels: { a: 'b' } }, spec: { containers: [container], ...projected } },
    },
  })
  return [pod.spec, spec?.template.spec].map(
    (podSpec) => podSpec?.volumes?.[0]?.projected?.sources?.[0]?.clusterTrustBundle?.name,
  )
}

describe('ClusterTrustBundles', () => {
  it('are not there by default, nor with half of what it takes', async () => {
    for (const apiServer of [undefined, { featureGates: on }, { runtimeConfig: served.runtimeConfig }]) {
      await using cluster = await startCluster({ ...(apiServer && { apiServer }) })
      const { client } = cluster
      assert.ok(await isMissing(client.raw(`/apis/${beta}`)))
      assert.ok(await isMissing(client.list(clusterTrustBundles)))
      const document = await client.raw('/openapi/v2')
      assert.ok(!document.includes('v1beta1.ClusterTrustBundle'))
      const hasGate = apiServer?.featureGates !== undefined
      assert.equal(await isMissing(client.get(clusterRoles, { name: discoveryRole })), !hasGate)
      assert.deepEqual(await projectionsOf(client), hasGate ? ['b', 'b'] : [undefined, undefined])
    }
  })

  it('are served, shown, and published for the API server, when they are on', async () => {
    await using cluster = await startCluster({ apiServer: served })
    const client = overHttps(cluster)
    const list = JSON.parse(await client.raw(`/apis/${beta}`)) as { resources: readonly { name: string }[] }
    assert.deepEqual(
      list.resources.map(({ name }) => name),
      ['clustertrustbundles'],
    )
    assert.ok(await isMissing(client.raw('/apis/certificates.k8s.io/v1alpha1')))
    assert.match(
      await client.raw('/openapi/v2'),
      /io\.k8s\.api\.certificates\.v1beta1\.ClusterTrustBundleList/,
    )

    const own = await untilBundle(client, `spec.signerName=${publisherSigner}`)
    assert.match(own.metadata?.name ?? '', /^kubernetes\.io:kube-apiserver-serving:[0-9a-f]{24}$/)
    assert.equal(own.spec.trustBundle, cluster.certificateAuthority)

    await client.create(clusterTrustBundles, aBundle('mine'))
    const names = async (fieldSelector: string) =>
      (await client.list(clusterTrustBundles, { fieldSelector })).items.map(({ metadata }) => metadata?.name)
    assert.deepEqual(await names('spec.signerName='), ['mine'])
    const table = JSON.parse(
      await client.raw(`/apis/${beta}/clustertrustbundles/mine`, {
        accept: 'application/json;as=Table;v=v1;g=meta.k8s.io',
      }),
    ) as { columnDefinitions: readonly { name: string }[]; rows: readonly { cells: readonly unknown[] }[] }
    assert.deepEqual(
      [table.columnDefinitions.map(({ name }) => name), table.rows[0]?.cells],
      [
        ['Name', 'SignerName'],
        ['mine', '<none>'],
      ],
    )
    await assert.rejects(client.update(clusterTrustBundles, { ...aBundle('mine') }), {
      message: /metadata\.resourceVersion: Invalid value: 0: must be specified for an update/,
    })
    await assert.rejects(client.create(clusterTrustBundles, aBundle('wrong:name')), {
      message: /ClusterTrustBundle without signer name must not have ":" in its name/,
    })

    // What is said to be the API server's, and is not, goes.
    await cluster.client.create(
      clusterTrustBundles,
      aBundle('kubernetes.io:kube-apiserver-serving:x', publisherSigner),
    )
    const scope = { fieldSelector: `spec.signerName=${publisherSigner}`, resourceVersion: '0' }
    const signal = AbortSignal.timeout(20_000)
    for await (const { type } of client.watch(clusterTrustBundles, { ...scope, signal }))
      if (type === 'DELETED') break
    assert.deepEqual(await names(scope.fieldSelector), [own.metadata?.name])
  })

  it('of a signer are written by who may attest for it', async () => {
    await using cluster = await startCluster({ apiServer: served })
    const { client } = cluster
    const bundle = aBundle('e.org:s:v1', 'e.org/s')
    const rule = (verbs: string[], resources: string[], resourceNames: string[] = []) => ({
      apiGroups: ['certificates.k8s.io'],
      verbs,
      resources,
      resourceNames,
    })
    const mayWrite = rule(['create', 'update', 'patch', 'get'], ['clustertrustbundles'])
    const grant = async (user: string, ...rules: ReturnType<typeof rule>[]) => {
      await client.create(clusterRoles, { metadata: { name: user }, rules: [mayWrite, ...rules] })
      await client.create(clusterRoleBindings, {
        metadata: { name: user },
        subjects: [{ kind: 'User', apiGroup: 'rbac.authorization.k8s.io', name: user }],
        roleRef: { kind: 'ClusterRole', apiGroup: 'rbac.authorization.k8s.io', name: user },
      })
    }
    await grant('writer')
    await grant('attester', rule(['attest'], ['signers'], ['e.org/*']))
    const [writer, attester] = ['writer', 'attester'].map((user) => cluster.clientAs(user)) as [
      Client,
      Client,
    ]
    const refusal = {
      message: `clustertrustbundles.certificates.k8s.io "e.org:s:v1" is forbidden: user not permitted to attest for signerName "e.org/s"`,
    }
    await assert.rejects(writer.create(clusterTrustBundles, bundle), refusal)
    await writer.create(clusterTrustBundles, aBundle('nobodys'))
    await attester.create(clusterTrustBundles, bundle)
    const patch = (body: object) =>
      writer.patch(clusterTrustBundles, { name: 'e.org:s:v1' }, { type: 'merge', body: { metadata: body } })
    await assert.rejects(patch({ labels: { a: 'b' } }), refusal)
    await patch({ finalizers: ['e.org/f'] })
  })

  it('are read by service accounts and nodes', async () => {
    await using cluster = await startCluster({ apiServer: served })
    const account = cluster.clientAs('system:serviceaccount:default:a', ['system:serviceaccounts'])
    const node = cluster.clientAs('system:node:n', ['system:nodes'])
    for (const reader of [account, node]) await reader.list(clusterTrustBundles)
    await assert.rejects(cluster.clientAs('somebody').list(clusterTrustBundles), /forbidden/)
  })

  it('are served as v1alpha1 alone, with a warning, where that is chosen', async () => {
    const apiServer = { featureGates: on, runtimeConfig: { 'certificates.k8s.io/v1alpha1': 'true' } }
    await using cluster = await startCluster({ apiServer })
    const client = overHttps(cluster)
    assert.ok(await isMissing(client.raw(`/apis/${beta}`)))
    const created = await client.create(clusterTrustBundlesV1alpha1, aBundle('mine'))
    assert.equal(created.apiVersion, 'certificates.k8s.io/v1alpha1')
    assert.equal(
      await warningAt(cluster, '/apis/certificates.k8s.io/v1alpha1/clustertrustbundles/mine'),
      '299 - "certificates.k8s.io/v1alpha1 ClusterTrustBundle is deprecated in v1.34+, unavailable in v1.37+"',
    )
  })
})
