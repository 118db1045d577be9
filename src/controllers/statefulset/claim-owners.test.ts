import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { StatefulSet } from '../../api/generated/apps.v1.ts'
import type { PersistentVolumeClaim } from '../../api/generated/core.v1.ts'
import type { OwnerReference } from '../../machinery/meta.ts'
import { aPod } from '../testing/a-pod.ts'
import { hasConflictingController, isClaimOfFormerPod, wantedClaimOwners } from './claim-owners.ts'

type Policy = 'Delete' | 'Retain'

function aSet(whenScaled: Policy, whenDeleted: Policy): StatefulSet {
  return {
    metadata: { namespace: 'default', name: 'db', uid: 'set' },
    spec: {
      replicas: 1,
      selector: {},
      template: {},
      persistentVolumeClaimRetentionPolicy: { whenScaled, whenDeleted },
    },
  }
}

const stays = aPod('db-0', { metadata: { uid: 'pod' } })
const goes = aPod('db-1', { metadata: { uid: 'pod' } })

const bySet = (uid = 'set', controller = true): OwnerReference => ({
  apiVersion: 'apps/v1',
  kind: 'StatefulSet',
  name: 'db',
  uid,
  controller,
  blockOwnerDeletion: true,
})
const byPod = (name: string, uid = 'pod'): OwnerReference => ({
  apiVersion: 'v1',
  kind: 'Pod',
  name,
  uid,
  controller: true,
  blockOwnerDeletion: true,
})
const byOther = (controller: boolean): OwnerReference => ({
  apiVersion: 'example.com/v1',
  kind: 'Backup',
  name: 'b',
  uid: 'b',
  controller,
})
const aClaim = (...ownerReferences: readonly OwnerReference[]): PersistentVolumeClaim => ({
  metadata: { namespace: 'default', name: 'data-db-0', ownerReferences },
})

void describe('wantedClaimOwners', () => {
  const rows: readonly (readonly [
    string,
    StatefulSet,
    typeof stays,
    readonly OwnerReference[],
    readonly OwnerReference[] | undefined,
  ])[] = [
    ['retained', aSet('Retain', 'Retain'), goes, [], undefined],
    ['retained from now on', aSet('Retain', 'Retain'), stays, [bySet(), byOther(false)], [byOther(false)]],
    ['deleted with the set', aSet('Retain', 'Delete'), goes, [], [bySet()]],
    ['deleted with the set already', aSet('Retain', 'Delete'), goes, [bySet()], undefined],
    [
      'deleted with the set, by a mere owner',
      aSet('Retain', 'Delete'),
      stays,
      [bySet('set', false)],
      [bySet()],
    ],
    ['deleted with a pod, which stays', aSet('Delete', 'Retain'), stays, [], undefined],
    ['deleted with a pod, which goes', aSet('Delete', 'Retain'), goes, [], [byPod('db-1')]],
    ['deleted with either, of a pod that stays', aSet('Delete', 'Delete'), stays, [], [bySet()]],
    ['deleted with either, of a pod that goes', aSet('Delete', 'Delete'), goes, [bySet()], [byPod('db-1')]],
    [
      'deleted with either, of a pod that comes back',
      aSet('Delete', 'Delete'),
      stays,
      [byPod('db-0')],
      [bySet()],
    ],
    ['left behind by a former set', aSet('Retain', 'Delete'), stays, [bySet('former')], undefined],
    ['left behind by a former pod', aSet('Delete', 'Delete'), stays, [byPod('db-0', 'former')], undefined],
    ['controlled by others', aSet('Retain', 'Delete'), stays, [byOther(true)], undefined],
    ['controlled by others too', aSet('Retain', 'Delete'), stays, [byOther(true), bySet()], [byOther(true)]],
    ['owned by others too', aSet('Retain', 'Delete'), stays, [byOther(false)], [byOther(false), bySet()]],
  ]
  for (const [name, set, pod, owners, wanted] of rows) {
    void it(`of a claim ${name}`, () =>
      assert.deepEqual(wantedClaimOwners(aClaim(...owners), set, pod), wanted))
  }
})

void describe('hasConflictingController', () => {
  void it('finds others that control a claim which is to be deleted', () => {
    assert.equal(hasConflictingController(aClaim(byOther(true)), aSet('Retain', 'Delete'), stays), true)
    assert.equal(hasConflictingController(aClaim(byOther(true)), aSet('Retain', 'Retain'), stays), false)
    assert.equal(
      hasConflictingController(aClaim(byOther(false), bySet()), aSet('Retain', 'Delete'), stays),
      false,
    )
  })
})

void describe('isClaimOfFormerPod', () => {
  const coming = aPod('db-0', { metadata: { uid: '' } })
  void it('holds while the claim goes with a pod that had the name before', () => {
    assert.equal(isClaimOfFormerPod(aClaim(byPod('db-0', 'former')), aSet('Delete', 'Retain'), coming), true)
    assert.equal(isClaimOfFormerPod(aClaim(byPod('db-0', 'former')), aSet('Retain', 'Retain'), coming), false)
    assert.equal(isClaimOfFormerPod(aClaim(bySet()), aSet('Delete', 'Delete'), coming), false)
  })
})
