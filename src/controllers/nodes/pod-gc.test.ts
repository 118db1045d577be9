import assert from 'node:assert/strict'
import { afterEach, describe, it } from 'node:test'
import { nodes, pods } from '../../api/generated/resources.ts'
import { aPod } from '../testing/a-pod.ts'
import { keys, runReconcilers, type ReconcilerHarness } from '../testing/run-reconciler.ts'
import { podGarbageCollector, terminatedPodCollector } from './pod-gc.ts'

void describe('podGarbageCollector', () => {
  let harness: ReconcilerHarness
  afterEach(() => harness.stop())

  void it('ends pods of a node that is gone, after a while', async () => {
    harness = await runReconcilers([podGarbageCollector()], ({ client }) => {
      client.seed(nodes, { metadata: { name: 'a' } }, { metadata: { name: 'b' } })
      client.seed(pods, aPod('on-a', { spec: { nodeName: 'a' } }), aPod('on-b', { spec: { nodeName: 'b' } }))
    })
    await harness.client.delete(nodes, { name: 'a' })
    await harness.pass(39_000)
    assert.equal((await harness.all(pods)).length, 2)
    await harness.pass(1_000)
    assert.deepEqual(keys(await harness.all(pods)), ['default/on-b'])
    const status = harness.client.calls.find(({ subresource }) => subresource === 'status')
    assert.equal(status?.name, 'on-a')
  })

  void it('lets the pods be when the node comes back', async () => {
    harness = await runReconcilers([podGarbageCollector()], ({ client }) =>
      client.seed(pods, aPod('p', { spec: { nodeName: 'a' } })),
    )
    await harness.pass(30_000)
    await harness.client.create(nodes, { metadata: { name: 'a' } })
    await harness.pass(60_000)
    assert.equal((await harness.all(pods)).length, 1)
  })

  void it('ends pods that are deleted without a node, and those of a node out of service', async () => {
    const taints = [{ key: 'node.kubernetes.io/out-of-service', effect: 'NoExecute' as const }]
    harness = await runReconcilers([podGarbageCollector()], ({ client }) => {
      client.seed(nodes, { metadata: { name: 'a' }, spec: { taints } })
      const metadata = { deletionTimestamp: '2026-01-01T00:00:00Z', deletionGracePeriodSeconds: 30 }
      client.seed(
        pods,
        aPod('out', { spec: { nodeName: 'a' }, metadata }),
        aPod('pending', { metadata }),
        aPod('other'),
      )
    })
    assert.deepEqual(keys(await harness.all(pods)), ['default/other'])
  })
})

void describe('terminatedPodCollector', () => {
  void it('keeps as many ended pods as it may, the newest', async () => {
    const ended = (name: string, second: number) =>
      aPod(name, {
        metadata: { creationTimestamp: `2026-01-01T00:00:0${second}Z` },
        status: { phase: 'Succeeded' },
      })
    const harness = await runReconcilers([terminatedPodCollector(2)], ({ client }) => {
      const evicted = aPod('evicted', { status: { phase: 'Failed', reason: 'Evicted' } })
      client.seed(pods, ended('b', 2), ended('a', 1), ended('c', 3), evicted, aPod('running'))
    })
    assert.deepEqual(keys(await harness.all(pods)), ['default/b', 'default/c', 'default/running'])
    await harness.stop()
  })
})
