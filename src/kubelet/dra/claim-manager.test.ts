import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, it, type TestContext } from 'node:test'
import type { Pod } from '../../api/generated/core.v1.ts'
import type { ResourceClaim } from '../../api/generated/resource.v1.ts'
import { resourceClaims } from '../../api/generated/resources.ts'
import { createMemoryClient } from '../../client/testing/memory-client.ts'
import { silentLogger } from '../../machinery/log.ts'
import { fakeClock } from '../../machinery/testing/fake-clock.ts'
import { createClaimManager } from './claim-manager.ts'
import { createDraDrivers } from './dra-drivers.ts'
import { startTestDraDriver } from './testing/test-dra-driver.ts'

const driver = 'dra.example.com'

function aPod(uid: string, rest: Partial<Pod['spec'] & object> = {}): Pod {
  return {
    metadata: { name: `pod-${uid}`, namespace: 'default', uid },
    spec: {
      resourceClaims: [{ name: 'widget', resourceClaimName: 'claim' }],
      containers: [{ name: 'app', resources: { claims: [{ name: 'widget' }] } }],
      ...rest,
    },
  }
}

function aClaim(podUIDs: readonly string[], allocated = true): ResourceClaim {
  return {
    metadata: { name: 'claim', namespace: 'default' },
    spec: { devices: { requests: [{ name: 'one', exactly: { deviceClassName: 'widget' } }] } },
    status: {
      ...(allocated && {
        allocation: { devices: { results: [{ request: 'one', driver, pool: 'pool', device: 'device' }] } },
      }),
      reservedFor: podUIDs.map((uid) => ({ resource: 'pods', name: `pod-${uid}`, uid })),
    },
  }
}

async function aWorld(test: TestContext, claim: ResourceClaim | undefined = aClaim(['1', '2'])) {
  const root = await mkdtemp(join(tmpdir(), 'dra-'))
  const clock = fakeClock()
  const client = createMemoryClient(clock)
  if (claim) await client.create(resourceClaims, claim)
  const file = join(root, 'dra_manager_state')
  const makeManager = async () => {
    const drivers = createDraDrivers({ nodeName: 'n', client, clock, log: silentLogger, onDriver: () => {} })
    test.after(() => drivers.stop())
    return { drivers, manager: await createClaimManager({ file, client, drivers, log: silentLogger }) }
  }
  const plugin = await startTestDraDriver(root, driver)
  test.after(async () => {
    plugin.stop()
    await rm(root, { recursive: true })
  })
  return { plugin, client, makeManager, ...(await makeManager()) }
}

const versions = ['v1.DRAPlugin']

describe('createClaimManager', () => {
  it('has a claim prepared once, and taken back when its last pod is gone', async (test) => {
    const { manager, drivers, plugin } = await aWorld(test)
    await drivers.handler.register(driver, plugin.socket, versions)
    const [first, second] = [aPod('1'), aPod('2')]
    await Promise.all([manager.prepare(first), manager.prepare(second)])
    await manager.prepare(first)
    assert.deepEqual(plugin.calls, ['prepare claim'])
    assert.deepEqual(manager.cdiDevices(first, first.spec!.containers[0]!), ['example.com/widget=claim'])
    await manager.release('1')
    await manager.release('1')
    assert.deepEqual(plugin.calls, ['prepare claim'])
    await manager.release('2')
    assert.deepEqual(plugin.calls, ['prepare claim', 'unprepare claim'])
    assert.equal(manager.podUIDs().size, 0)
  })

  it('gives a container the devices of the request that it names', async (test) => {
    const { manager, drivers, plugin } = await aWorld(test)
    await drivers.handler.register(driver, plugin.socket, versions)
    const pod = aPod('1')
    await manager.prepare(pod)
    const devices = (request: string | undefined) =>
      manager.cdiDevices(pod, {
        name: 'app',
        resources: { claims: [{ name: 'widget', ...(request !== undefined && { request }) }] },
      })
    assert.deepEqual(devices('one'), ['example.com/widget=claim'])
    assert.deepEqual(devices('other'), [])
    assert.deepEqual(manager.cdiDevices(pod, { name: 'app' }), [])
  })

  it('knows when it starts again what it must take back', async (test) => {
    const { manager, drivers, plugin, makeManager } = await aWorld(test)
    await drivers.handler.register(driver, plugin.socket, versions)
    await manager.prepare(aPod('1'))
    const again = await makeManager()
    assert.deepEqual([...again.manager.podUIDs()], ['1'])
    await assert.rejects(again.manager.release('1'), { message: `DRA driver ${driver} is not registered` })
    await again.drivers.handler.register(driver, plugin.socket, versions)
    await again.manager.release('1')
    assert.deepEqual(plugin.calls, ['prepare claim', 'unprepare claim'])
  })

  it('tries again what a driver could not do', async (test) => {
    const { manager, drivers, plugin } = await aWorld(test)
    await drivers.handler.register(driver, plugin.socket, versions)
    plugin.fail('no power')
    await assert.rejects(manager.prepare(aPod('1')), {
      message: 'NodePrepareResources failed for ResourceClaim claim: no power',
    })
    plugin.fail(undefined)
    await manager.prepare(aPod('1'))
    plugin.fail('stuck')
    await assert.rejects(manager.release('1'), {
      message: 'NodeUnprepareResources failed for ResourceClaim claim: stuck',
    })
    assert.deepEqual([...manager.podUIDs()], ['1'])
  })

  const refusals: readonly (readonly [string, ResourceClaim | undefined, RegExp])[] = [
    ['a driver that is not there', aClaim(['1']), /^DRA driver dra.example.com is not registered$/],
    ['a claim that is not allocated', aClaim(['1'], false), /^ResourceClaim claim: not allocated$/],
    [
      "a claim that is somebody else's",
      aClaim(['2']),
      /^pod pod-1 \(1\) is not allowed to use ResourceClaim claim/,
    ],
  ]
  for (const [what, claim, message] of refusals) {
    it(`refuses ${what}, and has nothing to take back then`, async (test) => {
      const { manager } = await aWorld(test, claim)
      await assert.rejects(manager.prepare(aPod('1')), { message })
      assert.equal(manager.podUIDs().size, 0)
    })
  }

  it('refuses a claim that has not been made yet', async (test) => {
    const { manager } = await aWorld(test)
    const pod = aPod('1', { resourceClaims: [{ name: 'widget', resourceClaimTemplateName: 't' }] })
    await assert.rejects(manager.prepare(pod), /ResourceClaim not created yet/)
  })
})

describe('createDraDrivers', () => {
  it('refuses drivers that speak another version', async (test) => {
    const { drivers, plugin } = await aWorld(test)
    await assert.rejects(drivers.handler.register(driver, plugin.socket, ['v1alpha3']), /v1.DRAPlugin$/)
  })
})
