import assert from 'node:assert/strict'
import { afterEach, describe, it } from 'node:test'
import type { PersistentVolume, PersistentVolumeClaim, Pod, Volume } from '../../api/generated/core.v1.ts'
import {
  persistentVolumeClaims,
  persistentVolumes,
  pods,
  volumeAttributesClasses,
} from '../../api/generated/resources.ts'
import { aPod } from '../testing/a-pod.ts'
import { keys, runReconcilers, type ReconcilerHarness } from '../testing/run-reconciler.ts'
import { pvProtectionReconciler, volumeProtection } from './pv-protection.ts'
import { claimProtection, pvcProtectionReconciler, usesClaim } from './pvc-protection.ts'
import { attributesClassProtection, vacProtectionReconciler } from './vac-protection.ts'

function aClaim(name: string, metadata: PersistentVolumeClaim['metadata'] = {}): PersistentVolumeClaim {
  return { metadata: { namespace: 'default', name, finalizers: [claimProtection], ...metadata } }
}

function aVolume(name: string, phase: 'Available' | 'Bound'): PersistentVolume {
  return { metadata: { name, finalizers: [volumeProtection] }, status: { phase } }
}

function podWith(volume: Volume, spec: Pod['spec'] | { nodeName?: string } = {}): Pod {
  return aPod('p', { spec: { nodeName: 'n', volumes: [volume], ...spec } })
}

const ofClaim: Volume = { name: 'v', persistentVolumeClaim: { claimName: 'c' } }
const ofPod: Volume = { name: 'v', ephemeral: {} }

void describe('usesClaim', () => {
  const owned = (name: string, uid: string) =>
    aClaim(name, { ownerReferences: [{ apiVersion: 'v1', kind: 'Pod', name: 'p', uid, controller: true }] })
  const ended = { deletionTimestamp: '2026-01-01T00:00:00Z', deletionGracePeriodSeconds: 0 }
  const rows: readonly (readonly [string, Pod, PersistentVolumeClaim, boolean])[] = [
    ['a pod on a node that names it', podWith(ofClaim), aClaim('c'), true],
    ['a pod without a node', podWith(ofClaim, { nodeName: '' }), aClaim('c'), false],
    ['a pod that names another', podWith(ofClaim), aClaim('d'), false],
    ['a pod whose ephemeral volume it is', podWith(ofPod), owned('p-v', 'p'), true],
    ['a pod of the name of its owner', podWith(ofPod), owned('p-v', 'other'), false],
    [
      'its owner, when that is shut down',
      { ...podWith(ofPod), metadata: { ...podWith(ofPod).metadata, ...ended } },
      owned('p-v', 'p'),
      false,
    ],
  ]
  for (const [name, pod, claim, expected] of rows) {
    void it(`${expected ? 'counts' : 'does not count'} ${name}`, () =>
      assert.equal(usesClaim(pod, claim), expected))
  }
})

void describe('pvcProtectionReconciler', () => {
  let harness: ReconcilerHarness
  afterEach(() => harness.stop())

  void it('lets a claim go when no pod uses it', async () => {
    harness = await runReconcilers([pvcProtectionReconciler], ({ client }) => {
      client.seed(persistentVolumeClaims, aClaim('c'), aClaim('free'), aClaim('bare', { finalizers: [] }))
      client.seed(pods, podWith(ofClaim))
    })
    await harness.settle()
    assert.deepEqual((await harness.one(persistentVolumeClaims, 'default/bare')).metadata?.finalizers, [
      claimProtection,
    ])
    for (const name of ['c', 'free']) {
      await harness.client.delete(persistentVolumeClaims, { namespace: 'default', name })
    }
    await harness.settle()
    assert.deepEqual(keys(await harness.all(persistentVolumeClaims)).toSorted(), [
      'default/bare',
      'default/c',
    ])
    await harness.client.delete(pods, { namespace: 'default', name: 'p' }, { gracePeriodSeconds: 0 })
    await harness.settle()
    assert.deepEqual(keys(await harness.all(persistentVolumeClaims)), ['default/bare'])
  })
})

void describe('pvProtectionReconciler', () => {
  let harness: ReconcilerHarness
  afterEach(() => harness.stop())

  void it('lets a volume go when it is not bound', async () => {
    harness = await runReconcilers([pvProtectionReconciler], ({ client }) => {
      client.seed(persistentVolumes, aVolume('bound', 'Bound'), aVolume('free', 'Available'))
    })
    for (const name of ['bound', 'free']) await harness.client.delete(persistentVolumes, { name })
    await harness.settle()
    assert.deepEqual(keys(await harness.all(persistentVolumes)), ['bound'])
    await harness.edit(
      persistentVolumes,
      'bound',
      (volume) => ({ ...volume, status: { phase: 'Released' as const } }),
      'status',
    )
    await harness.settle()
    assert.deepEqual(await harness.all(persistentVolumes), [])
  })
})

void describe('vacProtectionReconciler', () => {
  let harness: ReconcilerHarness
  afterEach(() => harness.stop())

  void it('lets a class go when no claim and no volume names it', async () => {
    const names = ['asked', 'current', 'target', 'of-volume', 'free', 'bare']
    harness = await runReconcilers([vacProtectionReconciler], ({ client }) => {
      for (const name of names) {
        const finalizers = name === 'bare' ? [] : [attributesClassProtection]
        client.seed(volumeAttributesClasses, { metadata: { name, finalizers }, driverName: 'd' })
      }
      client.seed(persistentVolumeClaims, {
        metadata: { namespace: 'default', name: 'c' },
        spec: { volumeAttributesClassName: 'asked' },
        status: {
          currentVolumeAttributesClassName: 'current',
          modifyVolumeStatus: { status: 'Pending', targetVolumeAttributesClassName: 'target' },
        },
      })
      client.seed(persistentVolumes, {
        metadata: { name: 'v' },
        spec: { volumeAttributesClassName: 'of-volume' },
      })
    })
    await harness.settle()
    assert.deepEqual((await harness.one(volumeAttributesClasses, 'bare')).metadata?.finalizers, [
      attributesClassProtection,
    ])
    for (const name of names) await harness.client.delete(volumeAttributesClasses, { name })
    await harness.settle()
    const left = (await harness.all(volumeAttributesClasses)).map(({ metadata }) => metadata?.name)
    assert.deepEqual(new Set(left), new Set(names.slice(0, 4)))
  })
})
