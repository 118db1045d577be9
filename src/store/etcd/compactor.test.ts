import assert from 'node:assert/strict'
import { test } from 'node:test'
import { systemClock } from '../../machinery/clock.ts'
import { silentLogger } from '../../machinery/log.ts'
import { bytes } from '../testing/store-fixture.ts'
import { noTurn, takeTurn } from './compactor.ts'
import { Connection } from './connection.ts'
import { EtcdStore } from './etcd-store.ts'
import { skipWithoutEtcd, startEtcd } from './testing/etcd-server.ts'

test(
  'those who share an etcd take turns, and leave history for one interval',
  { skip: skipWithoutEtcd },
  async () => {
    await using server = await startEtcd()
    const endpoints = [server.endpoint]
    const store = new EtcdStore({ endpoints, clock: systemClock, log: silentLogger })
    const connection = new Connection({ endpoints, clock: systemClock })
    const compacted: bigint[] = []
    const context = {
      connection,
      async compact(revision: bigint) {
        compacted.push(revision)
        await store.compact(revision)
      },
    }
    try {
      const first = (await store.create('/a', bytes('1'))).revision
      // Nobody gives up what was there before it came.
      let one = await takeTurn(context, noTurn)
      let other = await takeTurn(context, noTurn)
      assert.deepEqual([one.count, other.count, compacted], [1n, 1n, []])

      const second = (await store.update('/a', bytes('2'), first)).revision
      const before = other.revision
      other = await takeTurn(context, other)
      assert.deepEqual(compacted, [before])
      await assert.rejects(store.list('/', { revision: first }), { reason: 'compacted' })
      assert.equal((await store.list('/', { revision: second })).entries.length, 1)

      // The other has had its turn, so this one only looks, and has the next.
      one = await takeTurn(context, one)
      assert.deepEqual([compacted.length, one.count], [1, other.count])
      await store.update('/a', bytes('3'), second)
      await takeTurn(context, one)
      assert.deepEqual(compacted, [before, one.revision])
      assert.equal((await store.list('/', { revision: one.revision })).entries.length, 1)
      assert.equal((await takeTurn(context, other)).count, one.count + 1n)
    } finally {
      connection.close()
      await store.close()
    }
  },
)
