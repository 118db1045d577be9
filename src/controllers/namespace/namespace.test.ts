import assert from 'node:assert/strict'
import { afterEach, describe, it } from 'node:test'
import type { Namespace } from '../../api/generated/core.v1.ts'
import { configMaps, namespaces, pods } from '../../api/generated/resources.ts'
import type { MemoryClient } from '../../client/testing/memory-client.ts'
import type { Resource } from '../../machinery/resource.ts'
import { forbidden } from '../../machinery/status-errors.ts'
import { aPod } from '../testing/a-pod.ts'
import { allVerbs, serveDiscovery } from '../testing/serve-discovery.ts'
import { runReconcilers, type ReconcilerHarness } from '../testing/run-reconciler.ts'
import { namespaceReconciler } from './namespace.ts'

const widgets: Resource = {
  group: 'e.com',
  version: 'v1',
  resource: 'widgets',
  kind: 'Widget',
  namespaced: true,
}

function aNamespace(name: string): Namespace {
  return {
    metadata: { name, deletionTimestamp: '2026-01-01T00:00:00Z' },
    spec: { finalizers: ['kubernetes'] },
    status: { phase: 'Active' },
  }
}

function serve(client: MemoryClient): void {
  const withoutCollection = allVerbs.filter((verb) => verb !== 'deletecollection')
  serveDiscovery(client, [
    { resource: configMaps },
    { resource: pods },
    { resource: widgets, verbs: withoutCollection },
    { resource: { ...configMaps, resource: 'bindings' }, verbs: ['create'] },
  ])
}

void describe('namespaceReconciler', () => {
  let harness: ReconcilerHarness
  afterEach(() => harness.stop())

  const condition = async (type: string) => {
    const { status } = await harness.one(namespaces, 'n')
    return status!.conditions!.find((candidate) => candidate.type === type)!
  }

  void it('empties what the API serves, in this namespace only, and lets the namespace go', async () => {
    harness = await runReconcilers([namespaceReconciler], ({ client }) => {
      serve(client)
      for (const namespace of ['n', 'other']) {
        client.seed(configMaps, { metadata: { namespace, name: 'a' } })
        client.seed(widgets, { metadata: { namespace, name: 'w' } })
      }
      client.seed(namespaces, aNamespace('n'))
    })
    assert.equal((await harness.all(namespaces)).length, 0)
    assert.deepEqual(
      (await harness.all(configMaps)).map(({ metadata }) => metadata!.namespace),
      ['other'],
    )
    assert.deepEqual(
      (await harness.all(widgets)).map(({ metadata }) => metadata!.namespace),
      ['other'],
    )
    assert.deepEqual(harness.complaints, [])
  })

  void it('deletes pods first, waits for them, and goes on when the last is gone', async () => {
    harness = await runReconcilers([namespaceReconciler], ({ client }) => {
      serve(client)
      client.seed(configMaps, { metadata: { namespace: 'n', name: 'a' } })
      const spec = { nodeName: 'node', terminationGracePeriodSeconds: 60 }
      client.seed(pods, aPod('p', { metadata: { namespace: 'n' }, spec }))
      client.seed(namespaces, aNamespace('n'))
    })
    assert.equal((await harness.all(configMaps)).length, 1)
    assert.ok((await harness.one(pods, 'n/p')).metadata!.deletionTimestamp)
    const { status, reason, message } = await condition('NamespaceContentRemaining')
    assert.deepEqual(
      [status, reason, message],
      ['True', 'SomeResourcesRemain', 'Some resources are remaining: pods. has 1 resource instances'],
    )
    assert.equal((await harness.one(namespaces, 'n')).status!.phase, 'Terminating')
    await harness.client.delete(pods, { namespace: 'n', name: 'p' }, { gracePeriodSeconds: 0 })
    await harness.settle()
    assert.equal((await harness.all(namespaces)).length, 0)
  })

  void it('tells of finalizers and looks again later', async () => {
    harness = await runReconcilers([namespaceReconciler], ({ client }) => {
      serve(client)
      client.seed(widgets, { metadata: { namespace: 'n', name: 'w', finalizers: ['e.com/hold'] } })
      client.seed(namespaces, aNamespace('n'))
    })
    const { status, reason, message } = await condition('NamespaceFinalizersRemaining')
    const expected =
      'Some content in the namespace has finalizers remaining: e.com/hold in 1 resource instances'
    assert.deepEqual([status, reason, message], ['True', 'SomeFinalizersRemain', expected])
    assert.match(
      (await condition('NamespaceContentRemaining')).message!,
      /widgets\.e\.com has 1 resource instances/,
    )
    await harness.edit(widgets, 'n/w', (widget) => ({
      ...widget,
      metadata: { ...widget.metadata, finalizers: [] },
    }))
    await harness.pass(7_000)
    assert.equal((await harness.all(namespaces)).length, 1)
    await harness.pass(1_000)
    assert.equal((await harness.all(namespaces)).length, 0)
  })

  void it('keeps the namespace while a group cannot be discovered or something cannot be deleted', async () => {
    harness = await runReconcilers([namespaceReconciler], ({ client }) => {
      serve(client)
      const stale = { metadata: { name: 'm.io' }, versions: [{ version: 'v1', freshness: 'Stale' }] }
      client.served.set('/apis', JSON.stringify({ kind: 'APIGroupDiscoveryList', items: [stale] }))
      client.onWrite = ({ verb }) => {
        if (verb === 'deletecollection') throw forbidden('configmaps', '', 'webhook')
      }
      client.seed(namespaces, aNamespace('n'))
    })
    const discovery = await condition('NamespaceDeletionDiscoveryFailure')
    assert.equal(
      discovery.message,
      'Discovery failed for some groups, 1 failing: unable to retrieve the complete list of server APIs: ' +
        'm.io/v1: stale GroupVersion discovery: m.io/v1',
    )
    const content = await condition('NamespaceDeletionContentFailure')
    assert.equal(content.status, 'True')
    assert.match(
      content.message!,
      /^Failed to delete all resource types, \d+ remaining: .* is forbidden: webhook/,
    )
    assert.ok(harness.complaints.length > 0)
    serve(harness.client)
    delete harness.client.onWrite
    await harness.pass(60_000)
    assert.equal((await harness.all(namespaces)).length, 0)
  })

  void it('counts anew what remains, in conditions that keep their places and times', async () => {
    const held = (name: string) => ({ metadata: { namespace: 'n', name, finalizers: ['e.com/hold'] } })
    harness = await runReconcilers([namespaceReconciler], ({ client }) => {
      serve(client)
      for (const name of ['v', 'w']) client.seed(widgets, held(name))
      client.seed(namespaces, aNamespace('n'))
    })
    const before = (await harness.one(namespaces, 'n')).status!.conditions!
    await harness.edit(widgets, 'n/v', (widget) => ({
      ...widget,
      metadata: { ...widget.metadata, finalizers: [] },
    }))
    await harness.pass(8_000)
    const after = (await harness.one(namespaces, 'n')).status!.conditions!
    const said = (conditions: typeof after) => conditions.map(({ type, status }) => [type, status])
    assert.deepEqual(said(after), said(before))
    const remaining = await condition('NamespaceContentRemaining')
    assert.equal(remaining.message, 'Some resources are remaining: widgets.e.com has 1 resource instances')
    assert.equal(remaining.lastTransitionTime, before[3]!.lastTransitionTime)
  })

  void it('says that something is left for which there is no reason', async () => {
    harness = await runReconcilers([namespaceReconciler], ({ client }) => {
      serve(client)
      const deletionTimestamp = '2025-01-01T00:00:00Z'
      const metadata = { namespace: 'n', deletionTimestamp, deletionGracePeriodSeconds: 30 }
      client.seed(pods, aPod('p', { metadata, spec: { nodeName: 'node' } }))
      client.seed(namespaces, aNamespace('n'))
    })
    const { reason, message } = await condition('NamespaceDeletionContentFailure')
    assert.equal(reason, 'ContentDeletionFailed')
    assert.equal(
      message,
      'Failed to delete all resource types, 1 remaining: ' +
        'unexpected items still remain in namespace: n for gvr: /v1, Resource=pods',
    )
    await harness.client.delete(pods, { namespace: 'n', name: 'p' }, { gracePeriodSeconds: 0 })
    await harness.settle()
    assert.equal((await harness.all(namespaces)).length, 0)
  })

  void it('leaves other finalizers and namespaces alone', async () => {
    harness = await runReconcilers([namespaceReconciler], ({ client }) => {
      serve(client)
      client.seed(namespaces, { ...aNamespace('n'), spec: { finalizers: ['kubernetes', 'mine'] } })
      client.seed(namespaces, { metadata: { name: 'alive' }, spec: { finalizers: ['kubernetes'] } })
      client.seed(configMaps, { metadata: { namespace: 'alive', name: 'a' } })
    })
    assert.deepEqual((await harness.one(namespaces, 'n')).spec!.finalizers, ['mine'])
    assert.equal((await harness.all(configMaps)).length, 1)
  })
})
