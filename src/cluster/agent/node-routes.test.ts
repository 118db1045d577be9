import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { Node } from '../../api/generated/core.v1.ts'
import { ownRoutes, routeChanges, wantedRoutes } from './node-routes.ts'

function aNode(name: string, address: string, podCIDR?: string): Node {
  return {
    metadata: { name },
    spec: podCIDR === undefined ? {} : { podCIDR },
    status: { addresses: [{ type: 'InternalIP', address }] },
  }
}

describe('wantedRoutes', () => {
  const nodes = [
    aNode('node1', '10.64.0.10', '10.244.0.0/24'),
    aNode('node2', '10.64.0.11', '10.244.1.0/24'),
    aNode('node3', '10.64.0.12'),
    aNode('simulated1', '10.1.1.1', '10.244.2.0/24'),
  ]
  const reachable = (address: string) => address.startsWith('10.64.')

  it('leads to the pods of every other reachable node that has some', () => {
    assert.deepEqual(
      wantedRoutes(nodes, { nodeName: 'node1', reachable }),
      new Map([['10.244.1.0/24', '10.64.0.11']]),
    )
  })

  it('leads to all of them from the host, and where else is asked', () => {
    const also = () => new Map([['10.96.0.0/16', '10.64.0.10']])
    assert.deepEqual([...wantedRoutes(nodes, { reachable, also }).keys()].sort(), [
      '10.244.0.0/24',
      '10.244.1.0/24',
      '10.96.0.0/16',
    ])
  })
})

describe('ownRoutes', () => {
  it('leaves those of another cluster on the same machine alone', () => {
    const listed = [
      { dst: '10.244.0.0/24', gateway: '10.64.0.10' },
      { dst: '10.243.0.0/24', gateway: '10.65.0.10' },
      { dst: '10.1.0.0/24' },
    ]
    assert.deepEqual(
      ownRoutes(listed, (address) => address.startsWith('10.64.')),
      new Map([['10.244.0.0/24', '10.64.0.10']]),
    )
  })
})

describe('routeChanges', () => {
  it('deletes what is gone, replaces what changed, and leaves the rest', () => {
    const present = new Map([
      ['10.0.1.0/24', '10.64.0.1'],
      ['10.0.2.0/24', '10.64.0.2'],
      ['10.0.3.0/24', '10.64.0.3'],
    ])
    const wanted = new Map([
      ['10.0.2.0/24', '10.64.0.2'],
      ['10.0.3.0/24', '10.64.0.4'],
    ])
    assert.deepEqual(routeChanges(present, wanted), [
      'route delete 10.0.1.0/24 proto 138',
      'route replace 10.0.3.0/24 via 10.64.0.4 proto 138',
    ])
  })
})
