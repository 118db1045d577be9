import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { testContext } from './testing/test-context.ts'
import { discover, preferred } from './discovery.ts'

const pods = { group: '', version: 'v1', resource: 'pods', kind: 'Pod', namespaced: true }
const widgetsV1 = { group: 'e.com', version: 'v1', resource: 'widgets', kind: 'Widget', namespaced: false }
const widgetsV2 = { ...widgetsV1, version: 'v2' }
const verbs = ['list']

void describe('discover', () => {
  void it('reads aggregated documents', async () => {
    const { client } = testContext()
    const list = (items: readonly unknown[]) => JSON.stringify({ kind: 'APIGroupDiscoveryList', items })
    const widgets = {
      resource: 'widgets',
      responseKind: { group: 'e.com', version: 'v1', kind: 'Widget' },
      scope: 'Cluster',
      verbs,
      subresources: [{ subresource: 'status', verbs }],
    }
    const pod = {
      resource: 'pods',
      responseKind: { group: '', version: 'v1', kind: 'Pod' },
      scope: 'Namespaced',
      verbs,
    }
    client.served.set('/api', list([{ versions: [{ version: 'v1', resources: [pod] }] }]))
    const versions = [
      { version: 'v2', resources: [widgets] },
      { version: 'v1', resources: [widgets] },
      { version: 'v0', freshness: 'Stale' },
    ]
    client.served.set('/apis', list([{ metadata: { name: 'e.com' }, versions }]))
    const discovery = await discover(client)
    assert.deepEqual(discovery, {
      resources: [pods, widgetsV2, widgetsV1].map((resource) => ({ resource, verbs })),
      failures: [{ groupVersion: 'e.com/v0', message: 'stale GroupVersion discovery: e.com/v0' }],
    })
    assert.deepEqual(
      preferred(discovery.resources).map(({ resource }) => resource),
      [pods, widgetsV2],
    )
  })

  void it('asks group by group where the server does not aggregate, the preferred version first', async () => {
    const { client } = testContext()
    client.served.set('/api', JSON.stringify({ kind: 'APIVersions', versions: ['v1'] }))
    const resource = { name: 'pods', kind: 'Pod', namespaced: true, verbs }
    client.served.set('/api/v1', JSON.stringify({ resources: [resource, { ...resource, name: 'pods/log' }] }))
    const versions = ['v1', 'v2', 'v3'].map((version) => ({ version, groupVersion: `e.com/${version}` }))
    const groups = [{ name: 'e.com', versions, preferredVersion: versions[1] }]
    client.served.set('/apis', JSON.stringify({ kind: 'APIGroupList', groups }))
    const widgets = JSON.stringify({
      resources: [{ name: 'widgets', kind: 'Widget', namespaced: false, verbs }],
    })
    client.served.set('/apis/e.com/v1', widgets)
    client.served.set('/apis/e.com/v2', widgets)
    const discovery = await discover(client)
    assert.deepEqual(
      discovery.resources,
      [pods, widgetsV2, widgetsV1].map((resource) => ({ resource, verbs })),
    )
    assert.deepEqual(
      discovery.failures.map(({ groupVersion }) => groupVersion),
      ['e.com/v3'],
    )
  })
})
