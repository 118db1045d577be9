import { spawn, type ChildProcess } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { existsSync, mkdirSync, readFileSync, realpathSync, rmSync, writeFileSync } from 'node:fs'
import { get } from 'node:https'
import { createServer, type AddressInfo } from 'node:net'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { setTimeout as delay } from 'node:timers/promises'
import { createHttpClient, type HttpClient } from '../src/client/http/http-client.ts'
import { parseKubeconfig } from '../src/client/kubeconfig.ts'
import type { ClusterStatus } from '../src/cluster/control/control-protocol.ts'
import { busyboxImage, findStaticBusybox } from '../src/cluster/images/busybox-image.ts'
import { clusterFolder, type ClusterFolder } from '../src/cluster/state/cluster-folder.ts'
import type { Bench } from './figure.ts'
import { clusterPrefix } from './leftovers.ts'

const root = join(import.meta.dirname, '..')
const program = join(root, 'bin/k8ts')

/** The image that measured pods run: a shell. In every cluster before it starts. */
export const benchImage = 'k8ts.bench/busybox:1'

/** A cluster driven through the command. Deleted at the end of the group. */
export interface K8tsCluster {
  readonly name: string
  readonly folder: ClusterFolder
  readonly port: number
  /** Runs `k8ts up` in a process of its own. */
  up(environment?: Readonly<Record<string, string>>): Promise<UpProcess>
  status(): Promise<ClusterStatus>
  delete(): Promise<void>
}

/** A running `k8ts up`. Times are of `performance.now()`. */
export interface UpProcess {
  readonly startedAt: number
  readonly pid: number
  /** When `/readyz` answered 200. */
  readonly apiReady: Promise<number>
  /** When the command said that the cluster is ready. */
  readonly saidReady: Promise<number>
  /** Speaks as the administrator, as soon as there is a kubeconfig. */
  client(): Promise<HttpClient>
  /** Processor time of the process so far, all its threads. */
  stop(signal?: 'SIGTERM' | 'SIGKILL'): Promise<void>
}

const readyWithinMs = 60_000
const stopsWithinMs = 20_000

export interface ClusterShape {
  /** Simulated nodes and no real one. Default: one real node that has the bench's image. */
  readonly simulatedNodes?: number
}

export async function createCluster(bench: Bench, shape: ClusterShape = {}): Promise<K8tsCluster> {
  const { simulatedNodes } = shape
  const name = `${clusterPrefix}${randomBytes(3).toString('hex')}`
  const path = join(bench.folder, name)
  const folder = clusterFolder(name, path)
  const port = await freePort()
  const options = ['--name', name, '--data-dir', path]
  const running = new Set<ChildProcess>()
  mkdirSync(folder.images, { recursive: true, mode: 0o700 })
  const upOptions = ['--yes', '--port', String(port)]
  if (simulatedNodes === undefined) writeFileSync(join(folder.images, 'bench.tar'), benchImageArchive())
  else upOptions.push('--runtime', 'simulated', '--simulated-nodes', String(simulatedNodes - 1))

  const cluster: K8tsCluster = {
    name,
    folder,
    port,
    async up(environment = {}) {
      const started = startUp(port, folder, [...options, ...upOptions], environment)
      running.add(started.child)
      started.child.once('close', () => running.delete(started.child))
      return started.up
    },
    status: async () => JSON.parse(await k8ts('status', ...options, '--output', 'json')) as ClusterStatus,
    async delete() {
      if (existsSync(folder.stateFile)) await k8ts('delete', ...options, '--yes')
      await Promise.all([...running].map((child) => once(child, 'close')))
      rmSync(path, { recursive: true, force: true })
    },
  }
  bench.defer(() => cluster.delete())
  return cluster
}

/** Builds the bundle that the command runs, if it is not there; gives which one it is. */
export async function buildCommand(): Promise<string> {
  await k8ts('version')
  return realpathSync(join(root, 'dist/current'))
}

function startUp(
  port: number,
  folder: ClusterFolder,
  options: readonly string[],
  environment: Readonly<Record<string, string>>,
): { child: ChildProcess; up: UpProcess } {
  const startedAt = performance.now()
  const child = spawn(program, ['up', ...options], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, ...environment },
  })
  const closed = once(child, 'close')
  const lines: string[] = []
  child.stderr.on('data', (text: Buffer) => lines.push(String(text)))
  const ended = closed.then(([code]) => {
    throw new Error(`k8ts up ended with ${String(code)}:\n${lines.join('\n')}`)
  })
  ended.catch(() => {})
  const saidReady = new Promise<number>((resolve) => {
    createInterface({ input: child.stdout }).on('line', (line) => {
      lines.push(line)
      if (line.startsWith(`Cluster ${folder.name} is ready`)) resolve(performance.now())
    })
  })
  const clients: HttpClient[] = []
  const orEnd = <T>(promise: Promise<T>) => {
    const raced = Promise.race([promise, ended])
    raced.catch(() => {})
    return raced
  }
  const up: UpProcess = {
    startedAt,
    pid: child.pid!,
    apiReady: orEnd(untilReady(port)),
    saidReady: orEnd(saidReady),
    async client() {
      const client = createHttpClient(parseKubeconfig(await orEnd(untilThere(folder.kubeconfig))).connection)
      clients.push(client)
      return client
    },
    async stop(signal = 'SIGTERM') {
      for (const client of clients.splice(0)) client.close()
      child.kill(signal)
      const hangs = setTimeout(() => child.kill('SIGKILL'), stopsWithinMs)
      const [, killedBy] = (await closed) as [number | null, NodeJS.Signals | null]
      clearTimeout(hangs)
      if (killedBy === 'SIGKILL' && signal !== 'SIGKILL') {
        throw new Error(`k8ts up did not end ${stopsWithinMs / 1000} s after ${signal}:\n${lines.join('\n')}`)
      }
    },
  }
  return { child, up }
}

/** When the API server first said that it is ready. */
async function untilReady(port: number): Promise<number> {
  const deadline = performance.now() + readyWithinMs
  while (performance.now() < deadline) {
    if ((await readyz(port)) === 200) return performance.now()
    await delay(4)
  }
  throw new Error(`not ready after ${readyWithinMs / 1000} s`)
}

/** Anonymous, as a load balancer asks. */
function readyz(port: number): Promise<number | undefined> {
  return new Promise((resolve) => {
    const options = { host: '127.0.0.1', port, path: '/readyz', rejectUnauthorized: false }
    get(options, (response) => {
      response.resume()
      resolve(response.statusCode)
    }).once('error', () => resolve(undefined))
  })
}

async function untilThere(file: string): Promise<string> {
  const deadline = performance.now() + readyWithinMs
  while (!existsSync(file)) {
    if (performance.now() > deadline) throw new Error(`no ${file} after ${readyWithinMs / 1000} s`)
    await delay(4)
  }
  return readFileSync(file, 'utf8')
}

async function k8ts(...args: string[]): Promise<string> {
  const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe'] })
  let [stdout, stderr] = ['', '']
  child.stdout.on('data', (text: Buffer) => (stdout += String(text)))
  child.stderr.on('data', (text: Buffer) => (stderr += String(text)))
  const [code] = (await once(child, 'close')) as [number | null]
  if (code !== 0) throw new Error(`k8ts ${args.join(' ')} ended with ${String(code)}: ${stderr}`)
  return stdout
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  server.close()
  await once(server, 'close')
  return port
}

function benchImageArchive(): Buffer {
  const busybox = findStaticBusybox()
  if (busybox === undefined) throw new Error('no static busybox on this machine')
  return busyboxImage(benchImage, busybox)
}
