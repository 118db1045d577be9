import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { nodes } from '../../api/generated/resources.ts'
import { startCluster } from '../testing.ts'
import { renumberNodes } from './renumber-nodes.ts'

describe('renumberNodes', () => {
  it('registers nodes of another range anew, with what people have set on them', async () => {
    await using cluster = await startCluster()
    const { client } = cluster
    const taints = [{ key: 'mine', effect: 'NoSchedule' as const }]
    const old = await client.create(nodes, {
      metadata: { name: 'old', labels: { mine: 'yes' } },
      spec: { podCIDR: '10.1.0.0/24', podCIDRs: ['10.1.0.0/24'], taints, unschedulable: true },
    })
    const good = await client.create(nodes, {
      metadata: { name: 'good' },
      spec: { podCIDR: '10.244.7.0/24', podCIDRs: ['10.244.7.0/24'] },
    })
    await renumberNodes(client, '10.244.0.0/16')
    assert.equal((await client.get(nodes, { name: 'good' })).metadata?.uid, good.metadata?.uid)
    const renewed = await client.get(nodes, { name: 'old' })
    assert.notEqual(renewed.metadata?.uid, old.metadata?.uid)
    assert.equal(renewed.metadata?.labels?.['mine'], 'yes')
    assert.equal(renewed.spec?.unschedulable, true)
    assert.ok(renewed.spec?.taints?.some(({ key }) => key === 'mine'))
    assert.notEqual(renewed.spec?.podCIDR, '10.1.0.0/24')
  })
})
