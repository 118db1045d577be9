import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isEverywhere, nodePortAddresses, primaryAddresses } from './node-port-addresses.ts'

const local = ['127.0.0.1', '192.0.2.1', '10.0.0.7', '10.244.0.1', '::1', 'fd00::7']

test('nodePortAddresses gives the addresses of this machine that are in a network', () => {
  const rows: readonly (readonly [networks: readonly string[], expected: readonly string[]])[] = [
    [['primary'], ['192.0.2.1']],
    [['10.0.0.0/24'], ['10.0.0.7']],
    [
      ['primary', '10.0.0.0/8'],
      ['10.0.0.7', '10.244.0.1', '192.0.2.1'],
    ],
    [['127.0.0.0/8'], []],
    [['localhost'], []],
    [['198.51.100.0/24'], []],
  ]
  for (const [networks, expected] of rows) {
    assert.deepEqual(nodePortAddresses(networks, 'IPv4', ['192.0.2.1'], local), expected, networks.join())
  }
  assert.deepEqual(nodePortAddresses(['fd00::/8', '10.0.0.0/8'], 'IPv6', [], local), ['fd00::7'])
})

test('isEverywhere knows the word and the network for all', () => {
  assert.equal(isEverywhere(['all'], 'IPv6'), true)
  assert.equal(isEverywhere(['0.0.0.0/0'], 'IPv4'), true)
  assert.equal(isEverywhere(['0.0.0.0/0'], 'IPv6'), false)
  assert.equal(isEverywhere(['primary'], 'IPv4'), false)
})

test('primaryAddresses prefers internal addresses, one of each family', () => {
  const addresses = [
    { type: 'Hostname', address: 'here' },
    { type: 'ExternalIP', address: '203.0.113.1' },
    { type: 'InternalIP', address: '192.0.2.1' },
    { type: 'InternalIP', address: '192.0.2.2' },
    { type: 'ExternalIP', address: 'FD00::1' },
  ]
  assert.deepEqual(primaryAddresses({ status: { addresses } }), ['192.0.2.1', 'fd00::1'])
  assert.deepEqual(primaryAddresses(undefined), [])
})
