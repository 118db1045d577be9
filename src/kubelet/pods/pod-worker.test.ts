import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { pods } from '../../api/generated/resources.ts'
import { testContext } from '../../client/testing/test-context.ts'
import type { ContainerRuntime } from '../runtime/runtime.ts'
import { createSimulatedRuntime } from '../runtime/simulated/simulated-runtime.ts'
import { startKubelet } from '../start-kubelet.ts'
import { aPod } from '../testing/pod-builder.ts'

describe('pod worker', () => {
  it('does nothing twice while it has not seen what it did', async () => {
    const context = testContext()
    const { clock, client } = context
    const inner = createSimulatedRuntime({ clock })
    const calls: string[] = []
    const slowly = async <T>(answer: Promise<T>): Promise<T> => {
      const now = await answer
      await new Promise<void>((resolve) => clock.after(500, resolve))
      return now
    }
    const runtime: ContainerRuntime = {
      ...inner,
      listSandboxes: (filter) => slowly(inner.listSandboxes(filter)),
      listContainers: (filter) => slowly(inner.listContainers(filter)),
      runSandbox: (config) => (calls.push('runSandbox'), inner.runSandbox(config)),
      createContainer: (...args) => (calls.push('createContainer'), inner.createContainer(...args)),
      stopContainer: (...args) => (calls.push('stopContainer'), inner.stopContainer(...args)),
    }
    const starting = startKubelet(context, {
      nodeName: 'node-1',
      nodeIPs: ['192.0.2.1'],
      runtime: { type: 'given', runtime },
    })
    for (let step = 0; step < 20; step++) await clock.advance(500)
    const kubelet = await starting
    await kubelet.ready
    const key = { namespace: 'default', name: 'web' }
    await client.create(pods, aPod('web'))
    // Every change of the pod makes its worker look again.
    for (let step = 0; step < 50; step++) {
      await clock.advance(100)
      await client.patch(pods, key, {
        type: 'merge',
        body: { metadata: { annotations: { step: String(step) } } },
      })
    }
    await clock.advance(5000)
    assert.deepEqual(calls, ['runSandbox', 'createContainer'])
    assert.equal((await client.get(pods, key)).status?.phase, 'Running')
    await kubelet.stop()
    await context.informers.stop()
  })
})
