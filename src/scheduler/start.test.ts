import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer, type IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'
import { test, type TestContext as Test } from 'node:test'
import type { Pod } from '../api/generated/core.v1.ts'
import {
  nodes,
  persistentVolumeClaims,
  persistentVolumes,
  pods,
  storageClasses,
} from '../api/generated/resources.ts'
import { testContext, until } from '../client/testing/test-context.ts'
import { defaultConfiguration, type SchedulerConfiguration } from './configuration/configuration.ts'
import { startScheduler } from './start.ts'
import { aNode, aPod } from './testing/builders.ts'

async function aScheduler(test: Test, configuration?: Partial<SchedulerConfiguration>) {
  const context = testContext()
  const { client } = context
  for (const name of ['a', 'b']) await client.create(nodes, aNode(name, { cpu: '2' }))
  const scheduler = await startScheduler(context, { ...defaultConfiguration, ...configuration })
  test.after(async () => {
    await scheduler.stop()
    await context.informers.stop()
  })
  await scheduler.ready
  const podOf = (name: string) => client.get(pods, { namespace: 'default', name })
  return {
    ...context,
    podOf,
    /** Runs timers and promises until a pod is as asked for. */
    async pod(name: string, isThere: (pod: Pod) => boolean): Promise<Pod> {
      for (let turn = 0; turn < 200; turn++) {
        const pod = await podOf(name)
        if (isThere(pod)) return pod
        await context.clock.advance(10)
        await new Promise((resolve) => setImmediate(resolve))
      }
      assert.fail(`pod ${name} does not come to be as wanted: ${JSON.stringify((await podOf(name)).status)}`)
    },
  }
}

const isBound = ({ spec }: Pod) => spec?.nodeName !== undefined
const waits = ({ status }: Pod) =>
  status?.conditions?.some(({ reason }) => reason === 'Unschedulable') ?? false

test('startScheduler binds pods of its name, and says why others wait', async (t) => {
  const { client, pod, podOf } = await aScheduler(t)
  await client.create(pods, aPod('fits', { cpu: '1' }))
  await client.create(pods, aPod('large', { cpu: '3' }))
  await client.create(pods, aPod('foreign', { spec: { schedulerName: 'other' } }))
  await pod('fits', isBound)
  const large = await pod('large', waits)
  assert.equal(
    large.status!.conditions!.find(({ type }) => type === 'PodScheduled')!.message,
    '0/2 nodes are available: 2 Insufficient cpu. no new claims to deallocate, preemption: ' +
      '0/2 nodes are available: 2 Preemption is not helpful for scheduling.',
  )
  assert.equal(isBound(await podOf('foreign')), false)
})

test('startScheduler says of a pod that is refused before its claims are looked at what upstream does', async (t) => {
  const { client, pod } = await aScheduler(t)
  const volumes = [{ name: 'v', persistentVolumeClaim: { claimName: 'none' } }]
  await client.create(pods, aPod('p', { spec: { volumes } }))
  assert.equal(
    (await pod('p', waits)).status!.conditions!.find(({ type }) => type === 'PodScheduled')!.message,
    '0/2 nodes are available: persistentvolumeclaim "none" not found. not found',
  )
})

test('startScheduler tries a refused pod again when a change may help it', async (t) => {
  const { client, pod } = await aScheduler(t)
  await client.create(pods, aPod('large', { cpu: '3' }))
  await pod('large', waits)
  await client.create(nodes, aNode('large', { cpu: '4' }))
  assert.equal((await pod('large', isBound)).spec!.nodeName, 'large')
})

test('startScheduler deletes pods of lower priority, and gives the room to whom it was made for', async (t) => {
  const { client, pod } = await aScheduler(t)
  for (const name of ['low-1', 'low-2']) await client.create(pods, aPod(name, { cpu: '2', priority: 1 }))
  for (const name of ['low-1', 'low-2']) await pod(name, isBound)
  await client.create(pods, aPod('high', { cpu: '2', priority: 10 }))
  const { status } = await pod('high', ({ status }) => status?.nominatedNodeName !== undefined)
  const victims = (await client.list(pods)).items.filter(({ metadata }) => metadata?.deletionTimestamp)
  assert.deepEqual(
    victims.map(({ spec }) => spec?.nodeName),
    [status!.nominatedNodeName],
  )
  const { namespace = '', name = '' } = victims[0]!.metadata!
  await client.delete(pods, { namespace, name }, { gracePeriodSeconds: 0 })
  const high = await pod('high', isBound)
  const left = (await client.list(pods)).items.map(({ metadata }) => metadata!.name)
  assert.equal(left.length, 2)
  assert.ok(left.includes('high'))
  assert.equal(high.spec!.nodeName, status!.nominatedNodeName)
})

test('startScheduler makes room for pods whose victims are in part the same', async (t) => {
  const { client, clock, pod } = await aScheduler(t)
  const onBig = { nodeSelector: { 'kubernetes.io/hostname': 'big' } }
  await client.create(nodes, aNode('big', { cpu: '10' }))
  const low = Array.from({ length: 9 }, (_, index) => `low-${index}`)
  for (const name of low) await client.create(pods, aPod(name, { cpu: '1', priority: 1, spec: onBig }))
  for (const name of low) await pod(name, isBound)
  const high = ['high-1', 'high-2']
  for (const name of high) await client.create(pods, aPod(name, { cpu: '2', priority: 10, spec: onBig }))
  for (let turn = 0; turn < 200; turn++) {
    const { items } = await client.list(pods)
    for (const { metadata } of items) {
      if (!metadata?.deletionTimestamp) continue
      const { namespace = '', name = '' } = metadata
      await client.delete(pods, { namespace, name }, { gracePeriodSeconds: 0 })
    }
    if (items.filter(({ metadata }) => high.includes(metadata!.name!)).every(isBound)) break
    await clock.advance(10)
    await new Promise((resolve) => setImmediate(resolve))
  }
  for (const name of high) await pod(name, isBound)
  const left = (await client.list(pods)).items.filter(({ metadata }) => low.includes(metadata!.name!))
  assert.equal(left.length, 6, 'no more have gone than had to')
})

test('startScheduler binds a late claim’s volume before the pod', async (t) => {
  const { client, pod, podOf, clock } = await aScheduler(t)
  await client.create(storageClasses, {
    metadata: { name: 'late' },
    provisioner: 'kubernetes.io/no-provisioner',
    volumeBindingMode: 'WaitForFirstConsumer',
  })
  await client.create(persistentVolumes, {
    metadata: { name: 'volume' },
    spec: {
      capacity: { storage: '1Gi' },
      accessModes: ['ReadWriteOnce'],
      storageClassName: 'late',
      nodeAffinity: {
        required: {
          nodeSelectorTerms: [
            { matchExpressions: [{ key: 'kubernetes.io/hostname', operator: 'In', values: ['b'] }] },
          ],
        },
      },
    },
    status: { phase: 'Available' },
  })
  await client.create(persistentVolumeClaims, {
    metadata: { namespace: 'default', name: 'claim' },
    spec: {
      storageClassName: 'late',
      accessModes: ['ReadWriteOnce'],
      resources: { requests: { storage: '1Gi' } },
    },
  })
  const volumes = [{ name: 'data', persistentVolumeClaim: { claimName: 'claim' } }]
  await client.create(pods, aPod('p', { spec: { volumes } }))
  const volume = async () => client.get(persistentVolumes, { name: 'volume' })
  for (let turn = 0; turn < 100 && !(await volume()).spec?.claimRef; turn++) {
    await clock.advance(10)
    await new Promise((resolve) => setImmediate(resolve))
  }
  assert.equal((await volume()).spec?.claimRef?.name, 'claim')
  assert.equal(isBound(await podOf('p')), false)

  const claim = await client.get(persistentVolumeClaims, { namespace: 'default', name: 'claim' })
  await client.update(persistentVolumeClaims, {
    ...claim,
    metadata: { ...claim.metadata, annotations: { 'pv.kubernetes.io/bind-completed': 'yes' } },
    spec: { ...claim.spec, volumeName: 'volume' },
  })
  assert.equal((await pod('p', isBound)).spec!.nodeName, 'b')
})

test('startScheduler asks extenders', async (t) => {
  const asked: string[] = []
  const server = createServer((request, response) => {
    void readJson(request).then((question) => {
      asked.push(request.url!)
      const names = question['NodeNames'] as string[]
      const answer = request.url!.endsWith('/filter')
        ? { NodeNames: names.filter((name) => name !== 'a'), FailedNodes: { a: 'not this one' } }
        : names.map((Host) => ({ Host, Score: 5 }))
      response.end(JSON.stringify(answer))
    })
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.after(() => server.close())
  const { port } = server.address() as AddressInfo
  const urlPrefix = `http://127.0.0.1:${port}/extend`
  const { client, pod, clock } = await aScheduler(t, {
    extenders: [
      { urlPrefix, filterVerb: 'filter', prioritizeVerb: 'score', weight: 1, nodeCacheCapable: true },
    ],
  })
  await client.create(pods, aPod('p'))
  await clock.advance(10)
  await until(() => asked.length === 2)
  assert.equal((await pod('p', isBound)).spec!.nodeName, 'b')
  assert.deepEqual(asked, ['/extend/filter', '/extend/score'])
})

test('startScheduler lets extenders choose among the nodes where room can be made, and refuse', async (t) => {
  let leaves: string | undefined
  const asked: Record<string, { readonly Pods: readonly { readonly UID: string }[] }>[] = []
  const server = createServer((request, response) => {
    void readJson(request).then((question) => {
      const victims = question['NodeNameToMetaVictims'] as (typeof asked)[number]
      asked.push(victims)
      const left = leaves === undefined ? {} : { [leaves]: victims[leaves] }
      response.end(JSON.stringify({ NodeNameToMetaVictims: left }))
    })
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.after(() => server.close())
  const { port } = server.address() as AddressInfo
  const { client, pod, clock } = await aScheduler(t, {
    extenders: [{ urlPrefix: `http://127.0.0.1:${port}`, preemptVerb: 'preempt', nodeCacheCapable: true }],
  })
  const onNode = (name: string) => ({ nodeSelector: { 'kubernetes.io/hostname': name } })
  await client.create(pods, aPod('cheap', { cpu: '2', priority: 1, spec: onNode('a') }))
  await client.create(pods, aPod('dear', { cpu: '2', priority: 5, spec: onNode('b') }))
  for (const name of ['cheap', 'dear']) await pod(name, isBound)

  await client.create(pods, aPod('refused', { cpu: '2', priority: 10 }))
  await clock.advance(10)
  await until(() => asked.length === 1)
  const { status } = await pod('refused', waits)
  assert.deepEqual(Object.keys(asked[0]!).toSorted(), ['a', 'b'])
  assert.match(
    status!.conditions!.find(({ type }) => type === 'PodScheduled')!.message!,
    /2 Insufficient cpu\. no new claims to deallocate, preemption: no candidate node for preemption$/,
  )

  leaves = 'b'
  await client.create(pods, aPod('high', { cpu: '2', priority: 20 }))
  await clock.advance(10)
  await until(() => asked.length === 2)
  const high = await pod('high', ({ status: now }) => now?.nominatedNodeName !== undefined)
  assert.equal(high.status!.nominatedNodeName, 'b')
  await pod('dear', ({ metadata }) => metadata?.deletionTimestamp !== undefined)
})

async function readJson(request: IncomingMessage): Promise<Record<string, unknown>> {
  const chunks: Buffer[] = []
  for await (const chunk of request) chunks.push(chunk as Buffer)
  return JSON.parse(Buffer.concat(chunks).toString()) as Record<string, unknown>
}
