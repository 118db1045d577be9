import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { DaemonSet, RollingUpdateDaemonSet } from '../../api/generated/apps.v1.ts'
import type { Node, Pod, PodPhase, Taint } from '../../api/generated/core.v1.ts'
import { aPod } from '../testing/a-pod.ts'
import { daemonSetStatus } from './daemon-set-status.ts'
import { daemonNodes, planDaemonUpdate, planPlacement, type DaemonPlan } from './plan-daemon-set.ts'

const nowMs = Date.UTC(2026, 0, 2)
const longAgo = '2026-01-01T00:00:00Z'
const labels = { app: 'agent' }

function aDaemonSet(
  rollingUpdate: RollingUpdateDaemonSet = { maxUnavailable: 1 },
  minReadySeconds = 0,
): DaemonSet {
  return {
    metadata: { namespace: 'default', name: 'agent', uid: 'u', generation: 3 },
    spec: {
      selector: { matchLabels: labels },
      minReadySeconds,
      template: { metadata: { labels }, spec: { containers: [{ name: 'agent', image: 'agent' }] } },
      updateStrategy: { type: 'RollingUpdate', rollingUpdate },
    },
  }
}

const noSchedule: Taint = { key: 'x', effect: 'NoSchedule' }
const aNode = (name: string, ...taints: readonly Taint[]): Node => ({ metadata: { name }, spec: { taints } })

interface DaemonOptions {
  readonly hash?: string
  readonly readyAt?: string
  readonly phase?: PodPhase
  readonly isDeleting?: boolean
  readonly isWaiting?: boolean
  readonly createdAt?: string
}

/** A pod named `node` and a letter, on that node or waiting for it; ready for long by default. */
function on(name: string, options: DaemonOptions = {}): Pod {
  const { hash = 'new', phase, isDeleting, isWaiting, createdAt = longAgo } = options
  const node = name.slice(0, -1)
  const matchFields = [{ key: 'metadata.name', operator: 'In' as const, values: [node] }]
  const nodeAffinity = {
    requiredDuringSchedulingIgnoredDuringExecution: { nodeSelectorTerms: [{ matchFields }] },
  }
  const readyAt = phase ? undefined : (options.readyAt ?? longAgo)
  return aPod(name, {
    metadata: {
      labels: { ...labels, 'controller-revision-hash': hash },
      creationTimestamp: createdAt,
      ...(isDeleting && { deletionTimestamp: longAgo }),
    },
    spec: isWaiting ? { affinity: { nodeAffinity } } : { nodeName: node },
    ...(phase && { status: { phase } }),
    ...(readyAt && { readyAt }),
  })
}

function short({ create, delete: remove, ended }: DaemonPlan): string {
  const names = (pods: readonly Pod[]) => pods.map(({ metadata }) => metadata!.name).join()
  return [
    create.length > 0 && `create ${create.join()}`,
    remove.length > 0 && `delete ${names(remove)}`,
    ended.length > 0 && `ended ${names(ended.map(({ pod }) => pod))}`,
  ]
    .filter(Boolean)
    .join('; ')
}

const surge = { maxSurge: 1, maxUnavailable: 0 }
const old = { hash: 'old' }

void describe('planPlacement', () => {
  const rows: readonly (readonly [string, readonly Node[], readonly Pod[], string, DaemonSet?])[] = [
    ['creates where there is none', [aNode('n1'), aNode('n2')], [on('n1a')], 'create n2'],
    ['counts pods that wait for their node', [aNode('n1')], [on('n1a', { isWaiting: true })], ''],
    ['waits for one that is being deleted', [aNode('n1')], [on('n1a', { isDeleting: true })], ''],
    [
      'does not wait for one that has ended',
      [aNode('n1')],
      [on('n1a', { isDeleting: true, phase: 'Failed' })],
      'create n1',
    ],
    [
      'keeps the oldest of several',
      [aNode('n1')],
      [on('n1b', { createdAt: '2026-01-01T01:00:00Z' }), on('n1a')],
      'delete n1b',
    ],
    [
      'keeps one that has its node',
      [aNode('n1')],
      [on('n1a', { isWaiting: true }), on('n1b', { createdAt: '2026-01-01T01:00:00Z' })],
      'delete n1a',
    ],
    [
      'tells those that have ended',
      [aNode('n1'), aNode('n2')],
      [on('n1a', { phase: 'Failed' }), on('n2a', { phase: 'Succeeded' })],
      'ended n1a,n2a',
    ],
    ['leaves pods on nodes that take no new ones', [aNode('n1', noSchedule)], [on('n1a')], ''],
    ['creates none there', [aNode('n1', noSchedule)], [], ''],
    [
      'deletes from nodes that drive pods off',
      [aNode('n1', { key: 'x', effect: 'NoExecute' })],
      [on('n1a'), on('n1b', { isDeleting: true })],
      'delete n1a',
    ],
    [
      'deletes pods that wait for a node that is gone',
      [],
      [on('n1a', { isWaiting: true }), on('n2a')],
      'delete n1a',
    ],
    [
      'with surge, keeps a new pod beside an old one that serves',
      [aNode('n1')],
      [on('n1a', old), on('n1b', { phase: 'Pending' })],
      '',
      aDaemonSet(surge),
    ],
    [
      'with surge, gives up the old when the new serves',
      [aNode('n1')],
      [on('n1a', old), on('n1b')],
      'delete n1a',
      aDaemonSet(surge),
    ],
    [
      'with surge, waits until the new has served long enough',
      [aNode('n1')],
      [on('n1a', old), on('n1b', { readyAt: '2026-01-01T23:59:59Z' })],
      '',
      aDaemonSet(surge, 10),
    ],
    [
      'with surge, gives up an old one that does not serve',
      [aNode('n1')],
      [on('n1a', { ...old, phase: 'Pending' }), on('n1b', { phase: 'Pending' })],
      'delete n1a',
      aDaemonSet(surge),
    ],
  ]
  for (const [name, nodes, pods, expected, set = aDaemonSet()] of rows) {
    void it(name, () =>
      assert.equal(short(planPlacement(set, daemonNodes(set, nodes, pods), 'new', nowMs)), expected),
    )
  }

  void it('creates in portions', () => {
    const nodes = Array.from({ length: 300 }, (_, at) => aNode(`n${at}`))
    const set = aDaemonSet()
    assert.equal(planPlacement(set, daemonNodes(set, nodes, []), 'new', nowMs).create.length, 250)
  })
})

void describe('planDaemonUpdate', () => {
  const three = [aNode('n1'), aNode('n2'), aNode('n3')]
  const rows: readonly (readonly [string, DaemonSet, readonly Pod[], string, (readonly Node[])?])[] = [
    ['deletes one at a time', aDaemonSet(), [on('n1a', old), on('n2a', old), on('n3a', old)], 'delete n1a'],
    [
      'deletes a share, rounded up',
      aDaemonSet({ maxUnavailable: '40%' }),
      [on('n1a', old), on('n2a', old), on('n3a', old)],
      'delete n1a,n2a',
    ],
    [
      'waits for new pods to serve',
      aDaemonSet(),
      [on('n1a', { phase: 'Pending' }), on('n2a', old), on('n3a', old)],
      '',
    ],
    [
      'waits until they have served long enough',
      aDaemonSet({ maxUnavailable: 1 }, 10),
      [on('n1a', { readyAt: '2026-01-01T23:59:59Z' }), on('n2a', old), on('n3a', old)],
      '',
    ],
    [
      'deletes what does not serve whatever the limit',
      aDaemonSet(),
      [on('n1a', old), on('n2a', { ...old, phase: 'Pending' }), on('n3a', { ...old, phase: 'Pending' })],
      'delete n2a,n3a',
    ],
    ['has nothing to do in the end', aDaemonSet(), [on('n1a'), on('n2a'), on('n3a')], ''],
    [
      'defaults to one, where neither limit allows any',
      aDaemonSet({ maxUnavailable: 0, maxSurge: 0 }),
      [on('n1a', old), on('n2a', old), on('n3a', old)],
      'delete n1a',
    ],
    [
      'with surge, creates first',
      aDaemonSet(surge),
      [on('n1a', old), on('n2a', old), on('n3a', old)],
      'create n1',
    ],
    [
      'with surge, waits for the new pod',
      aDaemonSet(surge),
      [on('n1a', old), on('n1b', { phase: 'Pending' }), on('n2a', old), on('n3a', old)],
      '',
    ],
    [
      'with surge, deletes the old when the new serves, and goes on',
      aDaemonSet(surge),
      [on('n1a', old), on('n1b'), on('n2a', old), on('n3a', old)],
      'create n2; delete n1a',
    ],
    [
      'with surge, replaces what does not serve whatever the limit',
      aDaemonSet(surge),
      [on('n1a', { ...old, phase: 'Pending' }), on('n2a', old), on('n3a', { ...old, phase: 'Pending' })],
      'create n1,n3,n2',
    ],
    [
      'with surge, deletes what does not serve where none should run',
      aDaemonSet(surge),
      [on('n1a', { ...old, phase: 'Pending' })],
      'delete n1a',
      [aNode('n1', noSchedule)],
    ],
    [
      'with surge, keeps what serves where none should run while others do not serve',
      aDaemonSet(surge),
      [on('n1a', old), on('n2a', { phase: 'Pending' })],
      '',
      [aNode('n1', noSchedule), aNode('n2')],
    ],
    [
      'with surge, deletes it when they do',
      aDaemonSet(surge),
      [on('n1a', old), on('n2a')],
      'delete n1a',
      [aNode('n1', noSchedule), aNode('n2')],
    ],
  ]
  for (const [name, set, pods, expected, nodes = three] of rows) {
    void it(name, () =>
      assert.equal(short(planDaemonUpdate(set, daemonNodes(set, nodes, pods), 'new', nowMs)), expected),
    )
  }

  void it('takes pods of the same template generation for new', () => {
    const set = aDaemonSet()
    const annotated = {
      ...set,
      metadata: { ...set.metadata, annotations: { 'deprecated.daemonset.template.generation': '4' } },
    }
    const pod = on('n1a', old)
    const ofGeneration = (generation: string) => ({
      ...pod,
      metadata: {
        ...pod.metadata,
        labels: { ...pod.metadata!.labels, 'pod-template-generation': generation },
      },
    })
    const plan = (generation: string) =>
      short(
        planDaemonUpdate(
          annotated,
          daemonNodes(annotated, [aNode('n1')], [ofGeneration(generation)]),
          'new',
          nowMs,
        ),
      )
    assert.equal(plan('4'), '')
    assert.equal(plan('3'), 'delete n1a')
  })
})

void describe('daemonSetStatus', () => {
  void it('counts', () => {
    const set = aDaemonSet({ maxUnavailable: 1 }, 10)
    const nodes = ['n1', 'n2', 'n3', 'n4', 'n5'].map((name) => aNode(name)).concat(aNode('n6', noSchedule))
    const pods = [
      on('n1a'),
      on('n2a', old),
      on('n3a', { readyAt: '2026-01-01T23:59:59Z' }),
      on('n4a', { phase: 'Pending' }),
      on('n6a'),
    ]
    assert.deepEqual(daemonSetStatus(set, daemonNodes(set, nodes, pods), 'new', 2, nowMs), {
      observedGeneration: 3,
      desiredNumberScheduled: 5,
      currentNumberScheduled: 4,
      numberMisscheduled: 1,
      numberReady: 3,
      numberAvailable: 2,
      numberUnavailable: 3,
      updatedNumberScheduled: 3,
      collisionCount: 2,
    })
  })
})
