import assert from 'node:assert/strict'
import { test } from 'node:test'
import { aNode, aPod, aPodInfo, aTable } from '../testing/builders.ts'
import { createResourceScore, type ScoringStrategy } from './resource-score.ts'

const resources = [
  { name: 'cpu', weight: 1 },
  { name: 'memory', weight: 1 },
]
const shape = [
  { utilization: 0, score: 10 },
  { utilization: 100, score: 0 },
]

/** cpu: 1 of 4 taken by the pod and 1 by another; memory: 1Gi and 1Gi of 8Gi. */
const rows: readonly { readonly strategy: ScoringStrategy; readonly score: number }[] = [
  { strategy: { type: 'LeastAllocated', resources }, score: 62 },
  { strategy: { type: 'MostAllocated', resources }, score: 37 },
  { strategy: { type: 'MostAllocated', resources: [{ name: 'cpu', weight: 1 }] }, score: 50 },
  {
    strategy: { type: 'LeastAllocated', resources: [resources[0]!, { name: 'memory', weight: 3 }] },
    score: 68,
  },
  {
    strategy: { type: 'RequestedToCapacityRatio', resources, requestedToCapacityRatio: { shape } },
    score: 63,
  },
  { strategy: { type: 'LeastAllocated', resources: [{ name: 'example.com/gpu', weight: 1 }] }, score: 0 },
]

for (const { strategy, score } of rows) {
  const weights = strategy.resources.map(({ name, weight }) => `${name}=${weight}`).join(',')
  test(`createResourceScore scores ${strategy.type} of ${weights} with ${score}`, () => {
    const table = aTable([aNode('a')], [[aPod('other', { cpu: '1', memory: '1Gi' }), 'a']])
    const pod = aPodInfo('p', { cpu: '1', memory: '1Gi' })
    assert.equal(createResourceScore(strategy)(pod, table).raw(table.indexOf('a')!), score)
  })
}
