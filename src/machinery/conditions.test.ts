import assert from 'node:assert/strict'
import { test } from 'node:test'
import { findCondition, isConditionTrue, setCondition, withoutCondition } from './conditions.ts'
import type { Condition } from './meta.ts'
import { controllerOf, isControlledBy, isDeleting, isOwnedBy, ownerReferenceTo } from './owner.ts'
import { formatTime } from './time.ts'

const start = Date.UTC(2026, 0, 1)
const ready: Omit<Condition, 'lastTransitionTime'> = {
  type: 'Ready',
  status: 'True',
  reason: 'Up',
  message: '',
}

test('setCondition keeps lastTransitionTime as long as the status', () => {
  const first = setCondition<Condition>(undefined, ready, start)
  assert.deepEqual(first, [{ ...ready, lastTransitionTime: formatTime(start) }])

  const reworded = setCondition(first, { ...ready, message: 'still' }, start + 5_000)
  assert.deepEqual(reworded, [{ ...ready, message: 'still', lastTransitionTime: formatTime(start) }])

  const failed = setCondition(reworded, { ...ready, status: 'False' }, start + 9_000)
  assert.equal(failed[0]?.lastTransitionTime, formatTime(start + 9_000))
})

test('setCondition answers with the same list when nothing changes', () => {
  const first = setCondition<Condition>([], ready, start)
  assert.equal(setCondition(first, ready, start + 5_000), first)
})

test('setCondition adds at the end and withoutCondition removes', () => {
  const both = setCondition<Condition>(
    setCondition<Condition>([], ready, start),
    { ...ready, type: 'Other' },
    start,
  )
  assert.deepEqual(
    both.map(({ type }) => type),
    ['Ready', 'Other'],
  )
  assert.equal(isConditionTrue(both, 'Other'), true)
  const rest = withoutCondition(both, 'Ready')
  assert.equal(findCondition(rest, 'Ready'), undefined)
  assert.equal(withoutCondition(rest, 'Ready'), rest)
})

test('ownerReferenceTo and controllerOf find each other', () => {
  const replicaSets = { group: 'apps', version: 'v1', kind: 'ReplicaSet' }
  const owner = { metadata: { name: 'rs', uid: '1' } }
  const reference = ownerReferenceTo(owner, replicaSets)
  const pod = { metadata: { ownerReferences: [reference] } }
  assert.deepEqual(reference, {
    apiVersion: 'apps/v1',
    kind: 'ReplicaSet',
    name: 'rs',
    uid: '1',
    controller: true,
    blockOwnerDeletion: true,
  })
  assert.equal(controllerOf(pod), reference)
  assert.ok(isControlledBy(pod, owner) && isOwnedBy(pod, owner))
  assert.ok(!isControlledBy(pod, { metadata: { name: 'rs', uid: '2' } }))
  assert.throws(() => ownerReferenceTo({ metadata: { name: 'a' } }, replicaSets), TypeError)
  assert.equal(isDeleting({ metadata: { deletionTimestamp: formatTime(start) } }), true)
})
