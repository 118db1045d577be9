import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { nodes } from '../../api/generated/resources.ts'
import { runReconcilers } from '../testing/run-reconciler.ts'
import { nodeTtlReconciler, stepFor } from './node-ttl.ts'

void describe('stepFor', () => {
  const rows = [
    [1, 0, 0],
    [100, 0, 0],
    [101, 0, 1],
    [95, 1, 1],
    [89, 1, 0],
    [5000, 0, 4],
    [1799, 4, 3],
  ] as const
  for (const [count, current, expected] of rows) {
    void it(`of ${count} nodes after ${current} is ${expected}`, () =>
      assert.equal(stepFor(count, current), expected))
  }
})

void describe('nodeTtlReconciler', () => {
  void it('writes how long nodes may go without looking', async () => {
    const harness = await runReconcilers([nodeTtlReconciler()], ({ client }) => {
      client.seed(nodes, { metadata: { name: 'n' } })
    })
    const { metadata } = await harness.one(nodes, 'n')
    assert.equal(metadata!.annotations!['node.alpha.kubernetes.io/ttl'], '0')
    await harness.stop()
  })
})
