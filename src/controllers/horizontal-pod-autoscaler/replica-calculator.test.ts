import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { Pod } from '../../api/generated/core.v1.ts'
import {
  replicasForAverage,
  replicasForShare,
  replicasForUtilization,
  replicasForValue,
  type CalculatorOptions,
  type Usage,
} from './replica-calculator.ts'

const nowMs = Date.parse('2026-01-01T01:00:00Z')
const options: CalculatorOptions = {
  cpuInitializationPeriodMs: 120_000,
  initialReadinessDelayMs: 10_000,
  tolerances: { scaleUp: 0.1, scaleDown: 0.1 },
  nowMs,
}

type State = 'ready' | 'unready' | 'pending' | 'failed' | 'deleted' | 'starting'

function aPod(name: string, state: State, cpu: string | undefined): Pod {
  const startTime = state === 'starting' ? '2026-01-01T00:59:30Z' : '2026-01-01T00:00:00Z'
  const isReady = state === 'ready' || state === 'starting'
  return {
    metadata: { name, ...(state === 'deleted' && { deletionTimestamp: '2026-01-01T00:59:59Z' }) },
    spec: { containers: [{ name: 'c', resources: cpu === undefined ? {} : { requests: { cpu } } }] },
    status: {
      phase: state === 'pending' ? 'Pending' : state === 'failed' ? 'Failed' : 'Running',
      startTime,
      conditions: [{ type: 'Ready', status: isReady ? 'True' : 'False', lastTransitionTime: startTime }],
    },
  }
}

/** Pods p0, p1, ... with these states and values; `undefined`: no metric. */
function usageOf(
  states: readonly State[],
  values: readonly (number | undefined)[],
  cpu: string | undefined = '1',
): Usage {
  const metrics = values.flatMap((milliValue, index) =>
    milliValue === undefined
      ? []
      : [[`p${index}`, { milliValue, timestampMs: nowMs, windowMs: 60_000 }] as const],
  )
  return {
    pods: states.map((state, index) => aPod(`p${index}`, state, cpu)),
    metrics: new Map(metrics),
    currentReplicas: states.length,
  }
}

const [r, u, p, f, d] = ['ready', 'unready', 'pending', 'failed', 'deleted'] as const

void describe('replicasForUtilization', () => {
  // States, millicores of each, target percent; replicas, percent.
  const rows: readonly (readonly [
    string,
    readonly State[],
    readonly (number | undefined)[],
    number,
    number,
    number,
  ])[] = [
    ['scales up', [r, r, r], [300, 500, 700], 30, 5, 50],
    ['scales down', [r, r, r, r, r], [100, 300, 500, 250, 250], 50, 3, 28],
    ['stays within the tolerance', [r, r, r], [1010, 1030, 1020], 100, 3, 102],
    ['counts pending pods as idle when scaling up', [r, r, p], [400, 500, undefined], 30, 3, 45],
    ['counts pods that start as idle when scaling up', [r, r, 'starting'], [700, 700, 900], 30, 5, 70],
    ['leaves out failed pods', [r, r, f], [500, 700, undefined], 30, 4, 60],
    ['leaves out pods on their way out', [r, r, d], [500, 700, 900], 30, 4, 60],
    ['counts missing pods as idle when scaling up', [r, r, r], [600, 600, undefined], 30, 4, 60],
    ['counts missing pods as busy when scaling down', [r, r, r, r], [100, 100, 100, undefined], 50, 3, 10],
    ['does not turn around for missing pods', [r, r], [350, undefined], 30, 2, 35],
    ['leaves missing pods out when the target is met', [r, r, r], [300, 300, undefined], 30, 3, 30],
    ['scales down to what unready pods leave', [u, r, r, r], [100, 300, 500, 100], 50, 2, 30],
    ['takes targets over 100 %', [r, r, r, r, r], [650, 650, 650, 650, undefined], 200, 3, 65],
  ]
  for (const [criterion, states, values, target, replicas, utilization] of rows) {
    void it(criterion, () => {
      const proposal = replicasForUtilization(usageOf(states, values), 'cpu', undefined, target, options)
      assert.deepEqual([proposal.replicas, proposal.utilization], [replicas, utilization])
    })
  }

  const refused: readonly (readonly [string, Usage, RegExp])[] = [
    ['there are no pods', usageOf([], []), /^no pods returned by selector/],
    [
      'no ready pod has a metric',
      usageOf([u, p], [undefined, undefined]),
      /^did not receive metrics for targeted pods \(pods might be unready\)$/,
    ],
    [
      'nothing is requested',
      { ...usageOf([r], [100]), pods: [{ ...aPod('p0', 'ready', undefined) }] },
      /^missing request for cpu in container c of Pod p0/,
    ],
  ]
  for (const [when, usage, message] of refused) {
    void it(`refuses when ${when}`, () => {
      assert.throws(() => replicasForUtilization(usage, 'cpu', undefined, 50, options), { message })
    })
  }

  void it('counts restartable init containers, and one container alone', () => {
    const base = usageOf([r], [500])
    const requests = { requests: { cpu: '1' } }
    const sidecar = { name: 's', restartPolicy: 'Always', resources: requests }
    const pods = base.pods.map((pod) => ({ ...pod, spec: { ...pod.spec!, initContainers: [sidecar] } }))
    const of = (container?: string) =>
      replicasForUtilization({ ...base, pods }, 'cpu', container, 50, options).utilization
    assert.deepEqual([of(), of('c')], [25, 50])
  })
})

void it('replicasForUtilization asks containers only for what the pod as a whole does not request', () => {
  const base = usageOf([r], [500])
  const whole = (requests: Readonly<Record<string, string>>) => ({
    ...base,
    pods: base.pods.map((pod) => ({
      ...pod,
      spec: { containers: [{ name: 'c', resources: {} }], resources: { requests } },
    })),
  })
  const of = (usage: Usage) => replicasForUtilization(usage, 'cpu', undefined, 50, options).utilization
  assert.equal(of(whole({ cpu: '2' })), 25)
  assert.throws(() => of(whole({ memory: '1Gi' })), { message: 'no metrics returned matched known pods' })
})

void describe('replicasForAverage', () => {
  const rows: readonly (readonly [
    string,
    readonly State[],
    readonly (number | undefined)[],
    number,
    number,
  ])[] = [
    ['scales up', [r, r, r], [20_000, 10_000, 30_000], 15_000, 4],
    ['scales down', [r, r, r, r, r], [12_000, 12_000, 12_000, 12_000, 12_000], 20_000, 3],
    ['counts unready pods, whose metrics are no CPU usage', [u, r, r], [50_000, 15_000, 30_000], 15_000, 7],
    ['counts pending pods as idle', [r, r, p], [50_000, 10_000, undefined], 15_000, 4],
    ['stays within the tolerance', [r, r, r], [20_000, 21_000, 21_000], 20_000, 3],
    ['counts missing pods as idle when the target is met', [r, r, r], [20_000, 20_000, undefined], 20_000, 2],
  ]
  for (const [criterion, states, values, target, replicas] of rows) {
    void it(criterion, () => {
      assert.equal(replicasForAverage(usageOf(states, values), undefined, target, options).replicas, replicas)
    })
  }
})

void describe('replicasForValue', () => {
  void it('scales with the pods that are ready', () => {
    assert.equal(replicasForValue(usageOf([r, r, u], []), 20_000, 15_000, options), 3)
  })
  void it('scales from zero by the ratio alone', () => {
    assert.equal(replicasForValue(usageOf([], []), 45_000, 20_000, options), 3)
  })
  void it('has a tolerance in each direction', () => {
    const tolerances = { scaleUp: 0.5, scaleDown: 0 }
    const of = (value: number) =>
      replicasForValue(usageOf([r, r], []), value, 100, { ...options, tolerances })
    assert.deepEqual([of(149), of(151), of(49)], [2, 4, 1])
  })
})

void it('replicasForShare shares a value among pods', () => {
  assert.deepEqual(replicasForShare(2, 9000, 2000, options), { replicas: 5, averageMilliValue: 4500 })
  assert.equal(replicasForShare(0, 9000, 2000, options).replicas, 5)
  assert.equal(replicasForShare(4, 8600, 2000, options).replicas, 4)
})
