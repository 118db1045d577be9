import { fork, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { createHttpClient } from '../../src/client/http/http-client.ts'
import type { Bench, Detail } from '../figure.ts'
import { launcherFlags } from '../launcher-flags.ts'
import { openListReader } from '../list-reader.ts'
import {
  listNamespace,
  prepareDeletion,
  runLoad,
  type LoadOptions,
  type LoadResult,
  type Operation,
} from '../load.ts'
import type { ApiServerAnswer, ApiServerQuestion } from '../processes/api-server-message.ts'
import { timed } from '../timing.ts'
import { measureMemory, measureWatches } from './api-watches.ts'

/** Per second, ms, ms, and µs of CPU per operation of the API server and etcd together. */
type Reference = readonly [perSecond: number, p50: number, p99: number, cpu: number]

/** kube-apiserver 1.28 and etcd 3.4 over TLS, by operation and number of clients. */
const kubernetes: Readonly<Record<string, Reference>> = {
  'create 1': [316, 3, 7.8, 3060],
  'create 16': [920, 16, 39, 1680],
  'create 64': [1139, 54, 126, 1500],
  'get 1': [586, 1.6, 4.9, 1660],
  'get 16': [1570, 9.2, 28, 882],
  'get 64': [2055, 29, 78, 780],
  'update 1': [346, 2.8, 5.7, 2880],
  'update 16': [803, 18, 48, 2124],
  'update 64': [964, 62, 151, 1830],
  'patch 1': [337, 2.7, 11, 3260],
  'patch 16': [750, 19, 54, 2295],
  'patch 64': [858, 69, 184, 2080],
  'delete 1': [386, 2.5, 5, 2760],
  'delete 16': [1023, 14, 42, 1583],
  'delete 64': [1212, 48, 123, 1415],
  'list 1': [3.9, 259, 287, 340_000],
  'listCached 1': [7.7, 121, 162, 108_000],
  'listPage 1': [50, 19, 39, 24_800],
}

const names: Readonly<Record<Operation, string>> = {
  create: 'create',
  get: 'get',
  update: 'update',
  patch: 'merge patch',
  apply: 'server-side apply',
  delete: 'delete',
  list: 'list 10,000',
  listCached: 'list 10,000 at resourceVersion 0',
  listPage: 'list a page of 500',
  listChunks: 'list 10,000 in chunks of 500',
  mixed: 'mixed',
}

type Where = 'over TLS' | 'in process'

interface Measured {
  readonly result: LoadResult
  /** Of the server's process. */
  readonly cpuMicroseconds: number
  /** Of the client's, where it is another one. */
  readonly clientCpuMicroseconds?: number
}

/** Long enough for one client, too: garbage is collected once or twice a second. */
const durationMs = 1_500

/** ConfigMaps of 1 KB in an embedded store; the clients share the machine with the server. */
export async function measureApi(bench: Bench): Promise<void> {
  const server = await startServer(bench)
  const client = createHttpClient(server.connection)
  bench.defer(() => client.close())
  const lists = openListReader(server.connection, listNamespace)
  bench.defer(() => lists.close())
  const overTls = async (options: LoadOptions) => {
    await prepareDeletion(client, options)
    return server.during(() => runLoad(client, options, lists.read))
  }
  await warmUp((options) => runLoad(client, options, lists.read))
  await warmUp(server.load)
  const plan: readonly (readonly [Operation, readonly number[]])[] = [
    ['create', [1, 16, 64]],
    ['get', [1, 16, 64]],
    ['update', [1, 16, 64]],
    ['patch', [1, 16, 64]],
    ['apply', [1, 16, 64]],
    ['delete', [1, 16, 64]],
    ['list', [1]],
    ['listCached', [1]],
    ['listPage', [1]],
    ['listChunks', [1]],
    ['mixed', [64]],
  ]
  for (const [where, measure] of [
    ['over TLS', overTls],
    ['in process', server.load],
  ] as const) {
    for (const [operation, counts] of plan) {
      for (const clients of counts) {
        const options = {
          operation,
          clients,
          durationMs,
          run: `${where.slice(0, 2)}-${clients}-${operation}`,
        }
        const measured = await measure({ ...options, run: options.run.toLowerCase() })
        add(bench, where, options, measured)
        addCpu(bench, where, options, measured)
        addMixedLatency(bench, where, options, measured)
      }
    }
  }
  await measureWatches(bench, server, client)
  await server.stop()
  const fresh = await startServer(bench, 'memory')
  await measureMemory(bench, fresh)
  await fresh.stop()
}

function add(bench: Bench, where: Where, options: LoadOptions, measured: Measured): void {
  const { operation, clients } = options
  const { clientCpuMicroseconds: clientCpu } = measured
  const { operations, ms, p50Ms, p99Ms } = measured.result
  const reference = referenceOf(where, options)
  const detail = (name: string, value: number, unit: Detail['unit'], index: 1 | 2): Detail => ({
    name,
    value,
    unit,
    ...(reference && { kubernetes: reference[index] }),
  })
  bench.add({
    name: `${where}: ${names[operation]}, ${clientsText(clients)}`,
    value: (operations / ms) * 1000,
    unit: '/s',
    ...(reference && { kubernetes: reference[0] }),
    ...(reference && isWrite(operation) && { bar: { least: 3 * reference[0] } }),
    also: [
      detail('p50', p50Ms, 'ms', 1),
      detail('p99', p99Ms, 'ms', 2),
      { name: 'CPU of 1,000', value: secondsPerThousand(measured), unit: 's' },
      ...(clientCpu === undefined
        ? []
        : [{ name: "the client's", value: clientCpu / operations / 1000, unit: 's' } as const]),
    ],
  })
}

/** Processor time differs least between runs: the bar for it stands on a row of its own. */
function addCpu(bench: Bench, where: Where, options: LoadOptions, measured: Measured): void {
  const reference = referenceOf(where, options)
  if (!reference) return
  const { operation, clients } = options
  const share = operation === 'get' ? 8 : isWrite(operation) ? 4 : 5
  const kubernetes = reference[3] / 1000
  bench.add({
    name: `${where}: CPU of 1,000 times ${names[operation]}, ${clientsText(clients)}`,
    value: secondsPerThousand(measured),
    unit: 's',
    bar: { most: kubernetes / share },
    kubernetes,
  })
}

function referenceOf(where: Where, { operation, clients }: LoadOptions): Reference | undefined {
  return where === 'over TLS' ? kubernetes[`${operation} ${clients}`] : undefined
}

/** Processor time of the server for 1,000 requests. */
function secondsPerThousand({ cpuMicroseconds, result }: Measured): number {
  return cpuMicroseconds / result.operations / 1000
}

function clientsText(clients: number): string {
  return clients === 1 ? '1 client' : `${clients} clients`
}

function addMixedLatency(bench: Bench, where: Where, { operation }: LoadOptions, measured: Measured): void {
  if (operation !== 'mixed' || where !== 'over TLS') return
  bench.add({
    name: `${where}: 99 of 100 mixed requests within, 64 clients`,
    value: measured.result.p99Ms,
    unit: 'ms',
    bar: { most: 50 },
  })
}

function isWrite(operation: Operation): boolean {
  return operation === 'create' || operation === 'update' || operation === 'patch' || operation === 'delete'
}

/** How many of each are made before anything is measured. */
const warmUpOperations: Partial<Readonly<Record<Operation, number>>> = {
  create: 6_000,
  get: 6_000,
  update: 6_000,
  patch: 6_000,
  apply: 6_000,
  list: 50,
  listPage: 400,
  mixed: 4_000,
}

/**
 * So that V8 has compiled what runs often, as in a server that has been up for a minute: it goes by how often, not by how
 * long, and until then its compiler takes as much of the processor as the requests.
 */
async function warmUp(load: (options: LoadOptions) => Promise<unknown>): Promise<void> {
  for (const [operation, leastOperations] of Object.entries(warmUpOperations)) {
    const run = `warm-${warmUps++}`
    await load({ operation: operation as Operation, clients: 16, durationMs: 0, leastOperations, run })
  }
}

let warmUps = 0

export type Server = Awaited<ReturnType<typeof startServer>>

/** An API server with an embedded store, in a process of its own. */
export async function startServer(bench: Bench, data = 'data') {
  const folder = join(bench.folder, data)
  const child = fork(join(import.meta.dirname, '../processes/api-server.ts'), [folder], {
    execArgv: launcherFlags(),
  })
  const closed = once(child, 'close')
  bench.defer(async () => {
    child.kill('SIGKILL')
    await closed
  })
  const { connection } = await next(child, 'ready')
  const cpu = async () => (await ask(child, { type: 'usage' })).cpuMicroseconds
  return {
    connection,
    load: (options: LoadOptions): Promise<Measured> => ask(child, { type: 'load', options }),
    residentBytes: async () => (await ask(child, { type: 'usage' })).residentBytes,
    cpuMicroseconds: cpu,
    /** What the server uses while somebody else makes requests. */
    async during(run: () => Promise<LoadResult>): Promise<Measured> {
      const before = await cpu()
      const { result, cpuMicroseconds } = await timed(run)
      return {
        result,
        cpuMicroseconds: (await cpu()) - before,
        clientCpuMicroseconds: cpuMicroseconds,
      }
    },
    async stop() {
      child.send({ type: 'stop' } satisfies ApiServerQuestion)
      await closed
    },
  }
}

type AnswerOf<Type extends ApiServerAnswer['type']> = ApiServerAnswer & { readonly type: Type }

function ask<Type extends 'usage' | 'load'>(
  child: ChildProcess,
  question: ApiServerQuestion & { readonly type: Type },
): Promise<AnswerOf<Type>> {
  const answer = next(child, question.type)
  child.send(question)
  return answer
}

/** The next message of the server, which must be of this type. */
async function next<Type extends ApiServerAnswer['type']>(
  child: ChildProcess,
  type: Type,
): Promise<AnswerOf<Type>> {
  const answer = await new Promise<ApiServerAnswer>((resolve, reject) => {
    const ended = () => reject(new Error("the API server's process ended"))
    child.once('close', ended)
    child.once('message', (message: ApiServerAnswer) => {
      child.off('close', ended)
      resolve(message)
    })
  })
  if (answer.type !== type) throw new Error(`the API server's process answered ${answer.type}`)
  return answer as AnswerOf<Type>
}
