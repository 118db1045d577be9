import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer } from 'node:http2'
import { connect, type AddressInfo } from 'node:net'
import { describe, it } from 'node:test'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { systemClock } from '../../machinery/clock.ts'
import { createSessionPool } from './session-pool.ts'

describe('createSessionPool', () => {
  it('gives a session up at the moment it connects, without an uncaught error', async (t) => {
    const server = createServer().listen(0, '127.0.0.1')
    await once(server, 'listening')
    const { port } = server.address() as AddressInfo
    const uncaught: unknown[] = []
    const note = (error: Error) => void uncaught.push(error)
    process.on('uncaughtException', note)
    t.after(() => process.off('uncaughtException', note))
    const pool = createSessionPool({
      servers: [`http://127.0.0.1:${port}`],
      tls: async () => ({
        createConnection: () => {
          const socket = connect(port, '127.0.0.1')
          // After the session has heard that it is connected, and before it tells so.
          queueMicrotask(() => socket.once('connect', () => pool.close()))
          return socket
        },
      }),
      clock: systemClock,
      maxSessions: 1,
      pingIntervalMs: 10_000,
      pingTimeoutMs: 1_000,
      connectTimeoutMs: 10_000,
    })
    await assert.rejects(pool.acquire(), /closed/)
    await nextTurn()
    server.close()
    assert.deepEqual(uncaught, [])
  })

  const poolOf = (servers: readonly string[]) =>
    createSessionPool({
      servers,
      tls: async () => ({}),
      clock: systemClock,
      maxSessions: 1,
      pingIntervalMs: 10_000,
      pingTimeoutMs: 1_000,
      connectTimeoutMs: 10_000,
    })

  it('goes on with the next server where one is gone, and stays there', async () => {
    const [one, two] = [createServer(), createServer()]
    const urls: string[] = []
    for (const server of [one, two]) {
      server.listen(0, '127.0.0.1')
      await once(server, 'listening')
      urls.push(`http://127.0.0.1:${(server.address() as AddressInfo).port}`)
    }
    const counts = [0, 0]
    for (const [index, server] of [one, two].entries()) server.on('session', () => (counts[index]! += 1))
    const pool = poolOf(urls)
    const first = await pool.acquire()
    first.release()
    const gone = once(first.session, 'close')
    one.close()
    first.session.close()
    await gone
    ;(await pool.acquire()).release()
    pool.reconnect()
    ;(await pool.acquire()).release()
    assert.deepEqual(counts, [1, 2])
    pool.close()
    two.close()
  })

  it('fails once none of the servers answers', async () => {
    const server = createServer().listen(0, '127.0.0.1')
    await once(server, 'listening')
    const { port } = server.address() as AddressInfo
    await new Promise((resolve) => server.close(resolve))
    const pool = poolOf([`http://127.0.0.1:${port}`, `http://localhost:${port}`])
    await assert.rejects(pool.acquire(), /ECONNREFUSED/)
    pool.close()
  })
})
