import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Endpoint as SliceEndpoint, EndpointSlice } from '../api/generated/discovery.v1.ts'
import { endpointsOfPort, pickCluster, pickLocal } from './endpoints.ts'

const node = { name: 'here', zone: 'a' }

function slice(endpoints: readonly SliceEndpoint[], overrides: Partial<EndpointSlice> = {}): EndpointSlice {
  return {
    metadata: {},
    addressType: 'IPv4',
    ports: [{ name: 'http', port: 8080, protocol: 'TCP' }],
    endpoints,
    ...overrides,
  }
}

const found = (...slices: EndpointSlice[]) =>
  endpointsOfPort(slices, { name: 'http', protocol: 'TCP' }, 'IPv4', node)
const addresses = (list: readonly { address: string }[]) => list.map(({ address }) => address)

test('endpointsOfPort takes ports of the same name and protocol that are one', () => {
  const endpoints = [{ addresses: ['10.1.0.1'] }]
  assert.deepEqual(addresses(found(slice(endpoints))), ['10.1.0.1'])
  assert.deepEqual(found(slice(endpoints, { ports: [{ name: 'http', port: 8080, protocol: 'UDP' }] })), [])
  assert.deepEqual(found(slice(endpoints, { ports: [{ name: 'http', port: 0, protocol: 'TCP' }] })), [])
  assert.deepEqual(found(slice(endpoints, { ports: [{ name: 'http', protocol: 'TCP' }] })), [])
})

test('endpointsOfPort believes the slice that says an address is here, whatever their order', () => {
  const here = slice([{ addresses: ['10.1.0.1'], nodeName: 'here' }])
  const there = slice([{ addresses: ['10.1.0.1'], nodeName: 'there' }])
  for (const slices of [
    [here, there],
    [there, here],
  ]) {
    assert.deepEqual(
      found(...slices).map(({ isLocal }) => isLocal),
      [true],
    )
  }
})

test('endpointsOfPort takes an endpoint without conditions for one that is ready and serves', () => {
  const [unsaid] = found(slice([{ addresses: ['10.1.0.1'], conditions: {} }]))
  assert.deepEqual([unsaid?.isReady, unsaid?.isServing, unsaid?.isTerminating], [true, true, false])
  const [terminating] = found(
    slice([{ addresses: ['10.1.0.1'], conditions: { ready: false, terminating: true } }]),
  )
  assert.equal(terminating?.isServing, true)
})

const hinted = (address: string, zones: readonly string[], nodes: readonly string[] = []): SliceEndpoint => ({
  addresses: [address],
  hints: { forZones: zones.map((name) => ({ name })), forNodes: nodes.map((name) => ({ name })) },
})

test('pickCluster heeds hints when every ready endpoint has one and one is for this place', () => {
  const notReady = { addresses: ['10.1.0.9'], conditions: { ready: false } }
  const rows: readonly (readonly [
    what: string,
    endpoints: readonly SliceEndpoint[],
    picked: readonly string[],
  ])[] = [
    ['zones', [hinted('10.1.0.1', ['a']), hinted('10.1.0.2', ['b'])], ['10.1.0.1']],
    ['one unready without', [hinted('10.1.0.1', ['a']), hinted('10.1.0.2', ['b']), notReady], ['10.1.0.1']],
    ['one without', [hinted('10.1.0.1', ['a']), { addresses: ['10.1.0.2'] }], ['10.1.0.1', '10.1.0.2']],
    ['none for here', [hinted('10.1.0.1', ['b']), hinted('10.1.0.2', ['c'])], ['10.1.0.1', '10.1.0.2']],
    [
      'nodes first',
      [hinted('10.1.0.1', ['a'], ['there']), hinted('10.1.0.2', ['b'], ['here'])],
      ['10.1.0.2'],
    ],
    [
      'nodes elsewhere, zones here',
      [hinted('10.1.0.1', ['a'], ['there']), hinted('10.1.0.2', ['b'], ['there'])],
      ['10.1.0.1'],
    ],
  ]
  for (const [what, endpoints, picked] of rows) {
    assert.deepEqual(addresses(pickCluster(found(slice(endpoints)), node)), picked, what)
  }
})

test('pickCluster gives all that serve to their end while none is ready, whatever their hints', () => {
  const leaving = (address: string, zone: string, serving = true): SliceEndpoint => ({
    ...hinted(address, [zone]),
    conditions: { ready: false, serving, terminating: true },
  })
  const endpoints = found(
    slice([leaving('10.1.0.1', 'a'), leaving('10.1.0.2', 'b'), leaving('10.1.0.3', 'a', false)]),
  )
  assert.deepEqual(addresses(pickCluster(endpoints, node)), ['10.1.0.1', '10.1.0.2'])
})

test('pickLocal gives those of this node that serve to their end while none of it is ready', () => {
  const leaving = { ready: false, serving: true, terminating: true }
  const here = { addresses: ['10.1.0.1'], nodeName: 'here', conditions: leaving }
  const there = { addresses: ['10.1.0.2'], nodeName: 'there' }
  assert.deepEqual(addresses(pickLocal(found(slice([here, there])))), ['10.1.0.1'])
})
