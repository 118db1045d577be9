import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { HPAScalingPolicy } from '../../api/generated/autoscaling.v2.ts'
import { limitChange, remember, type ScaleHistory, type WantedChange } from './limit-change.ts'

const empty: ScaleHistory = { recommendations: [], scaleUps: [], scaleDowns: [] }
const nowMs = 1_000_000

function change(wanted: Partial<WantedChange>): WantedChange {
  return {
    behavior: undefined,
    minReplicas: 1,
    maxReplicas: 1000,
    currentReplicas: 10,
    wantedReplicas: 10,
    history: empty,
    nowMs,
    scaleDownStabilizationMs: 300_000,
    ...wanted,
  }
}

function told(wanted: Partial<WantedChange>) {
  const { replicas, conditions } = limitChange(change(wanted))
  return [replicas, ...conditions.map(({ reason }) => reason)]
}

function policies(...rows: readonly (readonly [string, number, number])[]): readonly HPAScalingPolicy[] {
  return rows.map(([type, value, periodSeconds]) => ({ type, value, periodSeconds }))
}

void describe('limitChange without a behaviour', () => {
  const rows: readonly (readonly [string, Partial<WantedChange>, readonly unknown[]])[] = [
    ['stays', {}, [10, 'ReadyForNewScale', 'DesiredWithinRange']],
    ['doubles at most', { wantedReplicas: 50 }, [20, 'ReadyForNewScale', 'ScaleUpLimit']],
    [
      'goes to four at least',
      { currentReplicas: 1, wantedReplicas: 9 },
      [4, 'ReadyForNewScale', 'ScaleUpLimit'],
    ],
    [
      'stays below the maximum',
      { wantedReplicas: 50, maxReplicas: 15 },
      [15, 'ReadyForNewScale', 'TooManyReplicas'],
    ],
    [
      'stays above the minimum',
      { wantedReplicas: 1, minReplicas: 3 },
      [3, 'ReadyForNewScale', 'TooFewReplicas'],
    ],
    [
      'remembers what was recommended',
      { wantedReplicas: 2, history: { ...empty, recommendations: [{ atMs: nowMs - 299_000, replicas: 8 }] } },
      [8, 'ScaleDownStabilized', 'DesiredWithinRange'],
    ],
    [
      'forgets it after five minutes',
      { wantedReplicas: 2, history: { ...empty, recommendations: [{ atMs: nowMs - 301_000, replicas: 8 }] } },
      [2, 'ReadyForNewScale', 'DesiredWithinRange'],
    ],
  ]
  for (const [criterion, wanted, expected] of rows) {
    void it(criterion, () => assert.deepEqual(told(wanted), expected))
  }
})

void describe('limitChange with a behaviour', () => {
  const up = (list: readonly HPAScalingPolicy[], selectPolicy = 'Max', stabilizationWindowSeconds = 0) => ({
    scaleUp: { policies: list, selectPolicy, stabilizationWindowSeconds },
  })
  const down = (list: readonly HPAScalingPolicy[], selectPolicy = 'Max', stabilizationWindowSeconds = 0) => ({
    scaleDown: { policies: list, selectPolicy, stabilizationWindowSeconds },
  })
  const both = policies(['Pods', 4, 60], ['Percent', 100, 60])
  const rows: readonly (readonly [string, Partial<WantedChange>, number])[] = [
    ['takes the most that policies allow', { wantedReplicas: 50, behavior: up(both) }, 20],
    ['takes the least', { wantedReplicas: 50, behavior: up(both, 'Min') }, 14],
    ['scales up no more', { wantedReplicas: 50, behavior: up(both, 'Disabled') }, 10],
    [
      'counts what was added in the period',
      {
        wantedReplicas: 50,
        behavior: up(policies(['Pods', 4, 60])),
        history: { ...empty, scaleUps: [{ atMs: nowMs - 30_000, replicas: 3 }] },
      },
      11,
    ],
    [
      'counts what was taken away in the period, too',
      {
        wantedReplicas: 50,
        behavior: up(policies(['Pods', 4, 60])),
        history: { ...empty, scaleDowns: [{ atMs: nowMs - 30_000, replicas: 3 }] },
      },
      17,
    ],
    [
      'goes down by what policies allow',
      { wantedReplicas: 1, behavior: down(policies(['Percent', 25, 60])) },
      7,
    ],
    ['goes down by the least', { wantedReplicas: 1, behavior: down(both, 'Min') }, 6],
    [
      'waits before it scales up',
      {
        wantedReplicas: 20,
        behavior: up(both, 'Max', 60),
        history: { ...empty, recommendations: [{ atMs: nowMs - 30_000, replicas: 12 }] },
      },
      12,
    ],
    [
      'stays where recommendations disagree',
      {
        wantedReplicas: 12,
        behavior: up(both, 'Max', 60),
        history: { ...empty, recommendations: [{ atMs: nowMs - 30_000, replicas: 5 }] },
      },
      10,
    ],
  ]
  for (const [criterion, wanted, replicas] of rows) {
    void it(criterion, () => assert.equal(limitChange(change(wanted)).replicas, replicas))
  }
})

void it('remember keeps changes as long as a policy asks about them', () => {
  const behavior = { scaleUp: { policies: policies(['Pods', 4, 60]) } }
  const history = { ...empty, scaleUps: [{ atMs: nowMs - 61_000, replicas: 1 }] }
  assert.deepEqual(remember(history, behavior, 2, 5, nowMs).scaleUps, [{ atMs: nowMs, replicas: 3 }])
  assert.equal(remember(history, undefined, 2, 5, nowMs), history)
})
