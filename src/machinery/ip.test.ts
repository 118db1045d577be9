import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import {
  addressAt,
  cidrContains,
  cidrSize,
  formatCidr,
  formatIp,
  lastAddress,
  networkAddress,
  parseCidr,
  parseIp,
  unmapIp,
} from './ip.ts'

test('parseIp and formatIp give the canonical text', () => {
  const rows: readonly (readonly [string, string | undefined])[] = [
    ['1.2.3.4', '1.2.3.4'],
    ['255.255.255.255', '255.255.255.255'],
    ['256.1.1.1', undefined],
    ['1.2.3', undefined],
    ['1.2.3.4.5', undefined],
    ['01.2.3.4', undefined],
    ['', undefined],
    ['::', '::'],
    ['::1', '::1'],
    ['1::', '1::'],
    ['FE80:0:0:0:0:0:0:0abc', 'fe80::abc'],
    ['2001:db8:0:0:1:0:0:1', '2001:db8::1:0:0:1'],
    ['2001:db8:0:1:1:1:1:1', '2001:db8:0:1:1:1:1:1'],
    ['1:2:3:4:5:6:7::', '1:2:3:4:5:6:7:0'],
    ['::ffff:1.2.3.4', '::ffff:1.2.3.4'],
    ['64:ff9b::1.2.3.4', '64:ff9b::102:304'],
    ['1:2:3:4:5:6:7:8:9', undefined],
    ['1:2:3:4:5:6:7', undefined],
    ['1:2:3:4:5:6:7:8::', undefined],
    ['1::2::3', undefined],
    [':1::2', undefined],
    ['1:', undefined],
    [':::', undefined],
    ['00001::', undefined],
    ['fe80::1%eth0', undefined],
    ['1.2.3.4::', undefined],
  ]
  for (const [text, canonical] of rows) {
    const address = parseIp(text)
    assert.equal(address && formatIp(address), canonical, text)
  }
})

test('parseIp allows leading zeros when told to', () => {
  assert.deepEqual(parseIp('010.002.003.004', { allowLeadingZeros: true }), parseIp('10.2.3.4'))
})

test('formatIp and parseIp are inverse', () => {
  fc.assert(
    fc.property(fc.ipV6(), (text) => {
      const address = parseIp(text)!
      assert.deepEqual(parseIp(formatIp(address)), address)
    }),
  )
})

test('networks know their addresses', () => {
  const cidr = parseCidr('10.0.1.7/23')!
  assert.equal(formatIp(networkAddress(cidr)), '10.0.0.0')
  assert.equal(formatIp(lastAddress(cidr)), '10.0.1.255')
  assert.equal(cidrSize(cidr), 512n)
  assert.equal(formatIp(addressAt(cidr, 10)), '10.0.0.10')
  assert.equal(formatCidr(cidr), '10.0.1.7/23')
  assert.ok(cidrContains(cidr, parseIp('10.0.1.1')!))
  assert.ok(!cidrContains(cidr, parseIp('10.0.2.1')!))
  assert.ok(!cidrContains(cidr, parseIp('::ffff:10.0.1.1')!))
  assert.ok(cidrContains(cidr, unmapIp(parseIp('::ffff:10.0.1.1')!)))
})

test('parseCidr refuses what is no network', () => {
  for (const text of ['10.0.0.0', '10.0.0.0/33', '10.0.0.0/', '10.0.0.0/08', '/8', '::/129', '1.2.3.4/8/8']) {
    assert.equal(parseCidr(text), undefined, text)
  }
})
