import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { DaemonSet, DaemonSetSpec } from '../../../src/api/generated/apps.v1.ts'
import type { Pod } from '../../../src/api/generated/core.v1.ts'
import { controllerRevisions, daemonSets, nodes, pods } from '../../../src/api/generated/resources.ts'
import { aTemplate, server } from '../harness/objects.ts'
import { sharedCluster, type Scope } from '../harness/shared-cluster.ts'
import { untilList, untilObject } from '../harness/until-object.ts'

function create({ client, namespace }: Scope, spec: Partial<DaemonSetSpec> = {}): Promise<DaemonSet> {
  return client.create(daemonSets, {
    metadata: { namespace, name: 'set' },
    spec: { selector: { matchLabels: { name: 'set' } }, template: aTemplate('set'), ...spec },
  })
}

const runs = ({ status }: Pod) => status?.phase === 'Running'

/** Resolves with its pods once one runs on each of these nodes, and none elsewhere. */
const untilOn = (
  { client, namespace }: Scope,
  names: readonly string[],
  accept: (pod: Pod) => boolean = runs,
) =>
  untilList(client, pods, { namespace }, (items) => {
    const placed = items.filter((pod) => runs(pod) && accept(pod)).map(({ spec }) => spec?.nodeName)
    return items.length === names.length && names.every((name) => placed.includes(name))
  })

const untilSet = ({ client, namespace }: Scope, accept: (set: DaemonSet) => boolean) =>
  untilObject(client, daemonSets, { namespace, name: 'set' }, accept)

describe('daemon sets', { concurrency: true }, () => {
  const cluster = sharedCluster({ nodes: 2 })
  const all = ['node1', 'node2']

  it('run a pod on every node, and anew where it is deleted', async () => {
    const scope = await cluster.scope()
    const { client, namespace } = scope
    await create(scope)
    const [first] = await untilOn(scope, all)
    const { name, uid } = first!.metadata!
    await client.delete(pods, { namespace, name: name! })
    await untilOn(scope, all, ({ metadata }) => metadata?.uid !== uid)
    await client.delete(daemonSets, { namespace, name: 'set' })
    await untilOn(scope, [])
  })

  it('follow the labels of nodes', async () => {
    const scope = await cluster.scope()
    const { client, namespace } = scope
    const color = `color-${namespace}`
    const paint = (value: string | null) =>
      client.patch(
        nodes,
        { name: 'node1' },
        { type: 'strategic', body: { metadata: { labels: { [color]: value } } } },
      )
    await create(scope, { template: aTemplate('set', { nodeSelector: { [color]: 'blue' } }) })
    await untilSet(
      scope,
      ({ status }) => status?.observedGeneration === 1 && status.desiredNumberScheduled === 0,
    )
    await paint('blue')
    await untilOn(scope, ['node1'])
    await paint('green')
    await untilOn(scope, [])
    const spec = {
      updateStrategy: { type: 'RollingUpdate' },
      template: { spec: { nodeSelector: { [color]: 'green' } } },
    }
    await client.patch(daemonSets, { namespace, name: 'set' }, { type: 'merge', body: { spec } })
    await untilOn(scope, ['node1'])
    await paint(null)
    await untilOn(scope, [])
  })

  it('replace a pod that failed', async () => {
    const scope = await cluster.scope()
    const { client, namespace } = scope
    await create(scope)
    const [first] = await untilOn(scope, all)
    const { name, uid } = first!.metadata!
    const patch = { type: 'merge', body: { status: { phase: 'Failed' } } } as const
    await client.patch(pods, { namespace, name: name! }, patch, { subresource: 'status' })
    await untilOn(scope, all, ({ metadata }) => metadata?.uid !== uid)
  })

  it('roll out a new template, each with a revision', async () => {
    const scope = await cluster.scope()
    const { client, namespace } = scope
    await create(scope, { updateStrategy: { type: 'RollingUpdate' } })
    const before = await untilOn(scope, all)
    const hashOf = (pod: Pod) => pod.metadata?.labels?.['controller-revision-hash']
    const body = { spec: { template: { spec: { containers: [{ ...server, image: 'server:2' }] } } } }
    await client.patch(daemonSets, { namespace, name: 'set' }, { type: 'strategic', body })
    const fresh = await untilOn(scope, all, ({ spec }) => spec?.containers[0]?.image === 'server:2')
    assert.notEqual(hashOf(fresh[0]!), hashOf(before[0]!))
    const { items } = await client.list(controllerRevisions, { namespace })
    assert.deepEqual(
      new Set(items.map(({ metadata }) => metadata?.labels?.['controller-revision-hash'])),
      new Set([hashOf(before[0]!), hashOf(fresh[0]!)]),
    )
  })

  it('go back without replacing pods that never changed', async () => {
    const scope = await cluster.scope()
    const { client, namespace } = scope
    await create(scope, { updateStrategy: { type: 'RollingUpdate' } })
    const before = await untilOn(scope, all)
    const set = (containers: object[], readinessGates: object[] | null) =>
      client.patch(
        daemonSets,
        { namespace, name: 'set' },
        { type: 'strategic', body: { spec: { template: { spec: { containers, readinessGates } } } } },
      )
    await set([{ ...server, image: 'stuck:1' }], [{ conditionType: 'never' }])
    const midst = await untilList(client, pods, { namespace }, (items) => {
      return items.some((pod) => pod.spec?.containers[0]?.image === 'stuck:1' && runs(pod))
    })
    const uids = new Set(before.map(({ metadata }) => metadata?.uid))
    const kept = midst.filter(({ metadata }) => uids.has(metadata?.uid))
    assert.equal(kept.length, 1)
    await set([server], null)
    const after = await untilOn(scope, all, ({ spec }) => spec?.containers[0]?.image === server.image)
    const still = after.find(({ metadata }) => metadata?.uid === kept[0]!.metadata?.uid)
    assert.ok(still)
    assert.equal(still.status?.containerStatuses?.[0]?.restartCount, 0)
  })

  it('have a status that is written on its own, and are deleted together', async () => {
    const scope = await cluster.scope()
    const { client, api, namespace } = scope
    await create(scope)
    await untilOn(scope, all)
    const labels = { 'test-set': namespace }
    await client.patch(
      daemonSets,
      { namespace, name: 'set' },
      { type: 'merge', body: { metadata: { labels } } },
    )
    const path = `/apis/apps/v1/namespaces/${namespace}/daemonsets/set/status`
    const read = (await api('GET', path)).json
    assert.equal(read.status.numberReady, 2)
    const condition = { type: 'StatusUpdate', status: 'True', reason: 'Test', message: 'Set by a test' }
    const patch = { type: 'merge', body: { status: { conditions: [condition] } } } as const
    const told = await client.patch(daemonSets, { namespace, name: 'set' }, patch, { subresource: 'status' })
    assert.equal(told.status?.conditions?.[0]?.type, 'StatusUpdate')
    await client.deleteCollection(daemonSets, { namespace, labelSelector: `test-set=${namespace}` })
    assert.equal((await client.list(daemonSets, { namespace })).items.length, 0)
    await untilOn(scope, [])
  })
})
