import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { CliError } from '../cli/cli-error.ts'
import { exitCodes } from '../cli/exit-codes.ts'
import { addressPlan } from '../machine/address-plan.ts'
import { withNodes, type ClusterState } from '../state/cluster-state.ts'
import type { ClusterNode } from './cluster-node.ts'
import { createNodeSet } from './node-set.ts'

const initial: ClusterState = {
  version: 1,
  name: 'test',
  addresses: addressPlan(0, 2),
  port: 6443,
  runtime: 'containerd',
  store: { type: 'embedded' },
  nodes: withNodes([], 'nodes', 2),
}

/** A set of nodes that only remember what was done to them. */
function aNodeSet() {
  const deeds: string[] = []
  const states: ClusterState[] = []
  const create = ({ name, number }: { readonly name: string; readonly number: number }): ClusterNode => {
    let running = false
    const deed = (verb: string, after: boolean) => () => {
      deeds.push(`${verb} ${name}`)
      running = after
      return Promise.resolve()
    }
    return {
      name,
      prepare: deed('prepare', false),
      start: deed('start', true),
      stop: deed('stop', false),
      delete: deed('delete', false),
      release: deed('release', false),
      renewCertificates: () => Promise.resolve(),
      status: () =>
        Promise.resolve({
          name,
          kind: 'containerd',
          state: running ? 'running' : 'stopped',
          ready: running,
          address: `10.64.0.${9 + number}`,
          components: [],
        }),
    }
  }
  const nodes = createNodeSet({
    initial,
    create,
    onChange: (state) => void states.push(state),
    unregister: (name) => {
      deeds.push(`unregister ${name}`)
      return Promise.resolve(name !== 'nobody')
    },
  })
  return { nodes, deeds, states }
}

describe('createNodeSet', () => {
  it('remembers a node before it makes it', async () => {
    const { nodes, deeds, states } = aNodeSet()
    const status = await nodes.add('extra')
    assert.deepEqual(states.at(-1)?.nodes.at(-1), {
      name: 'extra',
      group: 'nodes',
      number: 3,
      stopped: false,
    })
    assert.deepEqual(deeds, ['prepare extra', 'start extra'])
    assert.equal(status.address, '10.64.0.12')
  })

  it('knows which nodes are to run', async () => {
    const { nodes, states } = aNodeSet()
    await nodes.stop('node1')
    assert.deepEqual(
      nodes.wanted.map(({ name }) => name),
      ['node2'],
    )
    assert.equal(states.at(-1)?.nodes[0]?.stopped, true)
    await nodes.start('node1')
    assert.equal(nodes.wanted.length, 2)
  })

  it('does not start a node twice', async () => {
    const { nodes, deeds } = aNodeSet()
    await nodes.start('node1')
    await nodes.start('node1')
    assert.deepEqual(deeds, ['prepare node1', 'start node1'])
  })

  it('forgets a node for good', async () => {
    const { nodes, deeds } = aNodeSet()
    await nodes.delete('node2')
    assert.deepEqual(deeds, ['delete node2', 'unregister node2'])
    await assert.rejects(
      nodes.start('node2'),
      (error) => error instanceof CliError && error.exitCode === exitCodes.notFound,
    )
  })

  it('takes a machine that joined out of the cluster, and leaves what it made itself', async () => {
    const { nodes, deeds, states } = aNodeSet()
    await nodes.delete('joined')
    assert.deepEqual([deeds, states], [['unregister joined'], []])
    await assert.rejects(
      nodes.delete('nobody'),
      (error) => error instanceof CliError && error.exitCode === exitCodes.notFound,
    )
  })

  it('refuses a name twice', () => {
    assert.throws(() => aNodeSet().nodes.add('node1'), /has a node node1 already/)
  })
})
