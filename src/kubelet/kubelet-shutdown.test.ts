import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { nodes, pods } from '../api/generated/resources.ts'
import type { ShutdownInhibitor } from './shutdown/inhibitor.ts'
import { eventually, hasEnded, isReady } from './testing/container-world.ts'
import { kubeletHarness } from './testing/kubelet-harness.ts'
import { aContainer, aPod } from './testing/pod-builder.ts'

describe('a kubelet whose node goes down', () => {
  it('ends its pods, takes no other, and says that it is not ready', async (test) => {
    let tell: (isShuttingDown: boolean) => void = () => {}
    let locks = 0
    const inhibitor: ShutdownInhibitor = {
      delayMs: () => Promise.resolve(60_000),
      setDelay: () => Promise.resolve(),
      async lock() {
        locks += 1
        return () => void (locks -= 1)
      },
      async watch(onShutdown) {
        tell = onShutdown
        const ended = Promise.withResolvers<void>()
        return { ended: ended.promise, stop: ended.resolve }
      },
    }
    const kubelet = kubeletHarness({
      nodeName: 'node-1',
      nodeIPs: ['192.0.2.1'],
      runtime: { type: 'simulated' },
      shutdown: { periods: [{ priority: 0, shutdownGracePeriodSeconds: 5 }], inhibitor },
    })
    test.after(() => kubelet.stop())
    await kubelet.start()
    await eventually(async () => locks === 1)
    const create = (name: string) =>
      kubelet.client.create(pods, aPod(name, { containers: [aContainer('app')] }))
    await create('running')
    await kubelet.waitFor('running', isReady)

    tell(true)
    const { status } = await kubelet.waitFor('running', hasEnded)
    assert.equal(status?.phase, 'Failed')
    assert.equal(status.reason, 'Terminated')
    assert.equal(status.message, 'Pod was terminated in response to imminent node shutdown.')
    const disruption = status.conditions?.find(({ type }) => type === 'DisruptionTarget')
    assert.equal(disruption?.reason, 'TerminationByKubelet')
    await eventually(async () => locks === 0)

    await create('late')
    const { status: refused } = await kubelet.waitFor('late', hasEnded)
    assert.equal(refused?.reason, 'NodeShutdown')
    assert.equal(refused.message, 'Pod was rejected: Pod was rejected as the node is shutting down.')
    const ready = async () => {
      const node = await kubelet.client.get(nodes, { name: 'node-1' })
      return node.status?.conditions?.find(({ type }) => type === 'Ready')
    }
    await eventually(async () => (await ready())?.status === 'False')
    assert.equal((await ready())?.message, 'node is shutting down')

    tell(false)
    await eventually(async () => locks === 1 && (await ready())?.status === 'True')
  })
})
