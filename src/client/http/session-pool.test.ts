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
      server: `http://127.0.0.1:${port}`,
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
})
