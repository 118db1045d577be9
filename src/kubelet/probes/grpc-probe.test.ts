import { Server, ServerCredentials, status, type sendUnaryData } from '@grpc/grpc-js'
import { build } from 'esbuild'
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { probeGrpc } from './grpc-probe.ts'

/** Answers the health of the service named in the request by that service's name. */
function startHealthServer(
  answers: Readonly<Record<string, number>>,
): Promise<{ port: number; stop(): void }> {
  const server = new Server()
  const asIs = (bytes: Buffer) => bytes
  const check = {
    path: '/grpc.health.v1.Health/Check',
    requestStream: false,
    responseStream: false,
    requestSerialize: asIs,
    requestDeserialize: asIs,
    responseSerialize: asIs,
    responseDeserialize: asIs,
  }
  server.addService(
    { check },
    {
      check({ request }: { request: Buffer }, answer: sendUnaryData<Buffer>) {
        const serving = answers[request.subarray(2).toString()]
        if (serving === undefined) answer({ code: status.NOT_FOUND, details: 'unknown service' })
        else answer(null, Buffer.from([0x08, serving]))
      },
    },
  )
  return new Promise((resolve, reject) => {
    server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, port) => {
      if (error) reject(error)
      else resolve({ port, stop: () => server.forceShutdown() })
    })
  })
}

describe('probeGrpc', () => {
  let server: Awaited<ReturnType<typeof startHealthServer>>
  before(async () => (server = await startHealthServer({ '': 1, sick: 2 })))
  after(() => server.stop())

  const rows = [
    { service: '', result: 'success', output: 'service healthy' },
    { service: 'sick', result: 'failure', output: 'service unhealthy (responded with "NOT_SERVING")' },
    { service: 'other', result: 'failure', output: 'error: health rpc probe failed: unknown service' },
  ]
  for (const { service, result, output } of rows) {
    it(`gives ${result} for ${JSON.stringify(service)}`, async () => {
      assert.deepEqual(await probeGrpc({ port: server.port, service }, '127.0.0.1', 5000), { result, output })
    })
  }

  it('works from a bundle too', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'k8ts-grpc-probe-'))
    try {
      await build({
        entryPoints: [join(import.meta.dirname, 'grpc-probe.ts')],
        outdir: folder,
        bundle: true,
        splitting: true,
        format: 'esm',
        platform: 'node',
        outExtension: { '.js': '.mjs' },
        logLevel: 'error',
        banner: {
          js: "import{createRequire}from'node:module';const require=createRequire(import.meta.url);",
        },
      })
      const bundled = (await import(join(folder, 'grpc-probe.mjs'))) as { probeGrpc: typeof probeGrpc }
      const { result } = await bundled.probeGrpc({ port: server.port }, '127.0.0.1', 5000)
      assert.equal(result, 'success')
    } finally {
      rmSync(folder, { recursive: true })
    }
  })
})
