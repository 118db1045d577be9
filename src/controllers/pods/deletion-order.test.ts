import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { Pod } from '../../api/generated/core.v1.ts'
import { aPod } from '../testing/a-pod.ts'
import { deletionCost, deletionCostAnnotation, inDeletionOrder, leastFarFirst } from './deletion-order.ts'

const nowMs = Date.UTC(2026, 0, 2)
const longAgo = '2026-01-01T00:00:00Z'
const justNow = '2026-01-01T23:59:59Z'
const onNode = { spec: { nodeName: 'n1' } }

const restarts = (count: number) => ({
  containerStatuses: [{ name: 'app', ready: true, restartCount: count, image: '', imageID: '' }],
})

function cost(value: string): { readonly metadata: { readonly annotations: Record<string, string> } } {
  return { metadata: { annotations: { [deletionCostAnnotation]: value } } }
}

void describe('inDeletionOrder', () => {
  const rows: readonly (readonly [string, Pod, Pod])[] = [
    ['unassigned before assigned', aPod('z', { readyAt: longAgo }), aPod('a', onNode)],
    ['pending before unknown', aPod('z', onNode), aPod('a', { ...onNode, status: { phase: 'Unknown' } })],
    [
      'unknown before running',
      aPod('z', { ...onNode, status: { phase: 'Unknown' } }),
      aPod('a', { ...onNode, status: { phase: 'Running' } }),
    ],
    [
      'not ready before ready',
      aPod('z', { ...onNode, status: { phase: 'Running' } }),
      aPod('a', { ...onNode, readyAt: justNow }),
    ],
    [
      'cheaper before dearer',
      aPod('z', { readyAt: longAgo, ...cost('-5') }),
      aPod('a', { readyAt: justNow }),
    ],
    [
      'ready for a shorter time, by orders of magnitude',
      aPod('z', { readyAt: justNow }),
      aPod('a', { readyAt: longAgo }),
    ],
    [
      'more restarts first',
      aPod('z', { readyAt: longAgo, status: restarts(3) }),
      aPod('a', { readyAt: longAgo, status: restarts(1) }),
    ],
    [
      'younger first',
      aPod('z', { readyAt: longAgo, metadata: { creationTimestamp: justNow } }),
      aPod('a', { readyAt: longAgo, metadata: { creationTimestamp: longAgo } }),
    ],
    [
      'by uid within one order of magnitude',
      aPod('a', { readyAt: '2026-01-01T00:00:01Z' }),
      aPod('z', { readyAt: longAgo }),
    ],
  ]
  for (const [name, first, second] of rows) {
    void it(name, () => {
      for (const pods of [
        [first, second],
        [second, first],
      ])
        assert.deepEqual(inDeletionOrder(pods, pods, nowMs), [first, second])
    })
  }

  void it('gives up pods of crowded nodes first, counting those of siblings', () => {
    const here = aPod('here', { spec: { nodeName: 'n1' }, readyAt: justNow })
    const there = aPod('there', { spec: { nodeName: 'n2' }, readyAt: longAgo })
    const sibling = aPod('sibling', { spec: { nodeName: 'n2' } })
    assert.deepEqual(inDeletionOrder([here, there], [here, there, sibling], nowMs), [there, here])
  })
})

void describe('leastFarFirst', () => {
  const minuteAgo = '2026-01-01T23:59:00Z'
  const rows: readonly (readonly [string, Pod, Pod])[] = [
    ['unassigned before assigned', aPod('z', { readyAt: longAgo }), aPod('a', onNode)],
    ['not ready before ready', aPod('z', onNode), aPod('a', { ...onNode, readyAt: justNow })],
    [
      'ready for a shorter time, to the second',
      aPod('z', { readyAt: '2026-01-01T23:59:01Z' }),
      aPod('a', { readyAt: minuteAgo }),
    ],
    [
      'whatever giving them up costs',
      aPod('z', { readyAt: justNow, ...cost('5') }),
      aPod('a', { readyAt: minuteAgo, ...cost('-5') }),
    ],
    [
      'more restarts first',
      aPod('z', { readyAt: longAgo, status: restarts(3) }),
      aPod('a', { readyAt: longAgo, status: restarts(1) }),
    ],
    [
      'younger first',
      aPod('z', { metadata: { creationTimestamp: '2026-01-01T00:00:01Z' } }),
      aPod('a', { metadata: { creationTimestamp: longAgo } }),
    ],
  ]
  for (const [name, first, second] of rows) {
    void it(name, () => {
      for (const pods of [
        [first, second],
        [second, first],
      ])
        assert.deepEqual(leastFarFirst(pods), [first, second])
    })
  }
})

void describe('deletionCost', () => {
  const rows = [
    ['12', 12],
    ['-3', -3],
    ['+3', 0],
    ['03', 0],
    ['2147483648', 0],
    ['x', 0],
  ] as const
  for (const [text, expected] of rows) {
    void it(`of "${text}" is ${expected}`, () => assert.equal(deletionCost(aPod('p', cost(text))), expected))
  }
})
