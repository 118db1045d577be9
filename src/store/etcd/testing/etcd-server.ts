import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { createServer } from 'node:net'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { createInterface } from 'node:readline'

/** A real etcd on loopback ports of its own, with its data in a temporary directory. */
export interface EtcdServer extends AsyncDisposable {
  readonly endpoint: string
  /** Ends it as a crash does; its data stays. */
  kill(): Promise<void>
  /** Starts it again on its data and ports. */
  restart(): Promise<void>
  /** Ends it and removes its data. */
  [Symbol.asyncDispose](): Promise<void>
}

export interface EtcdServerOptions {
  /** Arguments that make it speak TLS to clients. */
  readonly tlsArguments?: readonly string[]
}

/** The program named by the environment variable ETCD, else `etcd` in the path. */
const program = process.env['ETCD'] ?? findInPath('etcd')

/** Why tests with a real etcd cannot run here. */
export const skipWithoutEtcd: string | undefined = program ? undefined : 'etcd is not installed'

export async function startEtcd({ tlsArguments }: EtcdServerOptions = {}): Promise<EtcdServer> {
  const directory = await mkdtemp(join(tmpdir(), 'k8ts-etcd-'))
  const [clientPort, peerPort] = await freePorts()
  const endpoint = `${tlsArguments ? 'https' : 'http'}://127.0.0.1:${clientPort}`
  const peer = `http://127.0.0.1:${peerPort}`
  const args = [
    `--data-dir=${join(directory, 'data')}`,
    `--listen-client-urls=${endpoint}`,
    `--advertise-client-urls=${endpoint}`,
    `--listen-peer-urls=${peer}`,
    `--initial-advertise-peer-urls=${peer}`,
    `--initial-cluster=default=${peer}`,
    // A member alone need not wait long for votes.
    '--heartbeat-interval=20',
    '--election-timeout=200',
    ...(tlsArguments ?? []),
  ]
  let server = await run(args)
  return {
    endpoint,
    kill: () => end(server),
    async restart() {
      server = await run(args)
    },
    async [Symbol.asyncDispose]() {
      await end(server)
      await rm(directory, { recursive: true })
    },
  }
}

/** Starts etcd and waits until it serves. */
async function run(args: readonly string[]): Promise<ChildProcess> {
  const server = spawn(program!, args, { stdio: ['ignore', 'ignore', 'pipe'] })
  const lines: string[] = []
  for await (const line of createInterface({ input: server.stderr })) {
    lines.push(line)
    if (line.includes('ready to serve client requests')) {
      server.stderr.resume()
      return server
    }
  }
  throw new Error(`etcd did not start:\n${lines.slice(-10).join('\n')}`)
}

async function end(server: ChildProcess): Promise<void> {
  if (server.exitCode !== null || server.signalCode !== null) return
  const exited = once(server, 'exit')
  server.kill('SIGKILL')
  await exited
}

async function freePorts(): Promise<readonly [number, number]> {
  const servers = [createServer(), createServer()]
  const ports: number[] = []
  for (const server of servers) {
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    ports.push((server.address() as AddressInfo).port)
  }
  for (const server of servers) server.close()
  return [ports[0]!, ports[1]!]
}

function findInPath(name: string): string | undefined {
  const directories = (process.env['PATH'] ?? '').split(delimiter)
  return directories.map((directory) => join(directory, name)).find((path) => existsSync(path))
}
