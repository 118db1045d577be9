import type { ConfigMap } from '../src/api/generated/core.v1.ts'
import { configMaps } from '../src/api/generated/resources.ts'
import type { Client, ListOptions } from '../src/client/client.ts'
import { percentile } from './timing.ts'

/**
 * Requests that are measured. `list`, `listCached` (at resourceVersion 0), `listPage` and `listChunks` go over 10,000 objects; `mixed` is four reads, a page
 * of a list and five writes of different kinds.
 */
export type Operation =
  | 'create'
  | 'get'
  | 'update'
  | 'patch'
  | 'apply'
  | 'delete'
  | 'list'
  | 'listCached'
  | 'listPage'
  | 'listChunks'
  | 'mixed'

export interface LoadOptions {
  readonly operation: Operation
  /** How many of them are under way at a time, each its own after the other. */
  readonly clients: number
  readonly durationMs: number
  /** Goes on beyond that time until so many have been made. */
  readonly leastOperations?: number
  /** Makes names of objects that are created unique among runs. */
  readonly run: string
}

export interface LoadResult {
  readonly operations: number
  readonly ms: number
  readonly p50Ms: number
  readonly p99Ms: number
}

const namespace = 'default'
export const listNamespace = 'kube-public'
const listedObjects = 10_000
const pageLength = 500
/** Of each client, so that no two write the same object at a time. */
const objectsPerClient = 20
const mostClients = 64
/** About 1 KB with what the server adds. */
const payload = 'x'.repeat(700)

export function aConfigMap(inNamespace: string, name: string, text = payload): ConfigMap {
  return {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { namespace: inNamespace, name, labels: { app: 'bench' } },
    data: { text },
  }
}

/** Creates what is read and changed later. */
export async function prepareLoad(client: Client): Promise<void> {
  const own = Array.from({ length: mostClients * objectsPerClient }, (_, index) =>
    aConfigMap(namespace, `own-${index}`),
  )
  const listed = Array.from({ length: listedObjects }, (_, index) =>
    aConfigMap(listNamespace, `listed-${index}`),
  )
  await inParallel([...own, ...listed], mostClients, (object) => client.create(configMaps, object))
}

/** Makes the same request again and again for some time. */
export async function runLoad(
  client: Client,
  options: LoadOptions,
  list: ReadList = objectLists(client),
): Promise<LoadResult> {
  const { operation, clients, durationMs, leastOperations = 0, run } = options
  const request = requestOf(client, operation, run, list)
  const latencies: number[] = []
  const start = performance.now()
  const loop = async (clientIndex: number) => {
    const goesOn = () => performance.now() - start < durationMs || latencies.length < leastOperations
    for (let index = 0; goesOn(); index++) {
      const began = performance.now()
      const more = await request(clientIndex, index, clients)
      if (!more) return
      latencies.push(performance.now() - began)
    }
  }
  await Promise.all(Array.from({ length: clients }, (_, index) => loop(index)))
  const ms = performance.now() - start
  const [p50Ms, p99Ms] = [percentile(latencies, 0.5), percentile(latencies, 0.99)]
  return { operations: latencies.length, ms, p50Ms, p99Ms }
}

/** Answers false when there is nothing left to do. */
type Request = (clientIndex: number, index: number, clients: number) => Promise<boolean>

function requestOf(client: Client, operation: Operation, run: string, list: ReadList): Request {
  const ownName = (clientIndex: number, index: number) =>
    `own-${clientIndex * objectsPerClient + (index % objectsPerClient)}`
  const done = (answer: Promise<unknown>) => answer.then(() => true)
  switch (operation) {
    case 'create':
      return (clientIndex, index) =>
        done(client.create(configMaps, aConfigMap(namespace, `${run}-${clientIndex}-${index}`)))
    case 'get':
      return (clientIndex, index) =>
        done(client.get(configMaps, { namespace, name: ownName(clientIndex, index) }))
    case 'update':
      return (clientIndex, index) => {
        const changed = aConfigMap(namespace, ownName(clientIndex, index), `${run} ${index} ${payload}`)
        return done(client.update(configMaps, changed))
      }
    case 'patch':
      return (clientIndex, index) => {
        const body = { data: { patched: `${run} ${index}` } }
        const name = { namespace, name: ownName(clientIndex, index) }
        return done(client.patch(configMaps, name, { type: 'merge', body }))
      }
    case 'apply':
      return (clientIndex, index) => {
        const name = ownName(clientIndex, index)
        const body = aConfigMap(namespace, name, `${run} ${index} ${payload}`)
        const options = { fieldManager: 'bench', force: true }
        return done(client.patch(configMaps, { namespace, name }, { type: 'apply', body }, options))
      }
    case 'mixed':
      return mixedRequest(client, run, list)
    case 'delete':
      return async (clientIndex, index, clients) => {
        const number = index * clients + clientIndex
        if (number >= deletedObjects) return false
        return done(client.delete(configMaps, { namespace, name: `${run}-gone-${number}` }))
      }
    case 'list':
      return () => done(list({}))
    case 'listCached':
      return () => done(list({ resourceVersion: '0' }))
    case 'listChunks':
      return async () => {
        for (let token: string | undefined = ''; token !== undefined;) {
          token = await list({ limit: pageLength, ...(token !== '' && { continue: token }) })
        }
        return true
      }
    case 'listPage':
      return () => done(list({ limit: pageLength }))
  }
}

/** Reads a list, or a page of it; answers where the next page starts, and undefined behind the last. */
export type ReadList = (
  query: Pick<ListOptions, 'limit' | 'continue' | 'resourceVersion'>,
) => Promise<string | undefined>

function objectLists(client: Client): ReadList {
  return async (query) => {
    const { metadata } = await client.list(configMaps, { namespace: listNamespace, ...query })
    return metadata?.continue || undefined
  }
}

const mixture: readonly Operation[] = [
  'get',
  'create',
  'get',
  'update',
  'get',
  'patch',
  'listPage',
  'apply',
  'get',
  'delete',
]

/** Each client goes through the mixture from a place of its own, and deletes what it created. */
function mixedRequest(client: Client, run: string, list: ReadList): Request {
  const requests: ReadonlyMap<Operation, Request> = new Map(
    mixture
      .filter((operation) => operation !== 'create' && operation !== 'delete')
      .map((operation) => [operation, requestOf(client, operation, run, list)]),
  )
  const created = new Map<number, string[]>()
  return async (clientIndex, index, clients) => {
    const operation = mixture[(index + clientIndex) % mixture.length]!
    const request = requests.get(operation)
    if (request) return request(clientIndex, index, clients)
    const own = created.get(clientIndex) ?? []
    created.set(clientIndex, own)
    const oldest = operation === 'delete' ? own.shift() : undefined
    if (oldest !== undefined) {
      await client.delete(configMaps, { namespace, name: oldest })
      return true
    }
    const name = `${run}-${clientIndex}-${index}`
    await client.create(configMaps, aConfigMap(namespace, name))
    own.push(name)
    return true
  }
}

const deletedObjects = 3000

/** Creates what a run of deletions deletes; nothing for other operations. */
export async function prepareDeletion(client: Client, { operation, run }: LoadOptions): Promise<void> {
  if (operation !== 'delete') return
  const objects = Array.from({ length: deletedObjects }, (_, index) =>
    aConfigMap(namespace, `${run}-gone-${index}`),
  )
  await inParallel(objects, mostClients, (object) => client.create(configMaps, object))
}

async function inParallel<T>(items: readonly T[], width: number, run: (item: T) => Promise<unknown>) {
  let next = 0
  const worker = async () => {
    while (next < items.length) await run(items[next++]!)
  }
  await Promise.all(Array.from({ length: width }, worker))
}
