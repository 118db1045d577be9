import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { nodes } from '../../api/generated/resources.ts'
import { runReconcilers } from '../testing/run-reconciler.ts'
import { createCidrPool } from './cidr-pool.ts'
import { nodeIpamReconciler } from './node-ipam.ts'

void describe('createCidrPool', () => {
  void it('gives each network out once, and again only when it was released', () => {
    const pool = createCidrPool('10.244.0.0/22', 24)
    const all = Array.from({ length: 4 }, () => pool.allocate())
    assert.deepEqual(all, ['10.244.0.0/24', '10.244.1.0/24', '10.244.2.0/24', '10.244.3.0/24'])
    assert.equal(pool.allocate(), undefined)
    pool.release('10.244.2.0/24')
    assert.equal(pool.allocate(), '10.244.2.0/24')
  })

  void it('leaves out what overlaps with what is taken', () => {
    const pool = createCidrPool('10.0.0.0/22', 24)
    assert.equal(pool.occupy('10.0.0.0/23'), true)
    assert.equal(pool.occupy('10.0.2.128/25'), true)
    assert.equal(pool.occupy('10.1.0.0/24'), false)
    assert.equal(pool.allocate(), '10.0.3.0/24')
    assert.equal(pool.allocate(), undefined)
  })

  void it('divides IPv6, and refuses what does not divide', () => {
    const pool = createCidrPool('fd00:10::/56', 64)
    pool.allocate()
    assert.equal(pool.allocate(), 'fd00:10:0:1::/64')
    assert.throws(() => createCidrPool('10.0.0.0/24', 16), RangeError)
  })
})

void describe('nodeIpamReconciler', () => {
  void it('gives no node what Services have', async () => {
    const options = { clusterCidrs: ['10.0.0.0/22'], serviceCidrs: ['10.0.0.0/23', 'fd00::/108'] }
    const harness = await runReconcilers([nodeIpamReconciler(options)], ({ client }) =>
      client.seed(nodes, { metadata: { name: 'a' } }),
    )
    assert.deepEqual((await harness.one(nodes, 'a')).spec!.podCIDRs, ['10.0.2.0/24'])
    await harness.stop()
  })

  const reconciler = () => nodeIpamReconciler({ clusterCidrs: ['10.244.0.0/23', 'fd00::/56'] })

  void it('gives every node its networks, keeps those there are, and reuses those of nodes that are gone', async () => {
    const harness = await runReconcilers([reconciler()], ({ client }) => {
      client.seed(nodes, { metadata: { name: 'new' } })
      client.seed(nodes, {
        metadata: { name: 'old' },
        spec: { podCIDR: '10.244.0.0/24', podCIDRs: ['10.244.0.0/24', 'fd00::/64'] },
      })
    })
    const { podCIDR, podCIDRs } = (await harness.one(nodes, 'new')).spec!
    assert.deepEqual([podCIDR, podCIDRs], ['10.244.1.0/24', ['10.244.1.0/24', 'fd00:0:0:1::/64']])
    await harness.client.create(nodes, { metadata: { name: 'third' } })
    await harness.settle()
    assert.equal((await harness.one(nodes, 'third')).spec, undefined)
    assert.ok(
      (await harness.events()).includes('CIDRNotAvailable: Node third status is now: CIDRNotAvailable'),
    )
    await harness.client.delete(nodes, { name: 'old' })
    await harness.pass(10_000)
    assert.equal((await harness.one(nodes, 'third')).spec!.podCIDR, '10.244.0.0/24')
    const text = harness.metrics.text()
    for (const [name, value] of [
      ['cidrset_usage_cidrs', 1],
      ['cirdset_max_cidrs', 2],
      ['cidrset_allocation_tries_per_request_count', 2],
    ] as const)
      assert.ok(text.includes(`\nnode_ipam_controller_${name}{clusterCIDR="10.244.0.0/23"} ${value}\n`), name)
    const released = text.match(/cidrset_cidrs_releases_total\{clusterCIDR="10\.244\.0\.0\/23"\} (\d+)/)
    assert.ok(Number(released![1]) >= 1)
    await harness.stop()
  })

  void it('never gives the same network twice, however many nodes come at once', async () => {
    const harness = await runReconcilers([nodeIpamReconciler({ clusterCidrs: ['10.0.0.0/16'] })])
    await Promise.all(
      Array.from({ length: 50 }, (_, index) =>
        harness.client.create(nodes, { metadata: { name: `n${index}` } }),
      ),
    )
    await harness.settle()
    const cidrs = (await harness.all(nodes)).map(({ spec }) => spec!.podCIDR)
    assert.equal(new Set(cidrs).size, 50)
    await harness.stop()
  })
})
