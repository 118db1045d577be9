import { connect, type ClientHttp2Session } from 'node:http2'
import type { Bench } from '../figure.ts'
import { startServer } from './api.ts'

/** Until V8 has compiled all that refuses: before, its compiler takes as much of the processor as the requests. */
const warmUpRequests = 12_000
const measuredRequests = 20_000
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
      await refusals(all, headers, status, warmUpRequests)
      const before = await server.cpuMicroseconds()
      const start = performance.now()
      await refusals(all, headers, status, measuredRequests)
      const seconds = (performance.now() - start) / 1000
      const cpu = ((await server.cpuMicroseconds()) - before) / measuredRequests
      bench.add({
        name,
        value: 1e6 / cpu,
        unit: '/s',
        bar: { least: 20_000 },
        also: [
          { name: 'CPU', value: cpu, unit: 'µs' },
          { name: 'beside the client', value: measuredRequests / seconds, unit: '/s' },
        ],
        note: 'per second of one core of the server, over TLS',
      })
    } finally {
      for (const session of all) session.close()
    }
  }
  await server.stop()
}

/** Makes so many requests. Throws when one is answered otherwise than by refusing it. */
async function refusals(
  all: readonly ClientHttp2Session[],
  headers: Readonly<Record<string, string>>,
  status: number,
  count: number,
): Promise<void> {
  let left = count
  const worker = async (session: ClientHttp2Session) => {
    while (left-- > 0) await refusal(session, headers, status)
  }
  await Promise.all(Array.from({ length: requestsAtOnce }, (_, index) => worker(all[index % all.length]!)))
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
