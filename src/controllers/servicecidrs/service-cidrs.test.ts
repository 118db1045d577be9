import assert from 'node:assert/strict'
import { afterEach, describe, it } from 'node:test'
import type { IPAddress, ServiceCIDR } from '../../api/generated/networking.v1.ts'
import { ipAddresses, serviceCIDRs } from '../../api/generated/resources.ts'
import { keys, runReconcilers, type ReconcilerHarness } from '../testing/run-reconciler.ts'
import { mayGo, serviceCidrProtection, serviceCidrsReconciler } from './service-cidrs.ts'

function aRange(name: string, ...cidrs: readonly string[]): ServiceCIDR {
  return { metadata: { name }, spec: { cidrs } }
}

function anAddress(name: string): IPAddress {
  const labels = { 'ipaddress.kubernetes.io/managed-by': 'ipallocator.k8s.io' }
  const parentRef = { resource: 'services', namespace: 'default', name: 's' }
  return { metadata: { name, labels }, spec: { parentRef } }
}

void describe('mayGo', () => {
  const own = aRange('own', '10.0.0.0/24')
  const rows: readonly (readonly [string, readonly ServiceCIDR[], readonly IPAddress[], boolean])[] = [
    ['a range without addresses', [], [], true],
    ['a range with an address', [], [anAddress('10.0.0.7')], false],
    ['a range inside another', [aRange('b', '10.0.0.0/16')], [anAddress('10.0.0.7')], true],
    ['an address that another range has', [aRange('b', '10.0.0.0/28')], [anAddress('10.0.0.7')], true],
    ['an address that only it has', [aRange('b', '10.0.0.0/30')], [anAddress('10.0.0.7')], false],
    ['an address of another range', [], [anAddress('10.1.0.7')], true],
    [
      'an address that somebody else reserved',
      [],
      [{ ...anAddress('x'), metadata: { name: '10.0.0.7' } }],
      true,
    ],
  ]
  for (const [name, others, addresses, expected] of rows) {
    void it(`${expected ? 'lets go' : 'keeps'} ${name}`, () =>
      assert.equal(mayGo(own, [own, ...others], addresses), expected))
  }
})

void describe('serviceCidrsReconciler', () => {
  let harness: ReconcilerHarness
  afterEach(() => harness.stop())

  void it('keeps a range until its addresses have gone, and says so', async () => {
    harness = await runReconcilers([serviceCidrsReconciler], ({ client }) => {
      client.seed(serviceCIDRs, aRange('a', '10.0.0.0/24'))
      client.seed(ipAddresses, anAddress('10.0.0.7'))
    })
    await harness.settle()
    const range = await harness.one(serviceCIDRs, 'a')
    assert.deepEqual(range.metadata?.finalizers, [serviceCidrProtection])
    assert.equal(range.status?.conditions?.[0]?.status, 'True')
    await harness.client.delete(serviceCIDRs, { name: 'a' })
    await harness.settle()
    const [condition] = (await harness.one(serviceCIDRs, 'a')).status?.conditions ?? []
    assert.deepEqual([condition?.status, condition?.reason], ['False', 'Terminating'])
    await harness.client.delete(ipAddresses, { name: '10.0.0.7' })
    await harness.settle()
    await harness.clock.advance(10_000)
    await harness.settle()
    assert.deepEqual(keys(await harness.all(serviceCIDRs)), [])
  })
})
