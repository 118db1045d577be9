import assert from 'node:assert/strict'
import { afterEach, describe, it } from 'node:test'
import type { PersistentVolume } from '../../api/generated/core.v1.ts'
import { events, persistentVolumeClaims, persistentVolumes } from '../../api/generated/resources.ts'
import { runReconcilers, type ReconcilerHarness } from '../testing/run-reconciler.ts'
import { expandReconciler } from './expand.ts'

void describe('expandReconciler', () => {
  let harness: ReconcilerHarness
  afterEach(() => harness.stop())

  const run = (source: PersistentVolume['spec'], provisioner: string) =>
    runReconcilers([expandReconciler], ({ client }) => {
      client.seed(persistentVolumes, {
        metadata: { name: 'v', annotations: { 'pv.kubernetes.io/provisioned-by': provisioner } },
        spec: {
          capacity: { storage: '1Gi' },
          claimRef: { namespace: 'default', name: 'c', uid: 'c' },
          ...source,
        },
      })
      client.seed(persistentVolumeClaims, {
        metadata: { namespace: 'default', name: 'c', uid: 'c' },
        spec: { volumeName: 'v', resources: { requests: { storage: '2Gi' } } },
        status: { phase: 'Bound', capacity: { storage: '1Gi' } },
      })
    })

  void it('grows a directory by its number', async () => {
    harness = await run({ local: { path: '/x' } }, 'k8ts.io/local-path')
    assert.equal((await harness.one(persistentVolumes, 'v')).spec?.capacity?.storage, '2Gi')
    const { status } = await harness.one(persistentVolumeClaims, 'default/c')
    assert.equal(status?.capacity?.storage, '2Gi')
    assert.deepEqual(await harness.events(), [
      'VolumeResizeSuccessful: ExpandVolume succeeded for volume default/c',
    ])
  })

  void it('leaves a CSI volume to its driver', async () => {
    harness = await run({ csi: { driver: 'd', volumeHandle: 'h' } }, 'd')
    assert.equal((await harness.one(persistentVolumes, 'v')).spec?.capacity?.storage, '1Gi')
    assert.deepEqual(await harness.events(), [
      'ExternalExpanding: waiting for an external controller to expand this PVC',
    ])
  })

  void it('warns of a volume for which there is no plugin', async () => {
    harness = await run({ nfs: { server: 's', path: '/x' } }, 'd')
    const [event, ...others] = await harness.all(events)
    assert.equal(others.length, 0)
    assert.deepEqual(
      [event!.type, event!.reason, event!.message],
      ['Warning', 'ExternalExpanding', 'waiting for an external controller to expand this PVC'],
    )
  })
})
