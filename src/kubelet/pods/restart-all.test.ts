import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { PodSpec } from '../../api/generated/core.v1.ts'
import { pods } from '../../api/generated/resources.ts'
import { testContext } from '../../client/testing/test-context.ts'
import { createSimulatedRuntime } from '../runtime/simulated/simulated-runtime.ts'
import { startKubelet } from '../start-kubelet.ts'
import { aContainer, aPod } from '../testing/pod-builder.ts'

const restartsAll = {
  restartPolicy: 'Never',
  restartPolicyRules: [{ action: 'RestartAllContainers', exitCodes: { operator: 'In', values: [42] } }],
} as const
const triggers = ['sh', '-c', 'sleep 5; exit 42']
const rows: readonly (readonly [string, Partial<PodSpec>])[] = [
  [
    'of a main container',
    {
      initContainers: [
        aContainer('setup', { command: ['true'] }),
        aContainer('proxy', { restartPolicy: 'Always' }),
      ],
      containers: [aContainer('app'), aContainer('trigger', { ...restartsAll, command: triggers })],
    },
  ],
  [
    'of a sidecar',
    {
      initContainers: [
        aContainer('setup', { command: ['true'] }),
        aContainer('proxy', { ...restartsAll, restartPolicy: 'Always', command: triggers }),
      ],
      containers: [aContainer('app'), aContainer('other')],
    },
  ],
]

describe('the action RestartAllContainers', () => {
  for (const [whose, spec] of rows) {
    it(`${whose} starts the whole pod again, in its sandbox`, async () => {
      const context = testContext()
      const { clock, client } = context
      const runtime = createSimulatedRuntime({ clock, stopDelayMs: 300 })
      const kubelet = await startKubelet(context, {
        nodeName: 'node-1',
        nodeIPs: ['192.0.2.1'],
        runtime: { type: 'given', runtime },
      })
      await kubelet.ready
      await client.create(pods, aPod('pod', { restartPolicy: 'Never', ...spec }))
      const get = () => client.get(pods, { namespace: 'default', name: 'pod' })
      const counts = async () => {
        const { initContainerStatuses = [], containerStatuses = [] } = (await get()).status ?? {}
        return [...initContainerStatuses, ...containerStatuses].map(({ restartCount }) => restartCount)
      }
      const restarting = async () => {
        const { conditions = [] } = (await get()).status ?? {}
        const found = conditions.find(({ type }) => type === 'AllContainersRestarting')
        return [found?.status, found?.reason, found?.message]
      }
      await clock.advance(4000)
      assert.deepEqual(await counts(), [0, 0, 0, 0])
      assert.deepEqual(await restarting(), ['False', undefined, undefined])
      const before = await runtime.listSandboxes()
      const seen = new Set<string>()
      for (let step = 0; step < 100; step++) {
        await clock.advance(50)
        const [status, reason] = await restarting()
        seen.add(`${status} ${reason}`)
        assert.equal((await get()).status?.phase, 'Running')
      }
      assert.deepEqual(await counts(), [1, 1, 1, 1])
      assert.ok(seen.has('True RestartAllContainersStarted'))
      assert.deepEqual(await restarting(), ['False', undefined, undefined])
      assert.deepEqual(
        (await runtime.listSandboxes()).map(({ id }) => id),
        before.map(({ id }) => id),
      )
      const { containerStatuses = [] } = (await get()).status ?? {}
      assert.ok(containerStatuses.every(({ state, lastState }) => state?.running && lastState?.terminated))
      await clock.advance(30_000)
      assert.equal((await get()).status?.phase, 'Running')
      await kubelet.stop()
      await context.informers.stop()
    })
  }
})
