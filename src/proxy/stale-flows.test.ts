import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Service } from '../api/generated/core.v1.ts'
import type { EndpointSlice } from '../api/generated/discovery.v1.ts'
import { staleFlows, udpDigest, udpPortsOf } from './stale-flows.ts'

const service: Service = {
  metadata: { namespace: 'default', name: 'dns' },
  spec: {
    type: 'NodePort',
    clusterIP: '10.96.0.10',
    clusterIPs: ['10.96.0.10'],
    externalIPs: ['203.0.113.9'],
    ports: [
      { name: 'dns', port: 53, protocol: 'UDP', nodePort: 30_053 },
      { name: 'dns-tcp', port: 53, protocol: 'TCP', nodePort: 30_053 },
    ],
  },
}
const slice: EndpointSlice = {
  metadata: {},
  addressType: 'IPv4',
  ports: [
    { name: 'dns', port: 5353, protocol: 'UDP' },
    { name: 'dns-tcp', port: 5353, protocol: 'TCP' },
  ],
  endpoints: [
    { addresses: ['10.244.0.2'], conditions: { ready: true } },
    { addresses: ['10.244.1.3'], conditions: { ready: false, serving: true, terminating: true } },
    { addresses: ['10.244.1.4'], conditions: { ready: false, serving: false } },
  ],
}
const node = { name: 'here' }
const flow = (to: string, port: number, answerer: string) =>
  `udp      17 29 src=10.244.0.9 dst=${to} sport=4000 dport=${port} src=${answerer} dst=10.244.0.9 sport=5353 dport=4000 mark=0 use=1`

test('udpPortsOf names everyone whose flows may go on, and no port of another protocol', () => {
  const [port, ...others] = udpPortsOf(service, [slice], node)
  assert.deepEqual([port?.addresses, port?.port, port?.nodePort], [['10.96.0.10', '203.0.113.9'], 53, 30_053])
  assert.deepEqual([...port!.answerers], ['10.244.0.2', '10.244.1.3'])
  assert.equal(others.length, 0)
  assert.deepEqual(udpPortsOf(service, [], node), [])
  assert.notEqual(udpDigest([port!]), udpDigest([{ ...port!, answerers: new Set(['10.244.0.2']) }]))
})

test('staleFlows forgets flows whose answerer is gone, and those that nobody answers', () => {
  const listing = [
    flow('10.96.0.10', 53, '10.244.0.2'),
    flow('10.96.0.10', 53, '10.244.1.3'),
    flow('10.96.0.10', 53, '10.244.1.4'),
    flow('10.96.0.10', 53, '10.244.1.4'),
    flow('203.0.113.9', 53, '203.0.113.9'),
    flow('10.96.0.10', 54, '10.244.1.4'),
    flow('192.0.2.1', 30_053, '10.244.1.4'),
    flow('198.51.100.1', 30_053, '198.51.100.1'),
    'conntrack v1.4.7 (conntrack-tools): 8 flow entries have been shown.',
  ].join('\n')
  const stale = staleFlows(
    listing,
    'IPv4',
    udpPortsOf(service, [slice], node),
    (address) => address === '192.0.2.1',
  )
  const forgotten = (to: string, port: number, answerer: string) =>
    `-D -f ipv4 -p udp --orig-dst ${to} --orig-port-dst ${port} --reply-src ${answerer}`
  assert.deepEqual(
    stale.map((args) => args.join(' ')),
    [
      forgotten('10.96.0.10', 53, '10.244.1.4'),
      forgotten('203.0.113.9', 53, '203.0.113.9'),
      forgotten('192.0.2.1', 30_053, '10.244.1.4'),
    ],
  )
})
