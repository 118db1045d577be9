import assert from 'node:assert/strict'
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, it, type TestContext } from 'node:test'
import type { Pod } from '../../api/generated/core.v1.ts'
import { silentLogger } from '../../machinery/log.ts'
import { createMetrics } from '../../machinery/metrics.ts'
import { fakeClock } from '../../machinery/testing/fake-clock.ts'
import { eventually } from '../testing/container-world.ts'
import { createDeviceManager } from './device-manager.ts'
import { startTestDevicePlugin, type TestDevicePluginOptions } from './testing/test-device-plugin.ts'

const resource = 'example.com/widget'

function aPod(uid: string, amount: number, rest: object = {}): Pod {
  const container = (name: string, more: object = {}) => ({
    name,
    resources: { limits: { [resource]: String(amount) } },
    ...more,
  })
  return { metadata: { uid, name: uid }, spec: { containers: [container('app')], ...rest } }
}

async function aWorld(test: TestContext, options: Partial<TestDevicePluginOptions> = {}) {
  const root = await mkdtemp(join(tmpdir(), 'devices-'))
  const directory = join(root, 'device-plugins')
  const clock = fakeClock()
  const metrics = createMetrics()
  const changes: (readonly string[])[] = []
  const makeManager = () =>
    createDeviceManager({
      directory,
      clock,
      log: silentLogger,
      metrics,
      onChange: (uids) => void changes.push(uids),
    })
  const world = { directory, clock, metrics, changes, makeManager, manager: await makeManager() }
  const plugin = await startTestDevicePlugin({
    directory,
    resource,
    devices: { a: true, b: true, c: false },
    ...options,
  })
  test.after(async () => {
    plugin.stop()
    await world.manager.stop()
    await rm(root, { recursive: true })
  })
  return {
    ...world,
    plugin,
    until: (capacity: number, allocatable: number) =>
      eventually(async () => {
        const amounts = world.manager.amounts()[resource]
        return amounts?.capacity === capacity && amounts.allocatable === allocatable
      }),
    async registered() {
      await plugin.register()
      await this.until(3, 2)
    },
  }
}

describe('createDeviceManager', () => {
  it('tells of devices that plugins have, and of those that are healthy', async (test) => {
    const world = await aWorld(test)
    await world.registered()
    world.plugin.setDevices({ a: true })
    await world.until(1, 1)
    assert.match(
      world.metrics.text(),
      /kubelet_device_plugin_registration_total\{resource_name="example.com\/widget"\} 1/,
    )
  })

  it('refuses plugins of other versions, and names that are not of extended resources', async (test) => {
    const { plugin } = await aWorld(test)
    await assert.rejects(plugin.register('v1alpha'), {
      message:
        'rpc error: code = Unknown desc = requested API version "v1alpha" is not supported by kubelet. Supported version is ["v1beta1"]',
    })
    await assert.rejects(plugin.register('v1beta1', 'cpu'), /the ResourceName "cpu" is invalid/)
  })

  it('gives each container devices of its own, until there are too few', async (test) => {
    const { manager, plugin, ...world } = await aWorld(test)
    await plugin.register()
    await world.until(3, 2)
    await manager.allocate(aPod('1', 1))
    await manager.allocate(aPod('1', 1))
    await manager.allocate(aPod('2', 1))
    assert.deepEqual(plugin.calls, ['Allocate a', 'Allocate b'])
    await assert.rejects(manager.allocate(aPod('3', 1)), {
      message: `requested number of devices unavailable for ${resource}. Requested: 1, Available: 0`,
    })
    await manager.release('1')
    await manager.allocate(aPod('3', 1))
    assert.equal(plugin.calls.at(-1), 'Allocate a')
  })

  it('gives init containers what the containers get after them', async (test) => {
    const { manager, plugin, ...world } = await aWorld(test)
    await plugin.register()
    await world.until(3, 2)
    const limits = { limits: { [resource]: '2' } }
    await manager.allocate(aPod('1', 2, { initContainers: [{ name: 'init', resources: limits }] }))
    assert.deepEqual(plugin.calls, ['Allocate a,b', 'Allocate a,b'])
  })

  it('asks the plugin which devices it prefers, and before each start', async (test) => {
    const { manager, plugin, ...world } = await aWorld(test, {
      preferred: ['b'],
      preStart: true,
      answer: () => ({
        envs: { WIDGET: 'b' },
        mounts: [{ containerPath: '/w', hostPath: '/h', readOnly: true }],
        devices: [{ containerPath: '/dev/w', hostPath: '/dev/null', permissions: 'rw' }],
        annotations: { widget: 'yes' },
        cdiDevices: [{ name: 'example.com/widget=b' }],
      }),
    })
    await plugin.register()
    await world.until(3, 2)
    const pod = aPod('1', 1)
    await manager.allocate(pod)
    const additions = await manager.additions(pod, pod.spec!.containers[0]!)
    assert.deepEqual(plugin.calls, ['GetPreferredAllocation', 'Allocate b', 'PreStartContainer b'])
    assert.deepEqual(additions.environment, [{ name: 'WIDGET', value: 'b' }])
    assert.deepEqual(additions.devices, [
      { containerPath: '/dev/w', hostPath: '/dev/null', permissions: 'rw' },
    ])
    assert.equal(additions.mounts[0]?.readonly, true)
    assert.deepEqual(additions.annotations, { widget: 'yes' })
    assert.deepEqual(additions.cdiDevices, ['example.com/widget=b'])
  })

  it('tells how the devices of a container are', async (test) => {
    const { manager, plugin, changes, ...world } = await aWorld(test)
    await plugin.register()
    await world.until(3, 2)
    await manager.allocate(aPod('1', 1))
    const health = () => manager.statusOf('1', 'app')[0]?.resources?.[0]
    assert.deepEqual(health(), { resourceID: 'a', health: 'Healthy' })
    plugin.setDevices({ a: false, b: true })
    await world.until(2, 1)
    assert.deepEqual(health(), { resourceID: 'a', health: 'Unhealthy' })
    assert.deepEqual(changes.at(-1), ['1'])
  })

  it('keeps the devices of a plugin that is gone, not healthy, for five minutes', async (test) => {
    const { manager, plugin, clock, ...world } = await aWorld(test)
    await plugin.register()
    await world.until(3, 2)
    plugin.stop()
    await world.until(3, 0)
    await assert.rejects(manager.allocate(aPod('1', 1)), /requested number of devices unavailable/)
    await clock.advance(5 * 60_000)
    assert.deepEqual(manager.amounts(), { [resource]: { capacity: 0, allocatable: 0 } })
  })

  it('knows what it gave when it starts again, and waits for the plugin', async (test) => {
    const world = await aWorld(test)
    const { plugin, directory } = world
    await world.registered()
    await world.manager.allocate(aPod('1', 1))
    await world.manager.stop()
    await writeFile(join(directory, 'stale'), '')
    const again = await world.makeManager()
    test.after(() => again.stop())
    assert.deepEqual(again.amounts(), { [resource]: { capacity: 0, allocatable: 0 } })
    assert.deepEqual([...again.podUIDs()], ['1'])
    assert.deepEqual(again.statusOf('1', 'app'), [
      { name: resource, resources: [{ resourceID: 'a', health: 'Unknown' }] },
    ])
    assert.equal((await readdir(directory)).includes('stale'), false)
    await assert.rejects(again.allocate(aPod('2', 1)), {
      message: `cannot allocate unregistered device ${resource}`,
    })
    plugin.stop()
  })
})
