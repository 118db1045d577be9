import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import {
  certificateSigningRequests,
  configMaps,
  csiNodes,
  customResourceDefinitions,
  deployments,
  endpointSlices,
  eventsV1,
  horizontalPodAutoscalers,
  horizontalPodAutoscalersV1,
  ingresses,
  jobs,
  leases,
  namespaces,
  nodes,
  podDisruptionBudgets,
  pods,
  podTemplates,
  priorityClasses,
  runtimeClasses,
  selfSubjectAccessReviews,
  tokenReviews,
  validatingWebhookConfigurations,
} from '../../../src/api/generated/resources.ts'
import type { ConfigMap } from '../../../src/api/generated/core.v1.ts'
import type { ObjectList } from '../../../src/machinery/meta.ts'
import { apiVersionOf, type Resource } from '../../../src/machinery/resource.ts'
import { checkDiscovery } from '../harness/check-operations.ts'
import type { Json } from '../harness/api.ts'
import { abolish, aDefinition, establish, resourceOf } from '../harness/definitions.ts'
import { aPod, aTemplate } from '../harness/objects.ts'
import { sharedCluster } from '../harness/shared-cluster.ts'

/** A resource of each group and version. */
const oneOfEach: readonly Resource[] = [
  namespaces,
  validatingWebhookConfigurations,
  customResourceDefinitions,
  deployments,
  tokenReviews,

  selfSubjectAccessReviews,
  horizontalPodAutoscalersV1,
  horizontalPodAutoscalers,
  jobs,
  certificateSigningRequests,
  leases,
  endpointSlices,
  eventsV1,
  ingresses,
  runtimeClasses,
  podDisruptionBudgets,
  priorityClasses,
  csiNodes,
]

const tableOf = (version: string) => ({ accept: `application/json;as=Table;v=${version};g=meta.k8s.io` })

describe('discovery', { concurrency: true }, () => {
  const cluster = sharedCluster({ nodes: 1 })

  it('prefers a version of each group that the group has', async () => {
    const { api } = await cluster.scope()
    const { groups } = (await api('GET', '/apis/')).json
    assert.ok(groups.length >= 12)
    for (const { name } of groups) {
      const group = (await api('GET', `/apis/${name}/`)).json
      const versions = group.versions.map((entry: { groupVersion: string }) => entry.groupVersion)
      assert.ok(versions.includes(group.preferredVersion.groupVersion), name)
    }
  })

  for (const resource of oneOfEach) {
    const name = apiVersionOf(resource)
    it(`lists ${resource.resource} in ${name}`, async () => {
      await checkDiscovery((await cluster.scope()).api, resource)
    })
  }

  it('tells the version of the server in whole numbers', async () => {
    const { api } = await cluster.scope()
    const { major, minor } = (await api('GET', '/version')).json
    assert.match(major, /^\d+$/)
    assert.match(minor, /^\d+$/)
  })
})

describe('aggregated discovery', { concurrency: true }, () => {
  const cluster = sharedCluster()
  const kind = 'APIGroupDiscoveryList'
  const mediaType = (version: string) => `application/json;g=apidiscovery.k8s.io;v=${version};as=${kind}`
  const asked = (...accept: string[]) => ({ headers: { accept: [...accept, 'application/json'].join(',') } })

  /** The resources of a group and version in such a document. */
  const resourcesIn = (document: Json, group: string, version: string): readonly string[] | undefined => {
    const { versions = [] } =
      document.items.find(({ metadata }: Json) => (metadata.name ?? '') === group) ?? {}
    return versions
      .find((each: Json) => each.version === version)
      ?.resources.map(({ resource }: Json) => resource)
  }

  for (const version of ['v2', 'v2beta1']) {
    it(`tells all resources at once, in ${version}`, async () => {
      const { api } = await cluster.scope()
      for (const path of ['/apis', '/api']) {
        const { headers, json } = await api('GET', path, asked(mediaType(version)))
        assert.match(
          String(headers['content-type']),
          new RegExp(`g=apidiscovery.k8s.io;v=${version};as=${kind}`),
        )
        assert.equal(json.kind, kind)
        const expected = path === '/api' ? [pods] : oneOfEach.filter(({ group }) => group !== '')
        for (const { group, version, resource } of expected) {
          const found = resourcesIn(json, group, version)
          assert.ok(found?.includes(resource), `${group}/${version} ${resource}`)
        }
      }
    })
  }

  it('prefers what the client prefers, and is not given to clients that do not ask for it', async () => {
    const { api } = await cluster.scope()
    for (const path of ['/apis', '/api']) {
      const both = await api('GET', path, asked(mediaType('v2'), mediaType('v2beta1')))
      assert.equal(both.json.apiVersion, 'apidiscovery.k8s.io/v2')
      const plain = await api('GET', path, asked())
      assert.equal(plain.json.kind, path === '/api' ? 'APIVersions' : 'APIGroupList')
    }
  })

  it('tells of custom resources', async () => {
    const { api, client } = await cluster.scope()
    const definition = await establish(client, aDefinition({ v1: {} }))
    const { group, version, resource } = resourceOf(definition)
    let found: readonly string[] | undefined
    while (!found) {
      const { json } = await api('GET', '/apis', asked(mediaType('v2')))
      found = resourcesIn(json, group, version)
    }
    assert.deepEqual(found, [resource])
    await abolish(client, definition)
  })
})

describe('tables', { concurrency: true }, () => {
  const cluster = sharedCluster({ nodes: 1 })

  it('are not made of answers that have no metadata', async () => {
    const { api } = await cluster.scope()
    const answer = await api('POST', '/apis/authorization.k8s.io/v1/selfsubjectaccessreviews', {
      headers: tableOf('v1'),
      body: {
        apiVersion: 'authorization.k8s.io/v1',
        kind: 'SelfSubjectAccessReview',
        spec: { nonResourceAttributes: { path: '/', verb: 'get' } },
      },
    })
    assert.equal(answer.status, 406)
    assert.equal(answer.json.code, 406)
  })

  it('show a pod', async () => {
    const { api, client, namespace } = await cluster.scope()
    await client.create(pods, aPod(namespace, 'pod-1'))
    for (const version of ['v1', 'v1beta1']) {
      const path = `/api/v1/namespaces/${namespace}/pods/pod-1`
      const table = (await api('GET', path, { headers: tableOf(version) })).json
      assert.equal(table.columnDefinitions[0].name, 'Name')
      assert.ok(table.columnDefinitions.length > 2)
      assert.equal(table.rows.length, 1)
      assert.equal(table.rows[0].cells[0], 'pod-1')
      assert.equal(table.rows[0].cells.length, table.columnDefinitions.length)
    }
  })

  it('come in chunks', async () => {
    const { api, client, namespace } = await cluster.scope()
    for (let index = 0; index < 5; index++) {
      const metadata = { namespace, name: `template-000${index}` }
      await client.create(podTemplates, { metadata, template: aTemplate('test') })
    }
    const path = `/api/v1/namespaces/${namespace}/podtemplates`
    const first = (await api('GET', path, { headers: tableOf('v1beta1'), query: { limit: '2' } })).json
    const namesOf = (table: { rows: { cells: string[] }[] }) => table.rows.map(({ cells }) => cells[0])
    assert.deepEqual(namesOf(first), ['template-0000', 'template-0001'])
    assert.ok(first.metadata.resourceVersion)
    const query = { continue: first.metadata.continue }
    const rest = (await api('GET', path, { headers: tableOf('v1beta1'), query })).json
    assert.deepEqual(namesOf(rest), ['template-0002', 'template-0003', 'template-0004'])
  })

  it('show nodes', async () => {
    const { api } = await cluster.scope()
    const table = (await api('GET', `/api/v1/${nodes.resource}`, { headers: tableOf('v1beta1') })).json
    assert.equal(table.columnDefinitions[0].name, 'Name')
    assert.equal(table.rows[0].cells.length, table.columnDefinitions.length)
    assert.ok(table.metadata.resourceVersion)
  })
})

describe('lists in chunks', { concurrency: true }, () => {
  const cluster = sharedCluster()

  it('hold every object once, in order and as of one version, whatever the limits', async () => {
    const { client, namespace } = await cluster.scope()
    const total = 60
    const name = (index: number) => `map-${String(index).padStart(4, '0')}`
    const all = Array.from({ length: total }, (_, index) => name(index))
    await Promise.all(all.map((name) => client.create(configMaps, { metadata: { namespace, name } })))
    await client.delete(configMaps, { namespace, name: 'kube-root-ca.crt' })
    const labelled = { namespace, fieldSelector: 'metadata.name!=kube-root-ca.crt' }
    for (const limits of [[7], [1, 13, 40, 3], [total + 1]]) {
      const found: (string | undefined)[] = []
      let [token, version]: [string | undefined, string | undefined] = [undefined, undefined]
      for (let page = 0; token !== ''; page++) {
        const limit = limits[page % limits.length]!
        const list: ObjectList<ConfigMap> = await client.list(configMaps, {
          ...labelled,
          limit,
          ...(token && { continue: token }),
        })
        assert.ok(list.items.length <= limit)
        version ??= list.metadata?.resourceVersion
        assert.equal(list.metadata?.resourceVersion, version)
        found.push(...list.items.map(({ metadata }) => metadata?.name))
        token = list.metadata?.continue ?? ''
      }
      assert.deepEqual(found, all)
    }
  })

  it('tell how many are left when nothing is selected', async () => {
    const { client } = await cluster.scope()
    const whole = await client.list(namespaces)
    const page = await client.list(namespaces, { limit: 2 })
    assert.ok(page.metadata?.continue)
    assert.ok((page.metadata.remainingItemCount ?? 0) >= whole.items.length - 2)
  })
})
