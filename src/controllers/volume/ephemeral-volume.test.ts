import assert from 'node:assert/strict'
import { afterEach, describe, it } from 'node:test'
import { persistentVolumeClaims, pods } from '../../api/generated/resources.ts'
import { forbidden } from '../../machinery/status-errors.ts'
import { aPod } from '../testing/a-pod.ts'
import { keys, runReconcilers, type ReconcilerHarness } from '../testing/run-reconciler.ts'
import { ephemeralVolumeReconciler } from './ephemeral-volume.ts'

const spec = { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1Gi' } } } as const
const volumeClaimTemplate = { metadata: { labels: { of: 'template' } }, spec }
const aUser = (metadata = {}) =>
  aPod('p', { metadata, spec: { volumes: [{ name: 'scratch', ephemeral: { volumeClaimTemplate } }] } })

void describe('ephemeralVolumeReconciler', () => {
  let harness: ReconcilerHarness
  afterEach(() => harness.stop())

  void it('makes the claim of a pod, and makes it again', async () => {
    harness = await runReconcilers([ephemeralVolumeReconciler], ({ client }) => client.seed(pods, aUser()))
    for (let time = 0; time < 2; time++) {
      const claim = await harness.one(persistentVolumeClaims, 'default/p-scratch')
      assert.deepEqual(claim.spec, spec)
      assert.deepEqual(claim.metadata?.labels, { of: 'template' })
      assert.deepEqual(claim.metadata?.ownerReferences, [
        { apiVersion: 'v1', kind: 'Pod', name: 'p', uid: 'p', controller: true, blockOwnerDeletion: true },
      ])
      await harness.client.delete(persistentVolumeClaims, { namespace: 'default', name: 'p-scratch' })
      await harness.settle()
    }
  })

  void it('leaves the claim of somebody else alone, and says so', async () => {
    harness = await runReconcilers([ephemeralVolumeReconciler], ({ client }) => {
      client.seed(persistentVolumeClaims, { metadata: { namespace: 'default', name: 'p-scratch' }, spec })
      client.seed(pods, aUser())
    })
    assert.deepEqual(await harness.events(), [
      'FailedBinding: ephemeral volume scratch: PVC default/p-scratch was not created for pod default/p (pod is not owner)',
    ])
  })

  void it('says why it could not make a claim', async () => {
    harness = await runReconcilers([ephemeralVolumeReconciler], ({ client }) => {
      client.seed(pods, aUser())
      client.onWrite = ({ resource }) => {
        if (resource === 'persistentvolumeclaims') throw forbidden(persistentVolumeClaims, 'p-scratch', 'no')
      }
    })
    const [said] = await harness.events()
    assert.match(said!, /^FailedBinding: ephemeral volume scratch: create PVC p-scratch: .*forbidden: no$/)
  })

  void it('makes nothing for a pod that goes', async () => {
    const going = { deletionTimestamp: '2026-01-01T00:00:00Z', finalizers: ['x/y'] }
    harness = await runReconcilers([ephemeralVolumeReconciler], ({ client }) => {
      client.seed(pods, aUser(going))
    })
    assert.deepEqual(keys(await harness.all(persistentVolumeClaims)), [])
  })
})
