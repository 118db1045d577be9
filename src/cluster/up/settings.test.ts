import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { CliError } from '../cli/cli-error.ts'
import type { ClusterState } from '../state/cluster-state.ts'
import { settle, type UpRequest } from './settings.ts'

function aRequest(rest: Partial<UpRequest> = {}): UpRequest {
  return { name: 'test', runtime: 'simulated', port: 6443, ...rest }
}

const names = (state: ClusterState) => state.nodes.map(({ name }) => name)

describe('settle', () => {
  it('gives a new cluster one node and the embedded store', async () => {
    const state = await settle(aRequest(), undefined)
    assert.deepEqual(names(state), ['node1'])
    assert.deepEqual(state.store, { type: 'embedded' })
  })

  it('keeps what a cluster was, unless told otherwise', async () => {
    const before = await settle(aRequest({ nodes: 2, simulatedNodes: 1 }), undefined)
    const { port: _, ...quiet } = aRequest()
    assert.deepEqual(await settle(quiet, before), before)
    const after = await settle(aRequest({ nodes: 3, port: 7000 }), before)
    assert.equal(after.port, 7000)
    assert.deepEqual(names(after), ['node1', 'node2', 'simulated1', 'node3'])
  })

  it('gives a new node a number that no other has', async () => {
    const before = await settle(aRequest({ nodes: 3 }), undefined)
    const without = { ...before, nodes: before.nodes.filter(({ name }) => name !== 'node2') }
    const after = await settle(aRequest({ nodes: 3 }), without)
    assert.deepEqual(names(after), ['node1', 'node3', 'node2'])
    assert.deepEqual(
      after.nodes.map(({ number }) => number),
      [1, 3, 2],
    )
  })

  it('keeps files of components until others are named, or none', async () => {
    const before = await settle(aRequest({ kubeletConfig: '/k', schedulerConfig: '/s' }), undefined)
    assert.equal((await settle(aRequest(), before)).kubeletConfig, '/k')
    const after = await settle(aRequest({ kubeletConfig: '', schedulerConfig: '/t' }), before)
    assert.equal('kubeletConfig' in after, false)
    assert.equal(after.schedulerConfig, '/t')
  })

  const refusals: readonly (readonly [string, Partial<UpRequest>, RegExp])[] = [
    ['fewer nodes', { nodes: 1 }, /has 2 nodes already; remove some/],
    ['fewer simulated nodes', { simulatedNodes: 0 }, /has 1 simulated nodes already/],
    ['another store', { store: { type: 'memory' } }, /keeps its data in the embedded store/],
    ['another runtime', { runtime: 'containerd' }, /was made with runtime simulated/],
    ['more nodes than pods have addresses for', { simulatedNodes: 1000 }, /for fewer nodes/],
  ]
  for (const [what, wish, message] of refusals) {
    it(`refuses ${what} for a cluster that is there`, async () => {
      const before = await settle(aRequest({ nodes: 2, simulatedNodes: 1 }), undefined)
      await assert.rejects(settle(aRequest(wish), before), (error) => {
        assert.ok(error instanceof CliError)
        assert.match(error.message, message)
        return true
      })
    })
  }
})
