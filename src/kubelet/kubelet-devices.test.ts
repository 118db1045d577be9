import assert from 'node:assert/strict'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { nodes, resourceClaims } from '../api/generated/resources.ts'
import { whyNoContainers } from './testing/containerd.ts'
import {
  eventually,
  hasEnded,
  isReady,
  prepareContainerWorld,
  type ContainerWorld,
} from './testing/container-world.ts'
import { startTestDevicePlugin, type TestDevicePlugin } from './devices/testing/test-device-plugin.ts'
import { startTestDraDriver, type TestDraDriver } from './dra/testing/test-dra-driver.ts'
import { aShell } from './testing/pod-builder.ts'

const resource = 'example.com/widget'
const limits = { resources: { limits: { [resource]: '1' } } }

describe('kubelet with devices', { skip: whyNoContainers() ?? false }, () => {
  let world: ContainerWorld
  let plugin: TestDevicePlugin
  let driver: TestDraDriver

  const amounts = async () => {
    const { status } = await world.kubelet.client.get(nodes, { name: 'node-1' })
    return `${status?.capacity?.[resource]} ${status?.allocatable?.[resource]}`
  }

  before(async () => {
    world = await prepareContainerWorld('10.213.41.0/24')
    const root = join(world.containerd.directory, 'kubelet')
    await world.kubelet.start()
    plugin = await startTestDevicePlugin({
      directory: join(root, 'device-plugins'),
      resource,
      devices: { a: true, b: false },
      preStart: true,
      answer: (ids) => ({
        envs: { WIDGET: ids.join(',') },
        mounts: [{ containerPath: '/widget', hostPath: world.share, readOnly: true }],
        devices: [{ containerPath: '/dev/widget', hostPath: '/dev/zero', permissions: 'r' }],
      }),
    })
    await plugin.register()
    driver = await startTestDraDriver(root, 'dra.example.com')
    assert.equal(await driver.registered, '')
  })
  after(async () => {
    plugin?.stop()
    driver?.stop()
    await world?.stop()
  })

  it('tells the node what there is', async () => {
    await eventually(async () => (await amounts()) === '2 1')
  })

  it('gives a container its device, and the next pod when it is free', async () => {
    const script = 'echo $WIDGET; head -c 4 /dev/widget | wc -c; grep -c " /widget " /proc/mounts'
    assert.equal((await world.output('one', script, {}, limits)).replaceAll(/\s+/g, ' '), 'a 4 1 ')
    assert.equal((await world.output('two', 'echo $WIDGET', {}, limits)).trim(), 'a')
    assert.deepEqual(plugin.calls.slice(0, 2), ['Allocate a', 'PreStartContainer a'])
  })

  it('refuses a pod for which there is none left, and tells how a device is', async () => {
    await world.create('holder', { containers: [aShell('app', 'sleep 1000', limits)] })
    await world.kubelet.waitFor('holder', isReady)
    await world.create('late', { containers: [aShell('app', 'sleep 1000', limits)] })
    const { status } = await world.kubelet.waitFor('late', hasEnded)
    assert.equal(status?.reason, 'UnexpectedAdmissionError')
    assert.equal(
      status?.message,
      `Pod was rejected: Allocate failed due to requested number of devices unavailable for ${resource}. Requested: 1, Available: 0, which is unexpected`,
    )
    plugin.setDevices({ a: false, b: true })
    await world.kubelet.waitFor(
      'holder',
      (pod) =>
        pod.status?.containerStatuses?.[0]?.allocatedResourcesStatus?.[0]?.resources?.[0]?.health ===
        'Unhealthy',
    )
    await world.remove('holder')
    await world.remove('late')
    plugin.setDevices({ a: true, b: true })
  })

  it('has claims prepared before a pod starts, and taken back when it has ended', async () => {
    const pod = await world.create('claimant', {
      resourceClaims: [{ name: 'widget', resourceClaimName: 'claim' }],
      containers: [aShell('app', 'sleep 1000')],
    })
    const words =
      'Failed to prepare dynamic resources: prepare dynamic resources: fetch ResourceClaim claim: '
    await eventually(async () =>
      (await world.kubelet.eventsOf('claimant')).some(
        ({ reason, message }) =>
          reason === 'FailedPrepareDynamicResources' && message?.startsWith(words) === true,
      ),
    )
    await world.kubelet.client.create(resourceClaims, {
      metadata: { name: 'claim', namespace: 'default' },
      spec: {},
      status: {
        allocation: {
          devices: { results: [{ request: 'one', driver: 'dra.example.com', pool: 'p', device: 'd' }] },
        },
        reservedFor: [{ resource: 'pods', name: 'claimant', uid: pod.metadata?.uid ?? '' }],
      },
    })
    await world.kubelet.waitFor('claimant', isReady, 40_000)
    assert.deepEqual(driver.calls, ['prepare claim'])
    await world.remove('claimant')
    assert.deepEqual(driver.calls, ['prepare claim', 'unprepare claim'])
  })

  it('leaves devices to running pods when it starts again, and asks plugins to come again', async () => {
    await world.create('keeper', { containers: [aShell('app', 'sleep 1000', limits)] })
    await world.kubelet.waitFor('keeper', isReady)
    const allocated = plugin.calls.filter((call) => call.startsWith('Allocate')).length
    await world.kubelet.stop()
    plugin.stop()
    await world.kubelet.start()
    await eventually(async () => (await amounts()) === '0 0')
    const again = await startTestDevicePlugin({
      directory: join(world.containerd.directory, 'kubelet/device-plugins'),
      resource,
      devices: { a: true, b: true },
    })
    try {
      await again.register()
      await eventually(async () => (await amounts()) === '2 2')
      await world.create('other', { containers: [aShell('app', 'sleep 1000', limits)] })
      await world.kubelet.waitFor('other', isReady)
      assert.equal(again.calls.length, 1)
      assert.equal(plugin.calls.filter((call) => call.startsWith('Allocate')).length, allocated)
      const ids = (
        await Promise.all(['keeper', 'other'].map((name) => world.kubelet.waitFor(name, isReady)))
      ).map(
        (pod) =>
          pod.status?.containerStatuses?.[0]?.allocatedResourcesStatus?.[0]?.resources?.[0]?.resourceID,
      )
      assert.deepEqual(new Set(ids), new Set(['a', 'b']))
      await world.remove('keeper')
      await world.remove('other')
    } finally {
      again.stop()
    }
  })
})
