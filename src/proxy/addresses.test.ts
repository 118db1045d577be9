import assert from 'node:assert/strict'
import { test } from 'node:test'
import { addressesOf, canonicalAddress, networksOf } from './addresses.ts'

test('canonicalAddress gives two spellings of an address as one', () => {
  const rows = [
    ['10.0.0.1', '10.0.0.1', 'IPv4'],
    ['010.000.0.1', '10.0.0.1', 'IPv4'],
    ['::ffff:10.0.0.1', '10.0.0.1', 'IPv4'],
    ['FD00:0::1', 'fd00::1', 'IPv6'],
  ] as const
  for (const [text, address, family] of rows) assert.deepEqual(canonicalAddress(text), { address, family })
  assert.equal(canonicalAddress('web.example'), undefined)
})

test('addressesOf leaves out the other family and what comes twice', () => {
  assert.deepEqual(addressesOf('IPv6', ['FD00::1', undefined, '10.0.0.1', 'fd00::1']), ['fd00::1'])
})

test('networksOf gives networks that do not overlap', () => {
  const given = [' 10.1.0.0/16', '10.0.0.5/8', '192.168.1.7/32', '10.0.0.0/8', 'fd00::/8', 'nonsense']
  assert.deepEqual(networksOf('IPv4', given), ['10.0.0.0/8', '192.168.1.7/32'])
  assert.deepEqual(networksOf('IPv6', given), ['fd00::/8'])
  assert.deepEqual(networksOf('IPv4', ['10.0.0.0/8', '0.0.0.0/0']), ['0.0.0.0/0'])
})
