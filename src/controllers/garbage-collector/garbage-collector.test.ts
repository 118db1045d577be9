import assert from 'node:assert/strict'
import { afterEach, describe, it } from 'node:test'
import {
  configMaps,
  customResourceDefinitions,
  events,
  nodes,
  secrets,
} from '../../api/generated/resources.ts'
import type { RunningComponent } from '../../client/component.ts'
import { testContext, until, type TestContext } from '../../client/testing/test-context.ts'
import type { KubernetesObject, OwnerReference } from '../../machinery/meta.ts'
import { apiVersionOf, type Resource } from '../../machinery/resource.ts'
import { serveDiscovery } from '../testing/serve-discovery.ts'
import { startGarbageCollector } from './garbage-collector.ts'

const widgets: Resource = {
  group: 'e.com',
  version: 'v1',
  resource: 'widgets',
  kind: 'Widget',
  namespaced: true,
}

void describe('startGarbageCollector', () => {
  let context: TestContext
  let running: RunningComponent | undefined
  afterEach(async () => {
    await running?.stop()
    await context.informers.stop()
  })

  async function start(seed: () => void = () => {}): Promise<void> {
    context = testContext()
    serveDiscovery(context.client, [{ resource: configMaps }, { resource: secrets }, { resource: nodes }])
    seed()
    running = startGarbageCollector(context)
    await running.ready
    await settle()
  }

  async function settle(): Promise<void> {
    let quiet = 0
    let seen = -1
    await until(() => {
      quiet = context.client.calls.length === seen ? quiet + 1 : 0
      seen = context.client.calls.length
      return quiet > 30
    })
  }

  async function pass(milliseconds: number): Promise<void> {
    await context.clock.advance(milliseconds)
    await settle()
  }

  async function create(
    resource: Resource,
    name: string,
    owners: readonly OwnerReference[] = [],
    finalizers: readonly string[] = [],
  ): Promise<KubernetesObject> {
    const metadata = {
      name,
      ...(resource.namespaced && { namespace: 'n' }),
      ownerReferences: owners,
      finalizers,
    }
    return context.client.create(resource, { metadata })
  }

  function ownedBy(owner: KubernetesObject, resource: Resource, blocks = true): OwnerReference {
    const { name = '', uid = '' } = owner.metadata ?? {}
    return { apiVersion: apiVersionOf(resource), kind: resource.kind, name, uid, blockOwnerDeletion: blocks }
  }

  async function names(): Promise<readonly string[]> {
    const lists = await Promise.all(
      [configMaps, secrets, nodes, widgets].map((resource) =>
        context.client.list<KubernetesObject>(resource),
      ),
    )
    return lists.flatMap(({ items }) => items.map(({ metadata }) => metadata!.name!)).sort()
  }

  async function said(): Promise<readonly string[]> {
    const { items } = await context.client.list(events)
    return items.map(({ reason, message }) => `${reason}: ${message}`)
  }

  const remove = (
    resource: Resource,
    name: string,
    propagationPolicy: 'Foreground' | 'Background' | 'Orphan',
  ) => context.client.delete(resource, { namespace: 'n', name }, { propagationPolicy })

  void it('deletes what is owned by what is gone, down all generations', async () => {
    await start()
    const owner = await create(configMaps, 'owner')
    const child = await create(secrets, 'child', [ownedBy(owner, configMaps)])
    await create(configMaps, 'grandchild', [ownedBy(child, secrets)])
    await create(configMaps, 'bystander')
    await settle()
    assert.equal((await names()).length, 4)
    await remove(configMaps, 'owner', 'Background')
    await settle()
    assert.deepEqual(await names(), ['bystander'])
  })

  void it('keeps what has another owner, and takes the lost one off', async () => {
    await start()
    const [first, second] = [await create(configMaps, 'first'), await create(configMaps, 'second')]
    await create(secrets, 'child', [ownedBy(first, configMaps), ownedBy(second, configMaps)])
    await remove(configMaps, 'first', 'Background')
    await settle()
    const child = await context.client.get<KubernetesObject>(secrets, { namespace: 'n', name: 'child' })
    assert.deepEqual(
      child.metadata!.ownerReferences!.map(({ name }) => name),
      ['second'],
    )
  })

  void it('finds what was left behind while it did not run, and believes no name without its uid', async () => {
    await start(() => {
      const reference = { apiVersion: 'v1', kind: 'ConfigMap', name: 'owner', uid: 'gone' }
      context.client.seed(secrets, {
        metadata: { namespace: 'n', name: 'child', ownerReferences: [reference] },
      })
      context.client.seed(configMaps, { metadata: { namespace: 'n', name: 'owner' } })
    })
    assert.deepEqual(await names(), ['owner'])
  })

  void it('does not take an object of another kind or namespace for the owner', async () => {
    await start()
    const owner = await create(configMaps, 'owner')
    await create(secrets, 'wrong-kind', [{ ...ownedBy(owner, configMaps), kind: 'Secret' }])
    const metadata = {
      namespace: 'other',
      name: 'wrong-namespace',
      ownerReferences: [ownedBy(owner, configMaps)],
    }
    await context.client.create(secrets, { metadata })
    await settle()
    assert.deepEqual(await names(), ['owner'])
  })

  void it('lets an owner in foreground deletion go after what blocks it', async () => {
    await start()
    const owner = await create(configMaps, 'owner')
    await create(secrets, 'blocking', [ownedBy(owner, configMaps)], ['e.com/hold'])
    await create(secrets, 'free', [ownedBy(owner, configMaps, false)], ['e.com/hold'])
    await settle()
    await remove(configMaps, 'owner', 'Foreground')
    await settle()
    const blocking = await context.client.get<KubernetesObject>(secrets, { namespace: 'n', name: 'blocking' })
    assert.ok(blocking.metadata!.deletionTimestamp)
    assert.deepEqual(await names(), ['blocking', 'free', 'owner'])
    await context.client.update(secrets, { ...blocking, metadata: { ...blocking.metadata, finalizers: [] } })
    await settle()
    assert.deepEqual(await names(), ['free'])
  })

  void it('deletes down all generations in the foreground', async () => {
    await start()
    const owner = await create(configMaps, 'owner')
    const child = await create(secrets, 'child', [ownedBy(owner, configMaps)])
    await create(configMaps, 'grandchild', [ownedBy(child, secrets)])
    await settle()
    await remove(configMaps, 'owner', 'Foreground')
    await settle()
    assert.deepEqual(await names(), [])
    const order = context.client.calls.filter(({ verb }) => verb === 'delete').map(({ name }) => name)
    assert.deepEqual(order, ['owner', 'child', 'grandchild'])
  })

  void it('sets dependents free when the owner wants them orphaned', async () => {
    await start()
    const owner = await create(configMaps, 'owner')
    await create(secrets, 'child', [ownedBy(owner, configMaps)])
    await settle()
    await remove(configMaps, 'owner', 'Orphan')
    await settle()
    const child = await context.client.get<KubernetesObject>(secrets, { namespace: 'n', name: 'child' })
    assert.deepEqual(child.metadata!.ownerReferences, [])
    assert.deepEqual(await names(), ['child'])
  })

  void it('dissolves a circle', async () => {
    await start()
    const a = await create(configMaps, 'a')
    const b = await create(configMaps, 'b', [ownedBy(a, configMaps)])
    await context.client.update(configMaps, {
      ...a,
      metadata: { ...a.metadata, ownerReferences: [ownedBy(b, configMaps)] },
    })
    await settle()
    await remove(configMaps, 'a', 'Foreground')
    await pass(10_000)
    assert.deepEqual(await names(), [])
  })

  void it('keeps a cluster-scoped object whose owner would be in some namespace, and says so', async () => {
    await start()
    const gone = { apiVersion: 'v1', kind: 'Node', name: 'gone', uid: 'gone' }
    const owner = await create(configMaps, 'owner')
    await settle()
    await create(nodes, 'node', [ownedBy(owner, configMaps), gone])
    await pass(1000)
    assert.deepEqual(await names(), ['node', 'owner'])
    const { metadata } = await context.client.get<KubernetesObject>(nodes, { name: 'node' })
    assert.equal(metadata!.ownerReferences!.length, 2)
    const reference = `[v1/ConfigMap, namespace: , name: owner, uid: ${owner.metadata!.uid}]`
    assert.deepEqual(await said(), [
      `OwnerRefInvalidNamespace: ownerRef ${reference} does not exist in namespace ""`,
    ])
  })

  void it('tells of a dependent in another namespace than its owner', async () => {
    await start()
    const owner = await create(configMaps, 'owner')
    await settle()
    const metadata = { namespace: 'other', name: 'child', ownerReferences: [ownedBy(owner, configMaps)] }
    await context.client.create(secrets, { metadata })
    await settle()
    assert.deepEqual(await said(), [
      `OwnerRefInvalidNamespace: ownerRef [v1/ConfigMap, namespace: other, name: owner, uid: ${owner.metadata!.uid}] ` +
        'does not exist in namespace "other"',
    ])
  })

  void it('finds the dependents of an owner that another called by a wrong name before it was seen', async () => {
    const named = (name: string) => ({ apiVersion: 'v1', kind: 'ConfigMap', name, uid: 'o' })
    const wrong = { namespace: 'n', name: 'wrong', ownerReferences: [named('nobody')] }
    const right = { namespace: 'n', name: 'right', ownerReferences: [named('owner')] }
    await start()
    context.client.seed<KubernetesObject>(secrets, { metadata: { ...wrong, uid: 'w' } })
    context.client.seed<KubernetesObject>(secrets, { metadata: { ...right, uid: 'r' } })
    context.client.seed(configMaps, { metadata: { namespace: 'n', name: 'owner', uid: 'o' } })
    await settle()
    assert.deepEqual(await names(), ['owner', 'right'])
    await remove(configMaps, 'owner', 'Background')
    await settle()
    assert.deepEqual(await names(), [])
  })

  void it('collects what is owned by what was gone before its kind was', async () => {
    await start()
    serveDiscovery(context.client, [{ resource: secrets }, { resource: widgets }])
    await pass(40_000)
    const owner = await create(widgets, 'w')
    await settle()
    await create(secrets, 'child', [ownedBy(owner, widgets)])
    await settle()
    let isDown = true
    context.client.onWrite = ({ verb, name }) => {
      if (isDown && verb === 'delete' && name === 'child') throw new Error('down')
    }
    await remove(widgets, 'w', 'Background')
    await settle()
    serveDiscovery(context.client, [{ resource: secrets }])
    await pass(40_000)
    isDown = false
    await pass(60_000)
    assert.deepEqual(await names(), [])
  })

  void it('keeps what is owned by a kind that it does not know, until it knows it', async () => {
    await start()
    await create(secrets, 'child', [{ apiVersion: 'e.com/v1', kind: 'Widget', name: 'w', uid: 'w' }])
    await pass(1000)
    assert.deepEqual(await names(), ['child'])
    serveDiscovery(context.client, [{ resource: configMaps }, { resource: secrets }, { resource: widgets }])
    await context.client.create(customResourceDefinitions, { metadata: { name: 'widgets.e.com' } } as never)
    await pass(60_000)
    assert.deepEqual(await names(), [])
  })

  void it('collects custom resources, and follows them no longer when they are not served any more', async () => {
    await start()
    serveDiscovery(context.client, [{ resource: configMaps }, { resource: widgets }])
    await pass(40_000)
    const owner = await create(configMaps, 'owner')
    await create(widgets, 'w', [ownedBy(owner, configMaps)])
    await settle()
    await remove(configMaps, 'owner', 'Background')
    await settle()
    assert.deepEqual(await names(), [])
    assert.deepEqual(context.complaints, [])
  })
})
