import assert from 'node:assert/strict'
import { test } from 'node:test'
import { testContext } from '../client/testing/test-context.ts'
import { createFlowKeeper } from './flow-keeper.ts'
import type { UdpPort } from './stale-flows.ts'

const port = (...answerers: readonly string[]): UdpPort => ({
  family: 'IPv4',
  addresses: ['10.96.0.10'],
  port: 53,
  answerers: new Set(answerers),
})
const flow =
  'udp 17 29 src=10.1.0.9 dst=10.96.0.10 sport=4000 dport=53 src=10.1.0.2 dst=10.1.0.9 sport=53 dport=4000'

function keeper(conntrack: (args: readonly string[]) => Promise<string>) {
  const { clock, log, complaints } = testContext()
  const counted: unknown[] = []
  const numbers = { flowsReconciled: (...numbers: unknown[]) => void counted.push(numbers) }
  return { flows: createFlowKeeper({ conntrack, clock, log, numbers }), complaints, counted }
}

test('createFlowKeeper looks at flows of a family when who answers in it changed', async () => {
  const runs: string[] = []
  const { flows, counted } = keeper(async (args) => {
    runs.push(args.join(' '))
    return args[0] === '-L' ? flow : ''
  })
  const look = async () => {
    await flows.reconcile(() => false)
    return runs.splice(0)
  }
  assert.deepEqual(await look(), [])
  flows.set('default/dns', [port('10.1.0.2')])
  assert.deepEqual(await look(), ['-L -f ipv4 -p udp'])
  flows.set('default/dns', [port('10.1.0.2')])
  assert.deepEqual(await look(), [])
  flows.set('default/dns', [port('10.1.0.3')])
  assert.deepEqual(await look(), [
    '-L -f ipv4 -p udp',
    '-D -f ipv4 -p udp --orig-dst 10.96.0.10 --orig-port-dst 53 --reply-src 10.1.0.2',
  ])
  assert.deepEqual(counted, [
    ['IPv4', 0, 0],
    ['IPv4', 0, 1],
  ])
})

test('createFlowKeeper says once that flows cannot be looked at', async () => {
  const { flows, complaints } = keeper(() => Promise.reject(new Error('spawn conntrack ENOENT')))
  for (const answerer of ['10.1.0.2', '10.1.0.3']) {
    flows.set('default/dns', [port(answerer)])
    await flows.reconcile(() => false)
  }
  assert.equal(complaints.length, 1)
})
