import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import * as fc from 'fast-check'
import type { Deployment, ReplicaSet } from '../../api/generated/apps.v1.ts'
import type { IntOrString } from '../../machinery/meta.ts'
import { planRollingUpdate } from './plan-rollout.ts'
import { isScaling, planScale } from './plan-scale.ts'
import { maxSurge, maxUnavailable } from './rollout-limits.ts'
import { sizeAnnotations } from './annotations.ts'

function aDeployment(
  replicas: number,
  surge: IntOrString = '25%',
  unavailable: IntOrString = '25%',
): Deployment {
  return {
    metadata: { name: 'web', namespace: 'default', uid: 'd' },
    spec: {
      replicas,
      selector: {},
      template: {},
      strategy: { type: 'RollingUpdate', rollingUpdate: { maxSurge: surge, maxUnavailable: unavailable } },
    },
  }
}

function aReplicaSet(name: string, size: number, available: number, sizedFor?: Deployment): ReplicaSet {
  const annotations = sizedFor ? sizeAnnotations(sizedFor) : {}
  return {
    metadata: { name, annotations },
    spec: { replicas: size, selector: {} },
    status: { replicas: size, availableReplicas: available },
  }
}

function unobserved(replicaSet: ReplicaSet): ReplicaSet {
  const { metadata, status } = replicaSet
  return {
    ...replicaSet,
    metadata: { ...metadata, generation: 2 },
    status: { replicas: 0, ...status, observedGeneration: 1 },
  }
}

const named = (scales: readonly { replicaSet: ReplicaSet; replicas: number }[]) =>
  Object.fromEntries<number>(scales.map(({ replicaSet, replicas }) => [replicaSet.metadata!.name!, replicas]))

void describe('maxSurge and maxUnavailable', () => {
  const rows: readonly (readonly [number, IntOrString, IntOrString, number, number])[] = [
    [10, '25%', '25%', 3, 2],
    [3, '25%', '25%', 1, 0],
    [10, 0, '5%', 0, 1],
    [10, 0, 0, 0, 1],
    [2, 1, 5, 1, 2],
    [0, '25%', '25%', 0, 0],
  ]
  for (const [replicas, surge, unavailable, expectedSurge, expectedUnavailable] of rows) {
    void it(`of ${replicas} with ${surge} and ${unavailable} are ${expectedSurge} and ${expectedUnavailable}`, () => {
      const deployment = aDeployment(replicas, surge, unavailable)
      assert.deepEqual(
        [maxSurge(deployment), maxUnavailable(deployment)],
        [expectedSurge, expectedUnavailable],
      )
    })
  }
})

void describe('planRollingUpdate', () => {
  const rows: readonly (readonly [string, Deployment, ReplicaSet, readonly ReplicaSet[], object])[] = [
    [
      'grows by the surge',
      aDeployment(10, 3, 2),
      aReplicaSet('new', 0, 0),
      [aReplicaSet('old', 10, 10)],
      { new: 3 },
    ],
    [
      'shrinks as far as available',
      aDeployment(10, 3, 2),
      aReplicaSet('new', 3, 0),
      [aReplicaSet('old', 10, 10)],
      { old: 8 },
    ],
    ['waits for new pods', aDeployment(10, 3, 2), aReplicaSet('new', 5, 0), [aReplicaSet('old', 8, 8)], {}],
    [
      'takes broken old pods first',
      aDeployment(10, 3, 2),
      aReplicaSet('new', 3, 0),
      [aReplicaSet('old', 10, 4)],
      { old: 8 },
    ],
    [
      'takes the oldest first',
      aDeployment(4, 0, 2),
      aReplicaSet('new', 0, 0),
      [aReplicaSet('b', 2, 2), aReplicaSet('a', 2, 2)],
      { a: 0 },
    ],
    [
      'does not surge while an old one still has pods that it should not have',
      aDeployment(5, 2, 1),
      aReplicaSet('new', 2, 2),
      [{ ...aReplicaSet('old', 3, 3), status: { replicas: 5, availableReplicas: 3 } }],
      { old: 2 },
    ],
    [
      'does not grow while an old one may still be making pods for the size before',
      aDeployment(3, 0, 1),
      aReplicaSet('new', 0, 0),
      [unobserved(aReplicaSet('old', 2, 2))],
      {},
    ],
    [
      'grows beside an old one that never had another size',
      aDeployment(3, 0, 1),
      aReplicaSet('new', 0, 0),
      [{ ...aReplicaSet('old', 2, 0), metadata: { name: 'old', generation: 1 } }],
      { new: 1 },
    ],
    [
      'does not count available pods that are more than a replica set should have: they are going',
      aDeployment(6, 2, 1),
      aReplicaSet('new', 3, 3),
      [{ ...aReplicaSet('old', 3, 5), status: { replicas: 5, availableReplicas: 5 } }],
      { old: 2 },
    ],
    ['is done', aDeployment(2), aReplicaSet('new', 2, 2), [aReplicaSet('old', 0, 0)], {}],
    ['cuts a new one that is too large', aDeployment(2), aReplicaSet('new', 5, 5), [], { new: 2 }],
  ]
  for (const [name, deployment, current, old, expected] of rows) {
    void it(name, () => assert.deepEqual(named(planRollingUpdate(deployment, { current, old })), expected))
  }

  void it('keeps within surge and availability and reaches the end, whatever becomes ready when', () => {
    const limit = fc.oneof(fc.integer({ min: 0, max: 5 }), fc.constantFrom('0%', '10%', '25%', '50%', '100%'))
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 20 }),
        limit,
        limit,
        fc.integer({ min: 0, max: 20 }),
        fc.infiniteStream(fc.nat({ max: 3 })),
        (replicas, surge, unavailable, oldReady, luck) => {
          const deployment = aDeployment(replicas, surge, unavailable)
          let fresh = { size: 0, ready: 0 }
          let old = { size: replicas, ready: Math.min(oldReady, replicas) }
          const floor = Math.min(old.ready, replicas - maxUnavailable(deployment))
          for (let step = 0; step < 500; step++) {
            const scales = named(
              planRollingUpdate(deployment, {
                current: aReplicaSet('new', fresh.size, fresh.ready),
                old: [aReplicaSet('old', old.size, old.ready)],
              }),
            ) as { new?: number; old?: number }
            fresh = { size: scales.new ?? fresh.size, ready: Math.min(fresh.ready, scales.new ?? fresh.size) }
            // Unready pods are deleted first.
            old = { size: scales.old ?? old.size, ready: Math.min(old.ready, scales.old ?? old.size) }
            assert.ok(fresh.size + old.size <= replicas + maxSurge(deployment))
            assert.ok(fresh.ready + old.ready >= floor, `${fresh.ready} + ${old.ready} < ${floor}`)
            if (fresh.size === replicas && old.size === 0) return
            if (Object.keys(scales).length === 0)
              fresh = { ...fresh, ready: Math.min(fresh.size, fresh.ready + (luck.next().value as number)) }
          }
          assert.fail('no end')
        },
      ),
    )
  })
})

void describe('planScale', () => {
  const five = aDeployment(5, 2, 2)
  const ten = aDeployment(10, 2, 2)

  void it('is due when the replica sets were sized for another number', () => {
    const rollout = { current: aReplicaSet('new', 5, 5, five), old: [] }
    assert.equal(isScaling(ten, rollout), true)
    assert.equal(isScaling(five, rollout), false)
    assert.deepEqual(named(planScale(ten, rollout)), { new: 10 })
  })

  /** Sizes from the newest replica set to the oldest; `0` surge. */
  const shares: readonly (readonly [number, number, readonly number[], readonly number[]])[] = [
    [10, 12, [10], [12]],
    [10, 5, [10], [5]],
    [5, 10, [2, 3], [4, 6]],
    [5, 3, [2, 3], [1, 2]],
    [9, 4, [8, 1], [4, 0]],
    [7, 10, [2, 3, 2], [3, 4, 3]],
    [13, 8, [2, 8, 3], [1, 5, 2]],
    [3, 4, [1, 1, 1], [2, 1, 1]],
    [3, 2, [1, 1, 1], [1, 1, 0]],
    [6, 0, [3, 2, 1], [0, 0, 0]],
    [6, 6, [0, 0, 0], [6, 0, 0]],
  ]
  const aged = (sizes: readonly number[], was: Deployment) =>
    sizes.map((size, index) => {
      const replicaSet = aReplicaSet(`v${index}`, size, 0, was)
      const creationTimestamp = `2026-01-0${9 - index}T00:00:00Z`
      return { ...replicaSet, metadata: { ...replicaSet.metadata!, creationTimestamp } }
    })
  const scaled = (sizes: readonly number[], was: Deployment, now: Deployment) => {
    const [current, ...old] = aged(sizes, was)
    const changes = named(planScale(now, { current: current!, old })) as Record<string, number>
    return sizes.map((size, index) => changes[`v${index}`] ?? size)
  }
  for (const [before, after, sizes, expected] of shares) {
    void it(`from ${before} to ${after} makes ${sizes.join(', ')} to ${expected.join(', ')}`, () => {
      assert.deepEqual(scaled(sizes, aDeployment(before, 0, 1), aDeployment(after, 0, 1)), expected)
    })
  }

  void it('counts the surge, also one that has changed', () => {
    assert.deepEqual(scaled([6, 6], aDeployment(10, 2, 1), aDeployment(20, 2, 1)), [11, 11])
    assert.deepEqual(scaled([5, 8], aDeployment(10, 3, 1), aDeployment(50, 6, 1)), [22, 34])
  })

  void it('grows the newest of the old when none has the present template', () => {
    const old = aged([2, 2], aDeployment(4, 0, 1))
    assert.deepEqual(named(planScale(aDeployment(5, 0, 1), { current: undefined, old })), { v0: 3, v1: 2 })
  })

  void it('ends the old ones only when the new one has all pods, and they serve', () => {
    const ten = aDeployment(10, 0, 1)
    const old = [aReplicaSet('old', 2, 2, ten)]
    assert.deepEqual(named(planScale(ten, { current: aReplicaSet('new', 10, 10, ten), old })), { old: 0 })
    const broken = aReplicaSet('new', 10, 3, ten)
    assert.notEqual(named(planScale(ten, { current: broken, old })).old, 0)
  })

  void it('shares what is added by size, the rest to the largest', () => {
    const rollout = { current: aReplicaSet('new', 4, 2, five), old: [aReplicaSet('old', 3, 3, five)] }
    assert.deepEqual(named(planScale(ten, rollout)), { new: 7, old: 5 })
  })

  void it('shares what is taken away', () => {
    const rollout = { current: aReplicaSet('new', 5, 2, ten), old: [aReplicaSet('old', 7, 7, ten)] }
    assert.deepEqual(named(planScale(five, rollout)), { new: 3, old: 4 })
  })

  void it('takes everything away for 0', () => {
    const rollout = { current: aReplicaSet('new', 5, 2, ten), old: [aReplicaSet('old', 7, 7, ten)] }
    assert.deepEqual(named(planScale(aDeployment(0), rollout)), { new: 0, old: 0 })
  })

  void it('scales the latest when none has pods', () => {
    const old = {
      ...aReplicaSet('old', 0, 0),
      metadata: { name: 'old', creationTimestamp: '2026-01-01T00:00:00Z' },
    }
    assert.deepEqual(named(planScale(five, { current: undefined, old: [old] })), { old: 5 })
  })

  void it('adds up to what is allowed', () => {
    const sizes = fc.array(fc.integer({ min: 2, max: 30 }), { minLength: 2, maxLength: 5 })
    fc.assert(
      fc.property(sizes, fc.integer({ min: 1, max: 50 }), (all, after) => {
        const was = aDeployment(all.reduce((sum, size) => sum + size, 0) - 2, 2, 2)
        const old = all.map((size, index) => aReplicaSet(`rs${index}`, size, 0, was))
        const scales = planScale(aDeployment(after, 2, 2), { current: undefined, old })
        const total = scales.reduce((sum, { replicas }) => sum + replicas, 0)
        assert.equal(total, after + 2)
      }),
    )
  })
})
