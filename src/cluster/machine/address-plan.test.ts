import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import {
  addressPlan,
  apiServiceAddress,
  choosePlan,
  collidingRoute,
  dnsServiceAddress,
  hostAddress,
  nodeAddress,
  planCount,
} from './address-plan.ts'
import { overlaps, parseCidr } from './cidr.ts'

describe('addressPlan', () => {
  it('has the well-known addresses first', () => {
    const plan = addressPlan(0, 1)
    assert.equal(apiServiceAddress(plan), '10.96.0.1')
    assert.equal(dnsServiceAddress(plan), '10.96.0.10')
    assert.equal(hostAddress(plan), '10.64.0.1')
    assert.equal(nodeAddress(plan, 1), '10.64.0.10')
    assert.equal(plan.podCidr, '10.244.0.0/16')
  })

  it('gives disjoint ranges to every index', () => {
    const ranges = Array.from({ length: planCount }, (_, index) => addressPlan(index, 1)).flatMap((plan) =>
      [plan.nodeSubnet, plan.podCidr, plan.serviceCidr].map(parseCidr),
    )
    for (const [i, one] of ranges.entries()) {
      for (const other of ranges.slice(i + 1)) assert.ok(!overlaps(one, other))
    }
  })
})

describe('choosePlan', () => {
  const rows = [
    { routes: [], taken: [], index: 0 },
    { routes: ['0.0.0.0/0', '192.0.2.0/24'], taken: [], index: 0 },
    { routes: [], taken: [0, 1], index: 2 },
    { routes: ['10.96.12.0/24'], taken: [], index: 1 },
    { routes: ['10.64.0.1'], taken: [1], index: 2 },
    { routes: ['10.0.0.0/8'], taken: [0], index: 1 },
    { routes: ['10.0.0.0/8', '10.64.0.0/16'], taken: [], index: 1 },
    { routes: Array.from({ length: 32 }, (_, i) => `10.${96 + i}.0.0/16`), taken: [], index: undefined },
  ]
  for (const { routes, taken, index } of rows) {
    it(`chooses ${index} beside routes [${routes.slice(0, 3).join()}] and plans [${taken.join()}]`, () => {
      assert.equal(choosePlan(routes, new Set(taken), 1)?.index, index)
    })
  }
})

describe('collidingRoute', () => {
  it('names the route', () => {
    assert.equal(collidingRoute(addressPlan(0, 1), ['172.16.0.0/12', '10.244.3.0/24']), '10.244.3.0/24')
  })
})
