import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { StatefulSet, StatefulSetSpec } from '../../api/generated/apps.v1.ts'
import type { Pod, PodPhase } from '../../api/generated/core.v1.ts'
import { aPod } from '../testing/a-pod.ts'
import type { ClaimView } from './claims.ts'
import { planStatefulSet } from './plan-stateful-set.ts'
import { aStatefulSet } from './testing/builders.ts'

void describe('planStatefulSet', () => {
  type State = 'ready' | 'fresh' | 'starting' | 'pending' | 'ending' | 'failed' | 'none'
  const readyAt = '2026-01-01T00:00:00Z'
  const readyTimes: Partial<Record<State, string>> = { ready: readyAt, fresh: '2026-01-31T23:59:30Z' }
  const pod = (ordinal: number, state: State, revision = 'new'): readonly Pod[] => {
    if (state === 'none') return []
    const metadata = {
      labels: { 'controller-revision-hash': revision, 'statefulset.kubernetes.io/pod-name': `db-${ordinal}` },
      ...(state === 'ending' && { deletionTimestamp: readyAt }),
    }
    const phases: Partial<Record<State, PodPhase>> = { failed: 'Failed', pending: 'Pending' }
    const phase = phases[state] ?? 'Running'
    return [
      aPod(`db-${ordinal}`, {
        metadata,
        status: { phase },
        ...(readyTimes[state] && { readyAt: readyTimes[state] }),
      }),
    ]
  }
  const summary = (set: StatefulSet, ...members: readonly (readonly Pod[])[]) =>
    planStatefulSet(set, { pods: members.flat(), claims, updateRevision: 'new', nowMs })
      .stages.flat(2)
      .map((action) =>
        'pod' in action ? `${action.type} ${action.pod.metadata!.name}` : `${action.type} ${action.ordinal}`,
      )
  const claims: ClaimView = { isFormer: () => false, isOwned: () => true }
  const nowMs = Date.UTC(2026, 1, 1)
  const parallel = { podManagementPolicy: 'Parallel' as const }
  const away = (maxUnavailable: number | string, partition = 0): Partial<StatefulSetSpec> => ({
    ...parallel,
    updateStrategy: { rollingUpdate: { maxUnavailable, partition } },
  })
  const unnamed = ([named]: readonly Pod[]): readonly Pod[] => {
    const { 'statefulset.kubernetes.io/pod-name': _, ...labels } = named!.metadata!.labels!
    return [{ ...named!, metadata: { ...named!.metadata, labels } }]
  }
  const rows: readonly (readonly [string, StatefulSet, readonly (readonly Pod[])[], readonly string[]])[] = [
    ['creates the first', aStatefulSet(), [], ['create 0']],
    ['waits for it', aStatefulSet(), [pod(0, 'starting')], []],
    ['goes on to the next', aStatefulSet(), [pod(0, 'ready')], ['create 1']],
    ['creates all at once', aStatefulSet(parallel), [], ['create 0', 'create 1', 'create 2']],
    ['fills a gap first', aStatefulSet(), [pod(0, 'ready'), pod(2, 'ready')], ['create 1']],
    ['waits for one that ends', aStatefulSet(), [pod(0, 'ending'), pod(1, 'ready')], []],
    ['makes a failed one anew', aStatefulSet(), [pod(0, 'ready'), pod(1, 'failed')], ['recreate db-1']],
    [
      'scales down from the top',
      aStatefulSet({ replicas: 1 }),
      [pod(0, 'ready'), pod(1, 'ready'), pod(2, 'ready')],
      ['scaleDown db-2'],
    ],
    [
      'waits for it to end',
      aStatefulSet({ replicas: 1 }),
      [pod(0, 'ready'), pod(1, 'ready'), pod(2, 'ending')],
      [],
    ],
    [
      'does not scale down while a lower one is not healthy',
      aStatefulSet({ replicas: 1 }),
      [pod(0, 'starting'), pod(1, 'ready')],
      [],
    ],
    [
      'scales down all at once',
      aStatefulSet({ replicas: 1, ...parallel }),
      [pod(0, 'ready'), pod(1, 'ready'), pod(2, 'ready')],
      ['scaleDown db-2', 'scaleDown db-1'],
    ],
    [
      'starts at another ordinal',
      aStatefulSet({ replicas: 1, ordinals: { start: 5 } }),
      [pod(0, 'ready')],
      ['create 5'],
    ],
    [
      'updates from the top',
      aStatefulSet(),
      [pod(0, 'ready', 'old'), pod(1, 'ready', 'old'), pod(2, 'ready', 'old')],
      ['update db-2'],
    ],
    [
      'goes on when that serves',
      aStatefulSet(),
      [pod(0, 'ready', 'old'), pod(1, 'ready', 'old'), pod(2, 'ready')],
      ['update db-1'],
    ],
    [
      'stops at the partition',
      aStatefulSet({ updateStrategy: { rollingUpdate: { partition: 2 } } }),
      [pod(0, 'ready', 'old'), pod(1, 'ready', 'old'), pod(2, 'ready')],
      [],
    ],
    [
      'updates as many as may be away',
      aStatefulSet({ ...parallel, updateStrategy: { rollingUpdate: { maxUnavailable: 2 } } }),
      [pod(0, 'ready', 'old'), pod(1, 'ready', 'old'), pod(2, 'ready', 'old')],
      ['update db-2', 'update db-1'],
    ],
    [
      'updates first, in parallel, what does not serve',
      aStatefulSet(parallel),
      [pod(0, 'starting', 'old'), pod(1, 'ready', 'old'), pod(2, 'ready', 'old')],
      ['update db-0'],
    ],
    [
      'does not update, in order, while one does not serve: a broken template holds itself up',
      aStatefulSet(),
      [pod(0, 'ready', 'old'), pod(1, 'ready', 'old'), pod(2, 'starting', 'old')],
      [],
    ],
    [
      'updates what does not serve, in parallel',
      aStatefulSet(parallel),
      [pod(0, 'ready', 'old'), pod(1, 'ready', 'old'), pod(2, 'starting', 'old')],
      ['update db-2'],
    ],
    [
      'updates no more than may be away',
      aStatefulSet(away(2)),
      [pod(0, 'ready', 'old'), pod(1, 'ready', 'old'), pod(2, 'starting')],
      ['update db-1'],
    ],
    [
      'updates all that do not serve, however many',
      aStatefulSet(away(1)),
      [pod(0, 'ready', 'old'), pod(1, 'starting', 'old'), pod(2, 'starting', 'old')],
      ['update db-2', 'update db-1'],
    ],
    [
      'adds to those others up to what may be away',
      aStatefulSet(away(2)),
      [pod(0, 'starting', 'old'), pod(1, 'ready', 'old'), pod(2, 'ready', 'old')],
      ['update db-0', 'update db-2'],
    ],
    [
      'adds none when as many do not serve as may be away',
      aStatefulSet(away(2)),
      [pod(0, 'starting', 'old'), pod(1, 'starting', 'old'), pod(2, 'ready', 'old')],
      ['update db-1', 'update db-0'],
    ],
    [
      'updates, in order, as many at once as may be away',
      aStatefulSet({ updateStrategy: { rollingUpdate: { maxUnavailable: 2 } } }),
      [pod(0, 'ready', 'old'), pod(1, 'ready', 'old'), pod(2, 'ready', 'old')],
      ['update db-2', 'update db-1'],
    ],
    [
      'scales down one that has not served for long, if it is the lowest such',
      aStatefulSet({ replicas: 1, minReadySeconds: 60 }),
      [pod(0, 'ready'), pod(1, 'fresh')],
      ['scaleDown db-1'],
    ],
    [
      'else waits for a lower one to have served long enough',
      aStatefulSet({ replicas: 1, minReadySeconds: 60 }),
      [pod(0, 'ready'), pod(1, 'fresh'), pod(2, 'fresh')],
      [],
    ],
    [
      'counts pods below the partition',
      aStatefulSet(away(1, 1)),
      [pod(0, 'starting', 'old'), pod(1, 'ready', 'old'), pod(2, 'ready', 'old')],
      [],
    ],
    [
      'rounds a share down, but not to none',
      aStatefulSet(away('40%')),
      [pod(0, 'ready', 'old'), pod(1, 'ready', 'old'), pod(2, 'ready', 'old')],
      ['update db-2'],
    ],
    [
      'makes pods below the partition after the current revision',
      aStatefulSet({ ...parallel, updateStrategy: { rollingUpdate: { partition: 2 } } }),
      [],
      ['create 0', 'create 1', 'create 2'],
    ],
    [
      'looks after the claims of a pod that waits',
      aStatefulSet(),
      [pod(0, 'pending')],
      ['ensureClaims db-0'],
    ],
    [
      'gives a pod back its name, once it serves',
      aStatefulSet({ replicas: 1 }),
      [unnamed(pod(0, 'ready'))],
      ['repair db-0'],
    ],
    ['waits with that until then', aStatefulSet({ replicas: 1 }), [unnamed(pod(0, 'starting'))], []],
    [
      'does not wait in parallel',
      aStatefulSet({ replicas: 1, ...parallel }),
      [unnamed(pod(0, 'starting'))],
      ['repair db-0'],
    ],
    [
      'scales down one that does not serve, if it is the lowest such',
      aStatefulSet({ replicas: 1 }),
      [pod(0, 'ready'), pod(1, 'ready'), pod(2, 'starting')],
      ['scaleDown db-2'],
    ],
    [
      'else waits for a lower one',
      aStatefulSet({ replicas: 1 }),
      [pod(0, 'ready'), pod(1, 'starting'), pod(2, 'starting')],
      [],
    ],
    ['waits for minReadySeconds', aStatefulSet({ minReadySeconds: 100 * 24 * 3600 }), [pod(0, 'ready')], []],
    [
      'waits for a new one that does not serve',
      aStatefulSet(parallel),
      [pod(0, 'ready', 'old'), pod(1, 'ready', 'old'), pod(2, 'starting')],
      [],
    ],
    [
      'leaves updates to the user',
      aStatefulSet({ updateStrategy: { type: 'OnDelete' }, replicas: 1 }),
      [pod(0, 'ready', 'old')],
      [],
    ],
  ]
  for (const [name, set, members, expected] of rows) {
    void it(name, () => assert.deepEqual(summary(set, ...members), expected))
  }

  void it('takes the current revision below the partition and the update revision from it on', () => {
    const set = aStatefulSet({ ...parallel, updateStrategy: { rollingUpdate: { partition: 2 } } })
    const plan = planStatefulSet(set, { pods: [], claims, updateRevision: 'new', nowMs })
    assert.deepEqual(
      plan.stages.flat(2).map((action) => action.type === 'create' && action.from),
      ['current', 'current', 'update'],
    )
  })

  void it('waits with a pod whose claims go with the one before it', () => {
    const former = { ...claims, isFormer: (ordinal: number) => ordinal === 1 }
    const plan = (set: StatefulSet) =>
      planStatefulSet(set, { pods: pod(0, 'ready'), claims: former, updateRevision: 'new', nowMs })
        .stages.flat(2)
        .map((action) => action.type === 'create' && action.ordinal)
    assert.deepEqual(plan(aStatefulSet()), [])
    assert.deepEqual(plan(aStatefulSet(parallel)), [2])
  })

  void it('hands claims over before pods go', () => {
    const set = aStatefulSet({ replicas: 0 })
    const members = [...pod(0, 'ready'), ...pod(1, 'ready')]
    const unowned = { ...claims, isOwned: () => false }
    const { stages } = planStatefulSet(set, { pods: members, claims: unowned, updateRevision: 'new', nowMs })
    assert.deepEqual(
      stages.map((stage) => stage.flat().map(({ type }) => type)),
      [['handOver', 'handOver'], ['scaleDown']],
    )
  })
})
