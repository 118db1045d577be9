import { setTimeout as delay } from 'node:timers/promises'
import type { ConfigMap } from '../../src/api/generated/core.v1.ts'
import { configMaps } from '../../src/api/generated/resources.ts'
import { createHttpClient } from '../../src/client/http/http-client.ts'
import type { Client } from '../../src/client/client.ts'
import type { Bench } from '../figure.ts'
import { aConfigMap } from '../load.ts'
import { repeat } from '../timing.ts'
import type { Server } from './api.ts'

const namespace = 'default'
const watchers = 100
const burstWrites = 500
const steadyWrites = 150
const steadyWritesPerSecond = 50
const writers = 16
const idleWatches = 1_000
const settleMs = 2_000

/** 100 watchers are told of writes, burst and steady; and 1,000 watches of which nothing is heard. */
export async function measureWatches(bench: Bench, server: Server, client: Client): Promise<void> {
  const burst = await measureEvents(server, client, 'burst', burstWrites, async (write) => {
    const queue = Array.from({ length: burstWrites }, (_, index) => index).values()
    await Promise.all(
      Array.from({ length: writers }, async () => {
        for (const index of queue) await write(index)
      }),
    )
  })
  bench.add({
    name: `over TLS: events of ${burstWrites} writes to ${watchers} watches`,
    value: burst.perSecond,
    unit: '/s',
    kubernetes: 16_130,
  })
  bench.add({
    name: 'over TLS: CPU of such an event, the writes included',
    value: burst.cpuMicroseconds,
    unit: 'µs',
    bar: { most: 98 / 5 },
    kubernetes: 98,
  })
  const steady = await measureEvents(server, client, 'steady', steadyWrites, async (write) => {
    const writes = await repeat(steadyWrites, async (index) => {
      await delay(1000 / steadyWritesPerSecond)
      return { written: write(index) }
    })
    for (const { written } of writes) await written
  })
  bench.add({
    name: `over TLS: CPU of an event at ${steadyWritesPerSecond} writes a second, the writes included`,
    value: steady.cpuMicroseconds,
    unit: 'µs',
    bar: { most: 190 / 5 },
    kubernetes: 190,
  })
  await measureIdleWatches(bench, server)
}

/** What an event costs the server that tells every watcher of each write. */
async function measureEvents(
  server: Server,
  client: Client,
  run: string,
  writes: number,
  write: (one: (index: number) => Promise<unknown>) => Promise<void>,
): Promise<{ readonly perSecond: number; readonly cpuMicroseconds: number }> {
  const abort = new AbortController()
  const { metadata } = await client.list(configMaps, { namespace, limit: 1 })
  const from = { namespace, resourceVersion: metadata?.resourceVersion ?? '', signal: abort.signal }
  let events = 0
  let tellAll = () => {}
  const told = new Promise<void>((resolve) => (tellAll = resolve))
  for (let index = 0; index < watchers; index++) {
    void follow(client, from, () => {
      if (++events === watchers * writes) tellAll()
    })
  }
  await delay(settleMs)
  const cpuBefore = await server.cpuMicroseconds()
  const start = performance.now()
  await write((index) => client.create(configMaps, aConfigMap(namespace, `watched-${run}-${index}`)))
  await told
  const ms = performance.now() - start
  const cpuMicroseconds = ((await server.cpuMicroseconds()) - cpuBefore) / events
  abort.abort()
  return { perSecond: (events / ms) * 1000, cpuMicroseconds }
}

async function measureIdleWatches(bench: Bench, server: Server): Promise<void> {
  const abort = new AbortController()
  // A connection carries 250 at a time.
  const clients = Array.from({ length: 5 }, () => createHttpClient(server.connection))
  for (const client of clients) await client.list(configMaps, { namespace, limit: 1 })
  await delay(settleMs)
  const before = await server.residentBytes()
  const options = { namespace: 'kube-node-lease', resourceVersion: '0', signal: abort.signal }
  for (let index = 0; index < idleWatches; index++)
    void follow(clients[index % clients.length]!, options, () => {})
  await delay(settleMs)
  const [after, cpuBefore] = [await server.residentBytes(), await server.cpuMicroseconds()]
  await delay(settleMs)
  const cpu = (await server.cpuMicroseconds()) - cpuBefore
  abort.abort()
  for (const client of clients) client.close()
  bench.add({
    name: `over TLS: memory of ${idleWatches} idle watches`,
    value: (after - before) / 1e6,
    unit: 'MB',
    also: [{ name: 'CPU', value: cpu / settleMs / 10, unit: '% of a core' }],
  })
}

const filled = 10_000

/** What further 10,000 objects of 1 KB take, once a new server has its working size. */
export async function measureMemory(bench: Bench, server: Server): Promise<void> {
  const client = createHttpClient(server.connection)
  bench.defer(() => client.close())
  await fill(client, 'first')
  const before = await settledMemory(server)
  await fill(client, 'second')
  await fill(client, 'third')
  bench.add({
    name: 'memory of 10,000 objects of 1 KB',
    value: ((await settledMemory(server)) - before) / 2 / 1e6,
    unit: 'MB',
    bar: { most: 60 },
  })
}

async function settledMemory(server: Server): Promise<number> {
  await delay(settleMs)
  return server.residentBytes()
}

async function fill(client: Client, run: string): Promise<void> {
  const queue = Array.from({ length: filled }, (_, index) => `${run}-${index}`).values()
  await Promise.all(
    Array.from({ length: writers }, async () => {
      for (const name of queue) await client.create(configMaps, aConfigMap('kube-system', name))
    }),
  )
}

/** Calls `onEvent` for each event until the signal aborts. */
async function follow(
  client: Client,
  options: { readonly namespace: string; readonly resourceVersion: string; readonly signal: AbortSignal },
  onEvent: () => void,
): Promise<void> {
  try {
    for await (const _event of client.watch<ConfigMap>(configMaps, options)) onEvent()
  } catch (error) {
    if (!options.signal.aborted) throw error
  }
}
