import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { systemClock } from '../../src/machinery/clock.ts'
import { silentLogger } from '../../src/machinery/log.ts'
import { openStore } from '../../src/store/open.ts'
import { skipWithoutEtcd, startEtcd } from '../../src/store/etcd/testing/etcd-server.ts'
import { aCluster } from './harness/test-cluster.ts'

describe('clusters that share an etcd', { skip: skipWithoutEtcd ?? false }, () => {
  it('keep their objects apart, and take only their own away', async () => {
    await using server = await startEtcd()
    const keys = async () => {
      const store = await openStore(
        { type: 'etcd', endpoints: [server.endpoint] },
        { clock: systemClock, log: silentLogger },
      )
      try {
        return (await store.list('/')).entries.map(({ key }) => key)
      } finally {
        await store.close()
      }
    }
    const [one, other] = [aCluster('etcd-one'), aCluster('etcd-other')]
    try {
      for (const cluster of [one, other]) {
        await cluster.up('--runtime', 'simulated', '--store', 'etcd', '--etcd-endpoints', server.endpoint)
      }
      await one.kubectl(['create', 'configmap', 'mine'])
      assert.doesNotMatch(await other.kubectl(['get', 'configmaps', '-o', 'name']), /mine/)
      const prefixes = new Set((await keys()).map((key) => key.split('/').slice(0, 3).join('/')))
      assert.deepEqual(prefixes, new Set([`/k8ts/${one.name}`, `/k8ts/${other.name}`]))

      await one.down()
      await one.up()
      assert.match(await one.kubectl(['get', 'configmaps', '-o', 'name']), /mine/)

      await one.delete()
      assert.ok((await keys()).every((key) => key.startsWith(`/k8ts/${other.name}/`)))
      await other.kubectl(['get', 'nodes'])
      await other.delete()
      assert.deepEqual(await keys(), [])
    } finally {
      await one.delete()
      await other.delete()
    }
  })
})
