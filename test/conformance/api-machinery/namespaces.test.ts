import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { Service } from '../../../src/api/generated/core.v1.ts'
import { configMaps, namespaces, pods, services } from '../../../src/api/generated/resources.ts'
import { isConditionTrue } from '../../../src/machinery/conditions.ts'
import { isNotFound } from '../../../src/machinery/status-errors.ts'
import { aPod } from '../harness/objects.ts'
import { sharedCluster } from '../harness/shared-cluster.ts'
import { untilGone, untilObject } from '../harness/until-object.ts'

/** Says of a namespace that objects in it wait for finalizers. */
const held = 'NamespaceFinalizersRemaining'

describe('namespaces', { concurrency: true }, () => {
  const cluster = sharedCluster({ nodes: 1 })

  it('take their pods with them, and may be made again', async () => {
    const { client, namespace } = await cluster.scope()
    await client.create(pods, aPod(namespace, 'one'))
    await untilObject(client, pods, { namespace, name: 'one' }, ({ status }) => status?.phase === 'Running')
    await client.delete(namespaces, { name: namespace })
    await untilGone(client, namespaces, { name: namespace })
    await client.create(namespaces, { metadata: { name: namespace } })
    await assert.rejects(client.get(pods, { namespace, name: 'one' }), isNotFound)
  })

  it('take their services with them', async () => {
    const { client, namespace } = await cluster.scope()
    const service: Service = {
      metadata: { namespace, name: 'one' },
      spec: { selector: { foo: 'bar', baz: 'blah' }, ports: [{ port: 80, targetPort: 80 }] },
    }
    await client.create(services, service)
    await client.delete(namespaces, { name: namespace })
    await untilGone(client, namespaces, { name: namespace })
    await client.create(namespaces, { metadata: { name: namespace } })
    await assert.rejects(client.get(services, { namespace, name: 'one' }), isNotFound)
  })

  it('keep all else until their pods are gone', async () => {
    const { client, namespace } = await cluster.scope()
    const pod = aPod(namespace, 'one')
    const finalizers = ['example.com/held']
    await client.create(pods, { ...pod, metadata: { ...pod.metadata, finalizers } })
    await client.create(configMaps, { metadata: { namespace, name: 'one' }, data: { key: 'value' } })
    await client.delete(namespaces, { name: namespace })
    await untilObject(
      client,
      pods,
      { namespace, name: 'one' },
      ({ metadata }) => !!metadata?.deletionTimestamp,
    )
    const told = await untilObject(client, namespaces, { name: namespace }, ({ status }) =>
      isConditionTrue(status?.conditions, held),
    )
    assert.equal(told.status?.phase, 'Terminating')
    const kept = await client.get(configMaps, { namespace, name: 'one' })
    assert.equal(kept.metadata?.deletionTimestamp, undefined)
    const body = { metadata: { finalizers: null } }
    await client.patch(pods, { namespace, name: 'one' }, { type: 'merge', body })
    await untilGone(client, namespaces, { name: namespace })
    await assert.rejects(client.get(configMaps, { namespace, name: 'one' }), isNotFound)
  })

  it('are patched', async () => {
    const { client, namespace: name } = await cluster.scope()
    const body = { metadata: { labels: { testLabel: 'testValue' } } }
    await client.patch(namespaces, { name }, { type: 'strategic', body })
    const { metadata } = await client.get(namespaces, { name })
    assert.equal(metadata?.labels?.['testLabel'], 'testValue')
  })

  it('are updated', async () => {
    const { client, namespace: name } = await cluster.scope()
    const found = await client.get(namespaces, { name })
    const labels = { ...found.metadata?.labels, [name]: 'updated' }
    const updated = await client.update(namespaces, { ...found, metadata: { ...found.metadata, labels } })
    assert.equal(updated.metadata?.labels?.[name], 'updated')
  })

  it('have a status that is read, patched and updated on its own', async () => {
    const { client, api, namespace: name } = await cluster.scope()
    const read = (await api('GET', `/api/v1/namespaces/${name}/status`)).json
    assert.equal(read.status.phase, 'Active')
    const condition = { type: 'StatusPatch', status: 'True', reason: 'E2E', message: 'Patched by a test' }
    const patched = await client.patch(
      namespaces,
      { name },
      {
        type: 'merge',
        body: {
          metadata: { annotations: { 'e2e-patched-ns-status': name } },
          status: { conditions: [condition] },
        },
      },
      { subresource: 'status' },
    )
    assert.equal(patched.metadata?.annotations?.['e2e-patched-ns-status'], name)
    assert.partialDeepStrictEqual(patched.status?.conditions, [condition])

    const second = { ...condition, type: 'StatusUpdate', status: 'True' as const }
    const updated = await client.update(
      namespaces,
      { ...patched, status: { ...patched.status, conditions: [...patched.status!.conditions!, second] } },
      { subresource: 'status' },
    )
    assert.deepEqual(
      updated.status?.conditions?.map(({ type }) => type),
      ['StatusPatch', 'StatusUpdate'],
    )
  })

  it('take a finalizer in their spec, and give it up', async () => {
    const { client, namespace: name } = await cluster.scope()
    const found = await client.get(namespaces, { name })
    const finalizers = ['kubernetes', 'e2e.example.com/fakeFinalizer']
    const held = await client.updateSubresource<typeof found>(namespaces, { name }, 'finalize', {
      ...found,
      spec: { finalizers },
    } as typeof found)
    assert.deepEqual(held.spec?.finalizers, finalizers)
    const released = await client.updateSubresource<typeof found>(namespaces, { name }, 'finalize', {
      ...held,
      spec: { finalizers: ['kubernetes'] },
    } as typeof found)
    assert.deepEqual(released.spec?.finalizers, ['kubernetes'])
  })
})
