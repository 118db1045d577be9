import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { IPAddress } from '../../../src/api/generated/networking.v1.ts'
import { ipAddresses, serviceCIDRs } from '../../../src/api/generated/resources.ts'
import { isConditionTrue } from '../../../src/machinery/conditions.ts'
import { isNotFound } from '../../../src/machinery/status-errors.ts'
import { checkDiscovery } from '../harness/check-operations.ts'
import { sharedCluster } from '../harness/shared-cluster.ts'
import { readEvents, untilObject } from '../harness/until-object.ts'

describe('addresses of services', { concurrency: true }, () => {
  const cluster = sharedCluster()

  it('come from a range that is there from the start', async () => {
    const { api, client } = await cluster.scope()
    await checkDiscovery(api, serviceCIDRs)
    const found = await untilObject(client, serviceCIDRs, { name: 'kubernetes' }, ({ status }) =>
      isConditionTrue(status?.conditions, 'Ready'),
    )
    assert.ok(found.spec?.cidrs?.length)
    const { json } = await api('GET', '/apis/networking.k8s.io/v1/servicecidrs/kubernetes/status')
    assert.deepEqual([json.kind, json.metadata.uid], ['ServiceCIDR', found.metadata?.uid])
    const { items } = await client.list(serviceCIDRs)
    assert.ok(items.some(({ metadata }) => metadata?.uid === found.metadata?.uid))
  })

  it('may be held by others than services, which then say what they are for', async () => {
    const { api, client, namespace } = await cluster.scope()
    await checkDiscovery(api, ipAddresses)
    const parentRef = { group: 'mygroup', resource: 'myresources', namespace: 'foo', name: 'bar' }
    const held = (name: string, type: string): IPAddress => ({
      metadata: { name, labels: { type: `${namespace}-${type}` } },
      spec: { parentRef },
    })
    const [name, other] = ['255.255.255.255', 'fe80::42:1dff:fe84:f9e2']
    const created = await client.create(ipAddresses, held(name, 'broadcast'))
    await client.create(ipAddresses, held(other, 'link-local'))
    const broadcast = { labelSelector: `type=${namespace}-broadcast` }
    const events = readEvents(client, ipAddresses, {
      ...broadcast,
      resourceVersion: created.metadata!.resourceVersion!,
    })
    try {
      const body = { metadata: { annotations: { patched: 'true' } } }
      const patched = await client.patch(ipAddresses, { name }, { type: 'merge', body })
      assert.equal(patched.metadata?.annotations?.['patched'], 'true')
      const annotations = { ...patched.metadata.annotations, updated: 'true' }
      const changed = { ...patched, metadata: { ...patched.metadata, annotations } }
      assert.deepEqual((await client.update(ipAddresses, changed)).metadata?.annotations, annotations)
      assert.deepEqual((await client.get(ipAddresses, { name })).spec?.parentRef, parentRef)
      assert.equal((await client.list(ipAddresses, broadcast)).items.length, 1)
      await client.delete(ipAddresses, { name })
      await events.find('DELETED', ({ metadata }) => metadata?.annotations?.['updated'] === 'true')
    } finally {
      events.close()
    }
    await assert.rejects(client.get(ipAddresses, { name }), isNotFound)
    const linkLocal = { labelSelector: `type=${namespace}-link-local` }
    await client.deleteCollection(ipAddresses, linkLocal)
    assert.deepEqual((await client.list(ipAddresses, linkLocal)).items, [])
  })
})
