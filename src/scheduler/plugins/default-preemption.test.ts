import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Pod } from '../../api/generated/core.v1.ts'
import { failureOf, findNodes } from '../decide.ts'
import { seededRandom } from '../../machinery/random.ts'
import { podInfo } from '../pod-info.ts'
import { defaultPreemptionArgs, preempt } from './default-preemption.ts'
import { aNode, aPod, anInput, aTable } from '../testing/builders.ts'

function preemptionOf(pod: Pod, placed: readonly (readonly [Pod, string])[], cpu = '2') {
  const table = aTable([aNode('a', { cpu }), aNode('b', { cpu })], placed)
  const input = anInput(table)
  const search = findNodes(podInfo(pod), input)
  assert.equal(search.type, 'refused')
  const failure = failureOf(podInfo(pod), search.diagnosis, search.checker, input)
  const args = defaultPreemptionArgs
  const result = preempt(podInfo(pod), failure, { nodes: table, budgets: [], args, random: seededRandom(1) })
  for (const [victim, node] of placed)
    assert.equal(table.placeOf(`default/${victim.metadata!.name}`)!.node, table.indexOf(node))
  return result.type === 'victims'
    ? `${result.nodeName}: ${result.victims.map(({ pod: victim }) => victim.metadata?.name).join(', ')}`
    : result.message
}

const pod = aPod('p', { cpu: '2', priority: 100 })

test('preempt takes the node whose victims matter least', () => {
  const placed = [
    [aPod('important', { cpu: '2', priority: 50 }), 'a'],
    [aPod('idle', { cpu: '2', priority: 1 }), 'b'],
  ] as const
  assert.equal(preemptionOf(pod, placed), 'b: idle')
})

test('preempt spares what need not go', () => {
  const placed = [
    [aPod('small', { cpu: '500m', priority: 1 }), 'a'],
    [aPod('large', { cpu: '1500m', priority: 1 }), 'a'],
    [aPod('equal', { cpu: '2', priority: 100 }), 'b'],
  ] as const
  const wanting = aPod('p', { cpu: '1', priority: 100 })
  assert.equal(preemptionOf(wanting, placed), 'a: large')
})

test('preempt never takes pods of equal or higher priority', () => {
  const placed = [
    [aPod('equal', { cpu: '2', priority: 100 }), 'a'],
    [aPod('higher', { cpu: '2', priority: 200 }), 'b'],
  ] as const
  assert.equal(
    preemptionOf(pod, placed),
    '0/2 nodes are available: 2 No preemption victims found for incoming pod.',
  )
})

test('preempt sees that no removal helps a pod larger than the node', () => {
  assert.equal(
    preemptionOf(aPod('p', { cpu: '9', priority: 100 }), [[aPod('q', { cpu: '1' }), 'a']]),
    '0/2 nodes are available: 2 Preemption is not helpful for scheduling.',
  )
})

test('preempt heeds preemptionPolicy Never', () => {
  const meek = aPod('p', { cpu: '2', priority: 100, spec: { preemptionPolicy: 'Never' } })
  const placed = [
    [aPod('q', { cpu: '2' }), 'a'],
    [aPod('r', { cpu: '2' }), 'b'],
  ] as const
  assert.equal(preemptionOf(meek, placed), 'not eligible due to preemptionPolicy=Never.')
})
