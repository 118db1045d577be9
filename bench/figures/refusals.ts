import { connect, type ClientHttp2Session } from 'node:http2'
import type { Bench } from '../figure.ts'
import { startServer } from './api.ts'

const durationMs = 1_500
const sessions = 4
const requestsAtOnce = 64
const path = '/api/v1/namespaces/default/secrets'

/** What who may not come in, or may do nothing, costs the API server: its processor's time, whoever asks. */
export async function measureRefusals(bench: Bench): Promise<void> {
  const server = await startServer(bench)
  const { connection } = server
  const rows = [
    ['refused: may not (403)', 403, {}],
    ['refused: unknown token (401)', 401, { authorization: 'Bearer unknown' }],
    [
      'refused: malformed ID token (401)',
      401,
      { authorization: `Bearer ${'a'.repeat(40)}.${'b'.repeat(400)}.c` },
    ],
  ] as const
  for (const [name, status, headers] of rows) {
    const all = Array.from({ length: sessions }, () => connect(connection.server, { ca: connection.caData }))
    try {
      await refusals(all, headers, status, durationMs / 3)
      const before = await server.cpuMicroseconds()
      const start = performance.now()
      const count = await refusals(all, headers, status, durationMs)
      const seconds = (performance.now() - start) / 1000
      const cpu = ((await server.cpuMicroseconds()) - before) / count
      bench.add({
        name,
        value: 1e6 / cpu,
        unit: '/s',
        bar: { least: 20_000 },
        also: [
          { name: 'CPU', value: cpu, unit: 'µs' },
          { name: 'beside the client', value: count / seconds, unit: '/s' },
        ],
        note: 'per second of one core of the server, over TLS',
      })
    } finally {
      for (const session of all) session.close()
    }
  }
  await server.stop()
}

/** How many requests were refused in that time. Throws when one is answered otherwise. */
async function refusals(
  all: readonly ClientHttp2Session[],
  headers: Readonly<Record<string, string>>,
  status: number,
  forMs: number,
): Promise<number> {
  const end = performance.now() + forMs
  let count = 0
  const worker = async (session: ClientHttp2Session) => {
    while (performance.now() < end) {
      await refusal(session, headers, status)
      count += 1
    }
  }
  await Promise.all(Array.from({ length: requestsAtOnce }, (_, index) => worker(all[index % all.length]!)))
  return count
}

function refusal(
  session: ClientHttp2Session,
  headers: Readonly<Record<string, string>>,
  status: number,
): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>()
  const request = session.request({ ':path': path, ...headers })
  request.on('response', ({ ':status': got }) => {
    if (got !== status) reject(new Error(`answered ${got} instead of ${status}`))
  })
  request.on('error', reject)
  request.on('end', resolve)
  request.resume()
  return promise
}
