import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { StatefulSet, StatefulSetSpec } from '../../../src/api/generated/apps.v1.ts'
import type { Scale } from '../../../src/api/generated/autoscaling.v1.ts'
import type { Pod } from '../../../src/api/generated/core.v1.ts'
import { controllerRevisions, pods, services, statefulSets } from '../../../src/api/generated/resources.ts'
import { aPod, aTemplate, server } from '../harness/objects.ts'
import { sharedCluster, type Scope } from '../harness/shared-cluster.ts'
import { untilList, untilObject } from '../harness/until-object.ts'

const gate = 'test/serves'

/** Its pods are ready when the test says so, with `serve`. */
function aStatefulSet(
  { namespace }: Scope,
  replicas: number,
  spec: Partial<StatefulSetSpec> = {},
): StatefulSet {
  const template = aTemplate('set', { readinessGates: [{ conditionType: gate }] })
  return {
    metadata: { namespace, name: 'set', labels: { name: 'set' } },
    spec: {
      replicas,
      serviceName: 'headless',
      selector: { matchLabels: { name: 'set' } },
      template,
      ...spec,
    },
  }
}

async function create(scope: Scope, set: StatefulSet): Promise<void> {
  const { client, namespace } = scope
  const spec = { clusterIP: 'None', selector: { name: 'set' }, ports: [{ port: 80 }] }
  await client.create(services, { metadata: { namespace, name: 'headless' }, spec })
  await client.create(statefulSets, set)
}

/** Waits until a pod runs, and says that it serves, or that it does not. */
async function serve(scope: Scope, name: string, serves = true, accept: (pod: Pod) => boolean = () => true) {
  const { client, namespace } = scope
  const running = ({ metadata, status }: Pod) => !metadata?.deletionTimestamp && status?.phase === 'Running'
  await untilObject(client, pods, { namespace, name }, (pod) => running(pod) && accept(pod))
  const conditions = [{ type: gate, status: serves ? 'True' : 'False' }]
  const patch = { type: 'strategic', body: { status: { conditions } } } as const
  await client.patch(pods, { namespace, name }, patch, { subresource: 'status' })
}

const untilSet = ({ client, namespace }: Scope, accept: (set: StatefulSet) => boolean) =>
  untilObject(client, statefulSets, { namespace, name: 'set' }, accept)

const scaleTo = ({ client, namespace }: Scope, replicas: number) =>
  client.patch(statefulSets, { namespace, name: 'set' }, { type: 'merge', body: { spec: { replicas } } })

const podNames = async ({ client, namespace }: Scope) =>
  (await client.list(pods, { namespace, labelSelector: 'name=set' })).items.map(
    ({ metadata }) => metadata?.name,
  )

const isOf = (image: string) => (pod: Pod) => pod.spec?.containers[0]?.image === image

const setImage = ({ client, namespace }: Scope, image: string) => {
  const body = { spec: { template: { spec: { containers: [{ ...server, image }] } } } }
  return client.patch(statefulSets, { namespace, name: 'set' }, { type: 'strategic', body })
}

describe('stateful sets', { concurrency: true }, () => {
  const cluster = sharedCluster({ nodes: 2 })

  it('come up and go down in order, and halt while a pod is not healthy', async () => {
    const scope = await cluster.scope()
    await create(scope, aStatefulSet(scope, 3))
    for (const [index, name] of ['set-0', 'set-1', 'set-2'].entries()) {
      await untilSet(scope, ({ status }) => status?.replicas === index + 1)
      assert.equal((await podNames(scope)).length, index + 1)
      await serve(scope, name)
    }
    await untilSet(scope, ({ status }) => status?.readyReplicas === 3)

    for (const name of ['set-0', 'set-1', 'set-2']) await serve(scope, name, false)
    await untilSet(scope, ({ status }) => !status?.readyReplicas)
    const { metadata } = await scaleTo(scope, 1)
    await untilSet(scope, ({ status }) => status?.observedGeneration === metadata?.generation)
    assert.deepEqual(await podNames(scope), ['set-0', 'set-1', 'set-2'])
    for (const name of ['set-0', 'set-1']) await serve(scope, name)
    await untilSet(scope, ({ status }) => status?.replicas === 1)
    assert.deepEqual(await podNames(scope), ['set-0'])
  })

  it('come up and go down at once when told to, healthy or not', async () => {
    const scope = await cluster.scope()
    await create(scope, aStatefulSet(scope, 3, { podManagementPolicy: 'Parallel' }))
    await untilSet(scope, ({ status }) => status?.replicas === 3)
    await scaleTo(scope, 5)
    await untilSet(scope, ({ status }) => status?.replicas === 5)
    assert.deepEqual(await podNames(scope), ['set-0', 'set-1', 'set-2', 'set-3', 'set-4'])
    await scaleTo(scope, 0)
    await untilSet(scope, ({ status }) => status?.replicas === 0)
  })

  it('roll a template out from the highest pod down, and back', async () => {
    const scope = await cluster.scope()
    const { client, namespace } = scope
    const names = ['set-0', 'set-1', 'set-2']
    await create(scope, aStatefulSet(scope, 3, { podManagementPolicy: 'Parallel' }))
    for (const name of names) await serve(scope, name)
    const first = await untilSet(scope, ({ status }) => status?.readyReplicas === 3)
    assert.equal(first.status?.currentRevision, first.status?.updateRevision)

    for (const image of ['server:2', server.image]) {
      const before = await client.get(statefulSets, { namespace, name: 'set' })
      await setImage(scope, image)
      await untilSet(scope, ({ status }) => status?.updateRevision !== before.status?.updateRevision)
      for (const name of names.toReversed()) {
        for (const lower of names.slice(0, names.indexOf(name))) {
          assert.ok(!isOf(image)(await client.get(pods, { namespace, name: lower })))
        }
        await serve(scope, name, true, isOf(image))
      }
      const done = await untilSet(scope, ({ status }) => {
        return status?.readyReplicas === 3 && status.currentRevision === status.updateRevision
      })
      assert.equal(done.status?.updateRevision === first.status?.updateRevision, image === server.image)
    }
    assert.equal((await client.list(controllerRevisions, { namespace })).items.length, 2)
  })

  it('roll a template out as far down as their partition says, which may move', async () => {
    const scope = await cluster.scope()
    const { client, namespace } = scope
    const partition = (partition: number) => ({
      type: 'RollingUpdate' as const,
      rollingUpdate: { partition },
    })
    await create(
      scope,
      aStatefulSet(scope, 3, { podManagementPolicy: 'Parallel', updateStrategy: partition(3) }),
    )
    for (const name of ['set-0', 'set-1', 'set-2']) await serve(scope, name)
    const first = await untilSet(scope, ({ status }) => status?.readyReplicas === 3)
    await setImage(scope, 'server:2')
    await untilSet(scope, ({ status }) => status?.updateRevision !== first.status?.updateRevision)
    const images = async () =>
      (await client.list(pods, { namespace })).items.map(({ spec }) => spec?.containers[0]?.image)
    assert.deepEqual(await images(), ['server:1', 'server:1', 'server:1'])

    const move = (to: number) =>
      client.patch(
        statefulSets,
        { namespace, name: 'set' },
        { type: 'merge', body: { spec: { updateStrategy: partition(to) } } },
      )
    await move(2)
    await serve(scope, 'set-2', true, isOf('server:2'))
    await untilSet(scope, ({ status }) => status?.updatedReplicas === 1 && status.readyReplicas === 3)
    assert.deepEqual(await images(), ['server:1', 'server:1', 'server:2'])

    // Pods that go come back of the revision of their side.
    for (const [name, image] of [
      ['set-0', 'server:1'],
      ['set-2', 'server:2'],
    ] as const) {
      const { metadata } = await client.get(pods, { namespace, name })
      await client.delete(pods, { namespace, name })
      await serve(scope, name, true, (pod) => pod.metadata?.uid !== metadata?.uid && isOf(image)(pod))
    }
    await untilSet(scope, ({ status }) => status?.readyReplicas === 3)
    await move(0)
    for (const name of ['set-1', 'set-0']) await serve(scope, name, true, isOf('server:2'))
    const done = await untilSet(
      scope,
      ({ status }) => status?.updatedReplicas === 3 && status.readyReplicas === 3,
    )
    assert.equal(done.status?.currentRevision, done.status?.updateRevision)
  })

  it('make a pod anew that cannot stay on its node', async () => {
    const scope = await cluster.scope()
    const { client, namespace } = scope
    const onNode = (hostPort: number) => ({
      nodeName: 'node1',
      containers: [{ ...server, ports: [{ containerPort: 80, hostPort, protocol: 'TCP' as const }] }],
    })
    await client.create(pods, aPod(namespace, 'in-the-way', onNode(21017)))
    await untilObject(
      client,
      pods,
      { namespace, name: 'in-the-way' },
      ({ status }) => status?.phase === 'Running',
    )
    await create(scope, aStatefulSet(scope, 1, { template: aTemplate('set', onNode(21017)) }))
    const seen = new Set<string>()
    await untilList(client, pods, { namespace, labelSelector: 'name=set' }, (items) => {
      for (const { metadata } of items) seen.add(metadata?.uid ?? '')
      return seen.size > 1
    })
    await client.delete(pods, { namespace, name: 'in-the-way' }, { gracePeriodSeconds: 0 })
    await untilObject(client, pods, { namespace, name: 'set-0' }, ({ status }) => status?.phase === 'Running')
  })

  it('are read and changed by their scale', async () => {
    const scope = await cluster.scope()
    const { client, namespace } = scope
    const name = { namespace, name: 'set' }
    await create(scope, aStatefulSet(scope, 1, { template: aTemplate('set') }))
    await untilSet(scope, ({ status }) => status?.readyReplicas === 1)
    const scale = await client.getSubresource<Scale>(statefulSets, name, 'scale')
    assert.deepEqual([scale.spec?.replicas, scale.status?.replicas], [1, 1])
    const { resourceVersion: _, ...metadata } = scale.metadata!
    const updated = await client.updateSubresource<Scale>(statefulSets, name, 'scale', {
      ...scale,
      metadata,
      spec: { replicas: 2 },
    } as Scale)
    assert.equal(updated.spec?.replicas, 2)
    await client.patch(
      statefulSets,
      name,
      { type: 'merge', body: { spec: { replicas: 4 } } },
      { subresource: 'scale' },
    )
    assert.equal((await client.get(statefulSets, name)).spec?.replicas, 4)
    await untilSet(scope, ({ status }) => status?.readyReplicas === 4)
  })
})
