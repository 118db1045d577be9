import {
  ApiException,
  ApiextensionsV1Api,
  CustomObjectsApi,
  KubeConfig,
  makeInformer,
  PatchStrategy,
  setHeaderOptions,
  type KubernetesListObject,
  type KubernetesObject,
} from '@kubernetes/client-node'
import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { startCluster, type TestCluster } from '../../src/cluster/testing.ts'
import { until } from './harness/until.ts'

interface Gadget extends KubernetesObject {
  spec?: { n?: number }
}

const group = 'informer.example.com'
const namespace = 'default'
const openAPIV3Schema = {
  type: 'object',
  properties: { spec: { type: 'object', properties: { n: { type: 'integer' } } } },
}

function aVersion(name: string, storage: boolean) {
  return { name, served: true, storage, schema: { openAPIV3Schema } }
}

function gadget(name: string, n: number): Gadget {
  return { apiVersion: `${group}/v1`, kind: 'Gadget', metadata: { name }, spec: { n } }
}

describe('@kubernetes/client-node on custom resources', () => {
  let cluster: TestCluster
  let config: KubeConfig
  before(async () => {
    cluster = await startCluster({ nodes: 1 })
    config = new KubeConfig()
    config.loadFromString(cluster.kubeconfig)
  })
  after(() => cluster[Symbol.asyncDispose]())

  it('keeps an informer right, also when the definition gets another version', async () => {
    const definitions = config.makeApiClient(ApiextensionsV1Api)
    const metadata = { name: `gadgets.${group}` }
    const names = { plural: 'gadgets', kind: 'Gadget' }
    const spec = { group, scope: 'Namespaced', names, versions: [aVersion('v1', true)] }
    await definitions.createCustomResourceDefinition({ body: { metadata, spec } })
    const objects = config.makeApiClient(CustomObjectsApi)
    const place = { group, version: 'v1', namespace, plural: 'gadgets' }
    const list = () => objects.listNamespacedCustomObject(place) as Promise<KubernetesListObject<Gadget>>
    await until('it is served', () => list().then(() => true, isNotServed))

    const informer = makeInformer(config, `/apis/${group}/v1/namespaces/${namespace}/gadgets`, list)
    const seen: string[] = []
    for (const verb of ['add', 'update', 'delete'] as const) {
      informer.on(verb, ({ metadata: { name } = {}, spec: { n } = {} }) => seen.push(`${verb} ${name} ${n}`))
    }
    informer.on('error', () => setTimeout(() => void informer.start(), 50))
    await informer.start()
    await objects.createNamespacedCustomObject({ ...place, body: gadget('one', 1) })
    await until('one is seen', () => seen.includes('add one 1'))
    await definitions.patchCustomResourceDefinition(
      { name: metadata.name, body: { spec: { versions: [aVersion('v1', false), aVersion('v2', true)] } } },
      setHeaderOptions('Content-Type', PatchStrategy.MergePatch),
    )
    await objects.createNamespacedCustomObject({ ...place, body: gadget('two', 2) })
    await until('two is seen', () => seen.includes('add two 2'))
    await objects.deleteNamespacedCustomObject({ ...place, name: 'one' })
    await until('one is gone', () => seen.includes('delete one 1'))
    const cached = informer
      .list(namespace)
      .map(({ apiVersion, metadata: { name } = {} }) => `${apiVersion} ${name}`)
    assert.deepEqual(cached, [`${group}/v1 two`])
    await informer.stop()
  })
})

function isNotServed(error: unknown): boolean {
  if (error instanceof ApiException && error.code === 404) return false
  throw error
}
