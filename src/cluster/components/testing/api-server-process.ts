import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createHttpClient, type HttpClient } from '../../../client/http/http-client.ts'
import { parseKubeconfig } from '../../../client/kubeconfig.ts'
import { systemClock } from '../../../machinery/clock.ts'
import { entryPoint } from '../../entry-point.ts'

export interface ApiServerProcess extends AsyncDisposable {
  /** The administrator's client, over HTTPS. */
  readonly client: HttpClient
  readonly server: string
  readonly certificateAuthority: string
  /** What the process has said. */
  log(): string
  /** Asks it to end; resolves with its exit code. */
  stop(): Promise<number>
}

/** A folder for the files of one test. */
export class TestFolder implements Disposable {
  readonly path = mkdtempSync(join(tmpdir(), 'k8ts-apiserver-'))

  /** Writes a file, objects as JSON; its path. */
  file(name: string, content: unknown): string {
    const path = join(this.path, name)
    writeFileSync(path, typeof content === 'string' ? content : JSON.stringify(content))
    return path
  }

  /** A kubeconfig for a webhook. */
  kubeconfig(name: string, target: { readonly url?: string; readonly caBundle?: string }): string {
    return this.file(name, {
      apiVersion: 'v1',
      kind: 'Config',
      'current-context': 'x',
      clusters: [
        { name: 'x', cluster: { server: target.url, 'certificate-authority-data': target.caBundle } },
      ],
      users: [{ name: 'x', user: {} }],
      contexts: [{ name: 'x', context: { cluster: 'x', user: 'x' } }],
    })
  }

  [Symbol.dispose](): void {
    rmSync(this.path, { recursive: true, force: true })
  }
}

/** Runs `component apiserver` in a process of its own; resolves when it is ready, or throws what it says as it ends. */
export async function startApiServerProcess(
  folder: TestFolder,
  args: readonly string[],
): Promise<ApiServerProcess> {
  const data = join(folder.path, 'data')
  const port = await freePort()
  const address = '127.0.0.1'
  const child = spawn(
    process.execPath,
    [
      entryPoint('k8ts'),
      'component',
      'apiserver',
      `--data-dir=${data}`,
      '--store=memory',
      `--port=${port}`,
      `--bind-address=${address}`,
      `--advertise-address=${address}`,
      ...args,
    ],
    { stdio: ['ignore', 'pipe', 'pipe'] },
  )
  let log = ''
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => (log += text))
  }
  const ended = once(child, 'close') as Promise<[number | null]>
  const ready = Promise.withResolvers<void>()
  child.stderr.on('data', () => {
    if (log.includes('API server ready')) ready.resolve()
  })
  const failed = ended.then(() => {
    throw new Error(log)
  })
  await Promise.race([ready.promise, failed])
  failed.catch(() => {})
  const { connection } = parseKubeconfig(readFileSync(join(data, 'admin.kubeconfig'), 'utf8'), {
    directory: data,
    clock: systemClock,
  })
  const client = createHttpClient(connection)
  const stop = async () => {
    client.close()
    child.kill('SIGTERM')
    const [code] = await ended
    return code ?? -1
  }
  return {
    client,
    server: connection.server,
    certificateAuthority: connection.caData ?? '',
    log: () => log,
    stop,
    async [Symbol.asyncDispose]() {
      await stop()
    },
  }
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  server.close()
  await once(server, 'close')
  return port
}
