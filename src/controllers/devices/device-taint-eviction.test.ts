import assert from 'node:assert/strict'
import { afterEach, describe, it } from 'node:test'
import type { DeviceTaint, DeviceToleration } from '../../api/generated/resource.v1.ts'
import { pods, resourceClaims, resourceSlices } from '../../api/generated/resources.ts'
import { aPod } from '../testing/a-pod.ts'
import { keys, runReconcilers, type ReconcilerHarness } from '../testing/run-reconciler.ts'
import { deviceTaintEvictionReconciler } from './device-taint-eviction.ts'

const timeAdded = '2026-01-01T00:00:00Z'
const broken: DeviceTaint = { key: 'broken', effect: 'NoExecute', timeAdded }
const claim = (tolerations: readonly DeviceToleration[] = []) => ({
  metadata: { namespace: 'default', name: 'c' },
  spec: {},
  status: {
    allocation: {
      devices: { results: [{ request: 'r', driver: 'd', pool: 'n', device: 'g', tolerations }] },
    },
    reservedFor: [{ resource: 'pods', name: 'p', uid: 'p' }],
  },
})
const slice = (taints: readonly DeviceTaint[], generation = 1) => ({
  metadata: { name: 's' },
  spec: {
    driver: 'd',
    pool: { name: 'n', generation, resourceSliceCount: 1 },
    nodeName: 'n',
    devices: [{ name: 'g', taints }],
  },
})
const user = aPod('p', { spec: { resourceClaims: [{ name: 'g', resourceClaimName: 'c' }] } })

void describe('deviceTaintEvictionReconciler', () => {
  let harness: ReconcilerHarness
  afterEach(() => harness.stop())
  const start = async (taints: readonly DeviceTaint[], tolerations?: readonly DeviceToleration[]) => {
    harness = await runReconcilers([deviceTaintEvictionReconciler()], ({ client }) => {
      client.seed(resourceSlices, slice(taints))
      client.seed(resourceClaims, claim(tolerations))
      client.seed(pods, user)
    })
  }
  const left = async () => keys(await harness.all(pods))

  const rows: readonly (readonly [string, readonly DeviceTaint[], readonly DeviceToleration[], boolean])[] = [
    ['no taint', [], [], true],
    ['another effect', [{ ...broken, effect: 'NoSchedule' }], [], true],
    ['a taint', [broken], [], false],
    ['a taint that is tolerated', [broken], [{ key: 'broken', operator: 'Exists' }], true],
    ['a taint of another value', [{ ...broken, value: 'x' }], [{ key: 'broken', value: 'y' }], false],
    ['a toleration of all', [broken], [{ operator: 'Exists' }], true],
  ]
  for (const [name, taints, tolerations, stays] of rows) {
    void it(`${stays ? 'leaves' : 'deletes'} pods whose device has ${name}`, async () => {
      await start(taints, tolerations)
      assert.deepEqual(await left(), stays ? ['default/p'] : [])
    })
  }

  void it('waits as long as the claim tolerates, unless the taint goes', async () => {
    const tolerations = [{ key: 'broken', operator: 'Exists' as const, tolerationSeconds: 30 }]
    await start([broken], tolerations)
    await harness.pass(29_000)
    assert.deepEqual(await left(), ['default/p'])
    await harness.edit(resourceSlices, 's', () => slice([], 2))
    await harness.pass(5_000)
    assert.deepEqual(await left(), ['default/p'])
    await harness.edit(resourceSlices, 's', () => slice([broken], 3))
    await harness.settle()
    assert.deepEqual(await left(), [])
    assert.deepEqual(await harness.events(), [
      'DeviceTaintManagerEviction: Cancelling deletion',
      'DeviceTaintManagerEviction: Marking for deletion',
    ])
  })
})
