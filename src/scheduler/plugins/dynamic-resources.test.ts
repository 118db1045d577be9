import assert from 'node:assert/strict'
import { test, type TestContext as Test } from 'node:test'
import type { Node, Pod } from '../../api/generated/core.v1.ts'
import type { DeviceClass, ResourceClaim, ResourceSlice } from '../../api/generated/resource.v1.ts'
import { deviceClasses, nodes, pods, resourceClaims, resourceSlices } from '../../api/generated/resources.ts'
import { claimFinalizer } from '../../api/resource/pod-claims.ts'
import { testContext } from '../../client/testing/test-context.ts'
import { startScheduler } from '../start.ts'
import { aNode, aPod } from '../testing/builders.ts'
import { aDeviceClaim, aDeviceClass, aDeviceRequest, aNodeSlice, driver, select } from '../testing/devices.ts'

interface Shape {
  readonly nodes?: readonly Node[]
  readonly classes?: readonly DeviceClass[]
  readonly slices?: readonly ResourceSlice[]
  readonly claims?: readonly ResourceClaim[]
}

async function aScheduler(test: Test, shape: Shape = {}) {
  const context = testContext()
  const { client } = context
  const { classes = [aDeviceClass()], slices = [aNodeSlice('b', [{ name: 'g0' }])], claims = [] } = shape
  for (const node of shape.nodes ?? [aNode('a'), aNode('b')]) await client.create(nodes, node)
  for (const each of classes) await client.create(deviceClasses, each)
  for (const each of slices) await client.create(resourceSlices, each)
  for (const each of claims) await client.create(resourceClaims, each)
  const scheduler = await startScheduler(context)
  test.after(async () => {
    await scheduler.stop()
    await context.informers.stop()
  })
  await scheduler.ready
  const settleUntil = async <T>(read: () => Promise<T>, isThere: (value: T) => boolean): Promise<T> => {
    for (let turn = 0; turn < 400; turn++) {
      const value = await read()
      if (isThere(value)) return value
      await context.clock.advance(20)
      await new Promise((resolve) => setImmediate(resolve))
    }
    assert.fail(`it does not come to be as wanted: ${JSON.stringify(await read())}`)
  }
  const inDefault = (name: string) => ({ namespace: 'default', name })
  return {
    client,
    create: (pod: Pod) => client.create(pods, pod),
    pod: (name: string, isThere: (pod: Pod) => boolean) =>
      settleUntil(() => client.get(pods, inDefault(name)), isThere),
    claim: (name: string, isThere: (claim: ResourceClaim) => boolean = () => true) =>
      settleUntil(() => client.get(resourceClaims, inDefault(name)), isThere),
  }
}

const isBound = ({ spec }: Pod) => spec?.nodeName !== undefined
const messageOf = ({ status }: Pod) =>
  status?.conditions?.find(({ type }) => type === 'PodScheduled')?.message ?? ''
const waits = (pod: Pod) => messageOf(pod) !== ''
const aUser = (name: string, ...claims: readonly string[]): Pod =>
  aPod(name, {
    spec: { resourceClaims: claims.map((claim) => ({ name: claim, resourceClaimName: claim })) },
  })
const oneDevice = (name: string, status?: ResourceClaim['status']) =>
  aDeviceClaim(name, { requests: [aDeviceRequest()] }, status)
const onNode = (name: string) => ({
  nodeSelectorTerms: [{ matchFields: [{ key: 'metadata.name', operator: 'In' as const, values: [name] }] }],
})
const given = (device: string, node = 'b') => ({
  devices: { results: [{ request: 'r', driver, pool: node, device }] },
  nodeSelector: onNode(node),
})

test('DynamicResources writes devices and pod into the claim, then binds', async (t) => {
  const { create, pod, claim } = await aScheduler(t, { claims: [oneDevice('c')] })
  await create(aUser('p', 'c'))
  assert.equal((await pod('p', isBound)).spec!.nodeName, 'b')
  const { metadata, status } = await claim('c')
  assert.deepEqual(metadata!.finalizers, [claimFinalizer])
  assert.deepEqual(status, {
    allocation: given('g0'),
    reservedFor: [{ resource: 'pods', name: 'p', uid: 'uid-p' }],
  })
})

test('DynamicResources lets pods share a claim, on its node', async (t) => {
  const { create, pod, claim } = await aScheduler(t, { claims: [oneDevice('c')] })
  for (const name of ['p', 'q']) {
    await create(aUser(name, 'c'))
    assert.equal((await pod(name, isBound)).spec!.nodeName, 'b')
  }
  assert.deepEqual(
    (await claim('c')).status!.reservedFor!.map(({ name }) => name),
    ['p', 'q'],
  )
})

test('DynamicResources has pods wait for devices, and says so', async (t) => {
  const { client, create, pod } = await aScheduler(t, { claims: [oneDevice('c'), oneDevice('d')] })
  await create(aUser('p', 'c'))
  await pod('p', isBound)
  await create(aUser('q', 'd'))
  assert.equal(
    messageOf(await pod('q', waits)),
    '0/2 nodes are available: 2 cannot allocate all claims. still not schedulable, ' +
      'preemption: 0/2 nodes are available: 2 Preemption is not helpful for scheduling.',
  )
  await client.create(resourceSlices, aNodeSlice('a', [{ name: 'g0' }]))
  assert.equal((await pod('q', isBound)).spec!.nodeName, 'a')
})

test('DynamicResources gives devices again that have been given back', async (t) => {
  const { client, create, pod } = await aScheduler(t, {
    claims: [oneDevice('c', { allocation: given('g0') }), oneDevice('d')],
  })
  await create(aUser('q', 'd'))
  await pod('q', waits)
  const held = await client.get(resourceClaims, { namespace: 'default', name: 'c' })
  await client.update(resourceClaims, { ...held, status: {} }, { subresource: 'status' })
  assert.equal((await pod('q', isBound)).spec!.nodeName, 'b')
})

test('DynamicResources gives an unused allocation up that leads nowhere', async (t) => {
  const full = aNode('b', { pods: '0' })
  const slices = [aNodeSlice('a', [{ name: 'g0' }]), aNodeSlice('b', [{ name: 'g0' }])]
  const claims = [oneDevice('c', { allocation: given('g0') })]
  const { create, pod, claim } = await aScheduler(t, { nodes: [aNode('a'), full], slices, claims })
  await create(aUser('p', 'c'))
  assert.equal((await pod('p', isBound)).spec!.nodeName, 'a')
  assert.deepEqual((await claim('c')).status!.allocation, given('g0', 'a'))
})

const refused: readonly (readonly [string, Shape, string])[] = [
  [
    'a class that is not there',
    { classes: [], claims: [oneDevice('c')] },
    'request r: device class gpu does not exist',
  ],
  [
    'a claim with all the consumers it may have',
    {
      claims: [
        oneDevice('c', {
          allocation: given('g0'),
          reservedFor: Array.from({ length: 256 }, (_, n) => ({
            resource: 'pods',
            name: `${n}`,
            uid: `${n}`,
          })),
        }),
      ],
    },
    'resourceclaim in use',
  ],
]
for (const [name, shape, reason] of refused) {
  test(`DynamicResources refuses ${name}`, async (t) => {
    const { create, pod } = await aScheduler(t, shape)
    await create(aUser('p', 'c'))
    await pod('p', (now) => messageOf(now).startsWith(`0/2 nodes are available: ${reason}.`))
  })
}

test('DynamicResources tells what is wrong with a selector', async (t) => {
  const claims = [aDeviceClaim('c', { requests: [aDeviceRequest(select('device.attributes["x"].y == 1'))] })]
  const { create, pod } = await aScheduler(t, { claims })
  await create(aUser('p', 'c'))
  const { status } = await pod('p', waits)
  const [condition] = status!.conditions!
  assert.equal(condition!.reason, 'SchedulerError')
  assert.match(
    condition!.message!,
    /^running "DynamicResources" filter plugin: claim default\/c: selector #0 on device gpu\.example\.com\/b\/g0: CEL runtime error: no such key: y/,
  )
})

test('DynamicResources waits for a claim to be made from a template', async (t) => {
  const { client, create, pod } = await aScheduler(t)
  const made = aUser('p')
  await create({
    ...made,
    spec: { ...made.spec!, resourceClaims: [{ name: 'gpu', resourceClaimTemplateName: 'gpu' }] },
  })
  await client.create(resourceClaims, {
    ...oneDevice('made'),
    metadata: {
      ...oneDevice('made').metadata,
      ownerReferences: [{ apiVersion: 'v1', kind: 'Pod', name: 'p', uid: 'uid-p', controller: true }],
    },
  })
  const resourceClaimStatuses = [{ name: 'gpu', resourceClaimName: 'made' }]
  const current = await client.get(pods, { namespace: 'default', name: 'p' })
  assert.equal(isBound(current), false)
  await client.update(
    pods,
    { ...current, status: { ...current.status, resourceClaimStatuses } },
    { subresource: 'status' },
  )
  assert.equal((await pod('p', isBound)).spec!.nodeName, 'b')
})

test('DynamicResources binds only when the devices are ready', async (t) => {
  const ready = {
    name: 'g0',
    bindsToNode: true,
    bindingConditions: ['Attached'],
    bindingFailureConditions: ['Broken'],
  }
  const { client, create, pod, claim } = await aScheduler(t, {
    slices: [aNodeSlice('b', [ready])],
    claims: [oneDevice('c')],
  })
  await create(aUser('p', 'c'))
  const chosen = await claim('c', ({ status }) => !!status?.allocation)
  assert.ok(chosen.status!.allocation!.allocationTimestamp)
  assert.equal(isBound(await client.get(pods, { namespace: 'default', name: 'p' })), false)
  const conditions = [
    {
      type: 'Attached',
      status: 'True',
      reason: 'Done',
      message: '',
      lastTransitionTime: '2026-01-01T00:00:00Z',
    },
  ] as const
  const devices = [{ driver, pool: 'b', device: 'g0', conditions }]
  await client.update(
    resourceClaims,
    { ...chosen, status: { ...chosen.status, devices } },
    { subresource: 'status' },
  )
  assert.equal((await pod('p', isBound)).spec!.nodeName, 'b')
})

test('DynamicResources serves extended resources with devices', async (t) => {
  const classes = [aDeviceClass('gpu', { extendedResourceName: 'example.com/gpu' })]
  const { client, create, pod } = await aScheduler(t, {
    classes,
    slices: [aNodeSlice('b', [{ name: 'g0' }, { name: 'g1' }])],
  })
  const asking = aPod('p')
  const [app] = asking.spec!.containers
  const resources = { requests: { cpu: '1', 'example.com/gpu': '2' } }
  await create({ ...asking, spec: { ...asking.spec, containers: [{ ...app!, resources }] } })
  const bound = await pod('p', isBound)
  assert.equal(bound.spec!.nodeName, 'b')
  const [claim] = (await client.list(resourceClaims)).items
  assert.deepEqual(
    claim!.status!.allocation!.devices!.results!.map(({ device }) => device),
    ['g0', 'g1'],
  )
  assert.deepEqual(claim!.spec.devices!.requests, [
    {
      name: 'container-0-request-1',
      exactly: { deviceClassName: 'gpu', allocationMode: 'ExactCount' as const, count: 2 },
    },
  ])
  assert.deepEqual(bound.status!.extendedResourceClaimStatus, {
    requestMappings: [
      { containerName: 'app', resourceName: 'example.com/gpu', requestName: 'container-0-request-1' },
    ],
    resourceClaimName: claim!.metadata!.name,
  })
})

test('DynamicResources prefers the node whose devices a request would rather have', async (t) => {
  const names = ['a', 'b', 'c', 'd', 'e']
  const slices = names.map((node) => {
    return aNodeSlice(node, [
      { name: 'g', attributes: { size: { string: node === 'd' ? 'large' : 'small' } } },
    ])
  })
  const sized = (size: string) => ({
    name: size,
    deviceClassName: 'gpu',
    allocationMode: 'ExactCount' as const,
    count: 1,
    ...select(`device.attributes["${driver}"].size == "${size}"`),
  })
  const requests = [{ name: 'r', firstAvailable: [sized('large'), sized('small')] }]
  const claims = names.map((name) => aDeviceClaim(`claim-${name}`, { requests }))
  const { create, pod } = await aScheduler(t, { nodes: names.map((name) => aNode(name)), slices, claims })
  await create(aUser('first', 'claim-a'))
  assert.equal((await pod('first', isBound)).spec!.nodeName, 'd')
  await create(aUser('second', 'claim-b'))
  assert.notEqual((await pod('second', isBound)).spec!.nodeName, 'd')
})

test('DynamicResources has room made where the devices of a claim are', async (t) => {
  const claims = [oneDevice('held', { allocation: given('g0') })]
  const small = ['a', 'b'].map((name) => aNode(name, { cpu: '2' }))
  const { create, pod } = await aScheduler(t, { nodes: small, claims })
  const on = (name: string) => ({ nodeSelector: { 'kubernetes.io/hostname': name } })
  await create(aPod('trivial', { cpu: '2', priority: 1, spec: on('a') }))
  await create(aPod('lesser', { cpu: '2', priority: 5, spec: on('b') }))
  for (const name of ['trivial', 'lesser']) await pod(name, isBound)
  const { spec } = aUser('high', 'held')
  await create(aPod('high', { cpu: '1', priority: 10, spec: { resourceClaims: spec!.resourceClaims! } }))
  const high = await pod('high', ({ status }) => status?.nominatedNodeName !== undefined)
  assert.equal(high.status!.nominatedNodeName, 'b')
  await pod('lesser', ({ metadata }) => metadata?.deletionTimestamp !== undefined)
})

test('DynamicResources says that removing pods frees no devices', async (t) => {
  const { create, pod } = await aScheduler(t, { claims: [oneDevice('first'), oneDevice('second')] })
  await create({ ...aUser('low', 'first') })
  await pod('low', isBound)
  const { spec } = aUser('high', 'second')
  await create(aPod('high', { priority: 10, spec: { resourceClaims: spec!.resourceClaims! } }))
  const high = await pod('high', waits)
  assert.equal(
    messageOf(high),
    '0/2 nodes are available: 2 cannot allocate all claims. still not schedulable, ' +
      'preemption: 0/2 nodes are available: 2 Preemption is not helpful for scheduling.',
  )
  assert.equal((await pod('low', () => true)).metadata?.deletionTimestamp, undefined)
})
