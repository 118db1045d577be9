import assert from 'node:assert/strict'
import { afterEach, describe, it } from 'node:test'
import type { PersistentVolume } from '../../api/generated/core.v1.ts'
import { persistentVolumeClaims, persistentVolumes, storageClasses } from '../../api/generated/resources.ts'
import { forbidden } from '../../machinery/status-errors.ts'
import type { MemoryCall } from '../../client/testing/memory-client.ts'
import { runReconcilers, type ReconcilerHarness } from '../testing/run-reconciler.ts'
import { persistentVolumeBinder } from './binder.ts'

const provisioner = 'example.com/disk'
const name = { namespace: 'default', name: 'c' }

const aVolume = (annotations: Readonly<Record<string, string>>): PersistentVolume => ({
  metadata: { name: 'v', annotations },
  spec: {
    capacity: { storage: '1Gi' },
    accessModes: ['ReadWriteOnce'],
    storageClassName: 'disk',
    persistentVolumeReclaimPolicy: 'Delete',
    claimRef: { ...name, uid: 'c' },
  },
})

void describe('persistentVolumeBinder', () => {
  let harness: ReconcilerHarness
  afterEach(() => harness.stop())

  async function start(refuses: (call: MemoryCall) => boolean = () => false): Promise<void> {
    harness = await runReconcilers([persistentVolumeBinder], ({ client }) => {
      client.seed(storageClasses, { metadata: { name: 'disk' }, provisioner, volumeBindingMode: 'Immediate' })
      client.seed(persistentVolumeClaims, {
        metadata: { ...name, uid: 'c' },
        spec: {
          accessModes: ['ReadWriteOnce'],
          resources: { requests: { storage: '1Gi' } },
          storageClassName: 'disk',
        },
        status: { phase: 'Pending' },
      })
      client.onWrite = (call) => {
        if (refuses(call)) throw forbidden(persistentVolumes, 'v', 'no')
      }
    })
  }

  const measured = (what: string, operation: string, plugin = provisioner) =>
    harness.metrics
      .text()
      .split('\n')
      .find((line) =>
        line.startsWith(
          `volume_operation_total_${what}{plugin_name="${plugin}",operation_name="${operation}"}`,
        ),
      )
      ?.split(' ')[1]

  void it('measures how long provisioners take to make and to delete a volume', async () => {
    await start()
    await harness.pass(2_000)
    await harness.client.create(
      persistentVolumes,
      aVolume({ 'pv.kubernetes.io/provisioned-by': provisioner }),
    )
    await harness.settle()
    assert.equal((await harness.one(persistentVolumeClaims, 'default/c')).status?.phase, 'Bound')
    assert.equal(measured('seconds_sum', 'provision'), '2')
    assert.equal(measured('seconds_count', 'provision'), '1')

    await harness.client.delete(persistentVolumeClaims, name)
    await harness.settle()
    await harness.pass(3_000)
    assert.equal(measured('seconds_count', 'delete'), undefined)
    await harness.client.delete(persistentVolumes, { name: 'v' })
    await harness.settle()
    assert.equal(measured('seconds_sum', 'delete'), '3')
    assert.equal(measured('errors', 'provision'), undefined)
  })

  void it('counts what fails on the way', async () => {
    let refusals = 1
    await start(
      ({ verb, resource, subresource }) =>
        verb === 'update' && resource === 'persistentvolumes' && !subresource && refusals-- > 0,
    )
    await harness.client.create(persistentVolumes, {
      ...aVolume({}),
      spec: { ...aVolume({}).spec, claimRef: name },
    })
    await harness.settle()
    await harness.pass(1_000)
    assert.equal(measured('errors', 'provision'), '1')
    assert.equal(measured('seconds_count', 'provision'), '1')

    await harness.client.delete(persistentVolumeClaims, name)
    await harness.settle()
    await harness.pass(1_000)
    assert.equal((await harness.one(persistentVolumes, 'v')).status?.phase, 'Failed')
    assert.equal(measured('errors', 'delete', 'N/A'), '1')
  })

  void it('forgets a claim that goes before it has a volume', async () => {
    await start()
    await harness.client.delete(persistentVolumeClaims, name)
    await harness.settle()
    await harness.client.create(persistentVolumeClaims, {
      metadata: name,
      spec: { accessModes: ['ReadWriteOnce'], volumeName: 'v', storageClassName: 'disk' },
    })
    const { uid } = (await harness.one(persistentVolumeClaims, 'default/c')).metadata!
    await harness.client.create(persistentVolumes, {
      ...aVolume({}),
      spec: { ...aVolume({}).spec, claimRef: { ...name, ...(uid && { uid }) } },
    })
    await harness.settle()
    assert.equal((await harness.one(persistentVolumeClaims, 'default/c')).status?.phase, 'Bound')
    assert.equal(measured('seconds_count', 'provision'), undefined)
  })
})
