import assert from 'node:assert/strict'
import { test } from 'node:test'
import { fakeClock } from '../../machinery/testing/fake-clock.ts'
import type { Connection } from './connection.ts'
import { LeasePool } from './lease-pool.ts'

/** A connection that grants leases with the numbers 1, 2, 3 and notes how long they were to be. */
function granting(): { readonly connection: Pick<Connection, 'read'>; readonly granted: bigint[] } {
  const granted: bigint[] = []
  const read = async (_method: unknown, { TTL }: { TTL: bigint }) => ({ ID: BigInt(granted.push(TTL)) })
  return { connection: { read: read as unknown as Connection['read'] }, granted }
}

test('LeasePool.leaseFor shares a lease for a minute, which it is longer', async () => {
  const clock = fakeClock()
  const { connection, granted } = granting()
  const pool = new LeasePool(connection, clock)
  assert.deepEqual(await Promise.all([pool.leaseFor(3600), pool.leaseFor(3600)]), [1n, 1n])
  await clock.advance(60_000)
  assert.equal(await pool.leaseFor(3600), 1n)
  await clock.advance(1)
  assert.equal(await pool.leaseFor(3600), 2n)
  assert.deepEqual(granted, [3660n, 3660n])
})

test('LeasePool.leaseFor keeps times to live apart, and shares short ones for less', async () => {
  const clock = fakeClock()
  const { connection, granted } = granting()
  const pool = new LeasePool(connection, clock)
  assert.equal(await pool.leaseFor(100), 1n)
  assert.equal(await pool.leaseFor(200), 2n)
  await clock.advance(5000)
  assert.equal(await pool.leaseFor(100), 1n)
  await clock.advance(1)
  assert.equal(await pool.leaseFor(100), 3n)
  assert.deepEqual(granted, [105n, 210n, 105n])
})

test('LeasePool.leaseFor attaches a thousand entries at most to a lease', async () => {
  const { connection } = granting()
  const pool = new LeasePool(connection, fakeClock())
  const leases = await Promise.all(Array.from({ length: 1001 }, () => pool.leaseFor(3600)))
  assert.deepEqual([leases[999], leases[1000]], [1n, 2n])
})

test('LeasePool.leaseFor asks again after a failure and after forget', async () => {
  const { connection, granted } = granting()
  const failing = { read: () => Promise.reject(new Error('no leader')) } as Pick<Connection, 'read'>
  let current: Pick<Connection, 'read'> = failing
  const read: Connection['read'] = (...call) => current.read(...call)
  const pool = new LeasePool({ read }, fakeClock())
  await assert.rejects(pool.leaseFor(3600), /no leader/)
  current = connection
  assert.equal(await pool.leaseFor(3600), 1n)
  pool.forget(3600)
  assert.equal(await pool.leaseFor(3600), 2n)
  assert.equal(granted.length, 2)
})
