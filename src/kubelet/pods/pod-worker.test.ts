import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { pods } from '../../api/generated/resources.ts'
import { testContext } from '../../client/testing/test-context.ts'
import type { FakeClock } from '../../machinery/testing/fake-clock.ts'
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
    const kubelet = await whileTimePasses(clock, starting)
    await whileTimePasses(clock, kubelet.ready)
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
    await whileTimePasses(clock, kubelet.stop())
    await context.informers.stop()
  })
})

async function whileTimePasses<T>(clock: FakeClock, promise: Promise<T>): Promise<T> {
  const state = { isSettled: false }
  const settle = () => void (state.isSettled = true)
  promise.then(settle, settle)
  while (!state.isSettled) await clock.advance(100)
  return await promise
}
