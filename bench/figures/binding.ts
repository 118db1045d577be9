import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { builtInDefinitions } from '../../src/api/registry.ts'
import type { PodSpec } from '../../src/api/generated/core.v1.ts'
import { nodes, pods, priorityClasses, serviceAccounts } from '../../src/api/generated/resources.ts'
import { startApiServer } from '../../src/apiserver/api-server.ts'
import type { Client } from '../../src/client/client.ts'
import { createInformers } from '../../src/client/informers/informers.ts'
import { clusterSecurity } from '../../src/cluster/cluster-security.ts'
import { inProcessClient } from '../../src/cluster/in-process-client.ts'
import { apiServerNames, ensureClusterPki } from '../../src/cluster/pki/cluster-pki.ts'
import { memoryPemStore } from '../../src/cluster/pki/pem-store.ts'
import { systemClock as clock } from '../../src/machinery/clock.ts'
import { silentLogger as log } from '../../src/machinery/log.ts'
import { createMetrics } from '../../src/machinery/metrics.ts'
import { systemRandom as random } from '../../src/machinery/random.ts'
import { startScheduler } from '../../src/scheduler/start.ts'
import { openStore } from '../../src/store/open.ts'
import type { Bench } from '../figure.ts'
import { hostname, labels, rows, zone, type Row } from './scheduler-rows.ts'

const nodeCount = 5000
const creators = 64

/** From pods created to pods bound in the API: embedded store, durable, everything in one process. */
export async function measureBinding(bench: Bench): Promise<void> {
  for (const row of rows) {
    const { perSecond, seconds, cpuSeconds } = await bindAll(
      row,
      join(bench.folder, row.name.replaceAll(' ', '-')),
    )
    bench.add({
      name: `${row.name}, ${nodeCount.toLocaleString('en')} nodes`,
      value: perSecond,
      unit: '/s',
      bar: { least: row.least },
      ...(row.name === 'plain pods' && { kubernetes: 168 }),
      also: [
        { name: `all ${row.count}`, value: seconds, unit: 's' },
        { name: 'CPU of each', value: (cpuSeconds / row.count) * 1_000_000, unit: 'µs' },
      ],
    })
  }
}

async function bindAll(row: Row, directory: string) {
  const cluster = await startServer(directory)
  const { client } = cluster
  try {
    await inParallel(nodeCount, (index) => addNode(client, index))
    const { filledBy } = row
    if (filledBy) {
      await inParallel(nodeCount * filledBy.perNode, (index) => {
        const nodeName = `node-${index % nodeCount}`
        return client.create(
          pods,
          aPod(`low-${index}`, filledBy.cpu, { nodeName, terminationGracePeriodSeconds: 0 }),
        )
      })
    }
    const informers = createInformers({ client, clock, random, log })
    const context = { client, informers, clock, random, log, metrics: createMetrics() }
    const scheduler = await startScheduler(context)
    await scheduler.ready
    const bound = boundPods(client, row.count)
    const cpuBefore = process.cpuUsage()
    const start = performance.now()
    await inParallel(row.count, (index) =>
      client.create(pods, aPod(`pod-${index}`, row.cpu ?? '10m', row.spec)),
    )
    await bound
    const seconds = (performance.now() - start) / 1000
    const { user, system } = process.cpuUsage(cpuBefore)
    await scheduler.stop()
    await informers.stop()
    return { perSecond: row.count / seconds, seconds, cpuSeconds: (user + system) / 1_000_000 }
  } finally {
    await cluster.stop()
  }
}

/** Resolves when so many pods named pod-* have a node. */
async function boundPods(client: Client, count: number): Promise<void> {
  const { resourceVersion = '' } = (await client.list(pods, { limit: 1 })).metadata
  const abort = new AbortController()
  let seen = 0
  for await (const { type, object } of client.watch(pods, { resourceVersion, signal: abort.signal })) {
    const isOurs = object.metadata?.name?.startsWith('pod-')
    // The binding is the one modification that these pods have: nothing runs them.
    if (isOurs && type === 'MODIFIED' && object.spec?.nodeName) seen++
    if (seen === count) return abort.abort()
  }
}

async function inParallel(count: number, run: (index: number) => Promise<unknown>): Promise<void> {
  let next = 0
  const work = async () => {
    while (next < count) await run(next++)
  }
  await Promise.all(Array.from({ length: creators }, work))
}

async function startServer(directory: string) {
  mkdirSync(directory, { recursive: true })
  const pki = ensureClusterPki(memoryPemStore(), apiServerNames('10.96.0.1', [], ''), clock.now())
  const store = await openStore({ type: 'embedded', directory }, { clock, log })
  const server = await startApiServer({
    store,
    definitions: builtInDefinitions,
    security: clusterSecurity({ pki, server: 'https://127.0.0.1', clock, random, log }),
    tls: { certificate: pki.apiServer.certificatePem, key: pki.apiServer.privateKeyPem },
    address: '127.0.0.1',
    port: 0,
    serviceCidrs: ['10.96.0.0/16'],
    clock,
    random,
    log,
  })
  const client = inProcessClient(server, {
    name: 'bench',
    groups: ['system:masters', 'system:authenticated'],
  })
  await client.create(serviceAccounts, { metadata: { namespace: 'default', name: 'default' } })
  await client.create(priorityClasses, { metadata: { name: 'high' }, value: 1000 })
  return {
    client,
    async stop() {
      await server.stop()
      await store.close()
    },
  }
}

/** A node that is ready, as far as anybody can tell. */
async function addNode(client: Client, index: number): Promise<void> {
  const name = `node-${index}`
  const created = await client.create(nodes, {
    metadata: { name, labels: { [hostname]: name, [zone]: `zone-${index % 3}` } },
    status: {
      allocatable: { cpu: '4', memory: '32Gi', pods: '110' },
      capacity: { cpu: '4', memory: '32Gi', pods: '110' },
      conditions: [{ type: 'Ready', status: 'True' as const }],
    },
  })
  // New nodes are tainted until the node lifecycle controller has seen them, and there is none here.
  await client.update(nodes, { ...created, spec: {} })
}

function aPod(name: string, cpu: string, spec: Partial<PodSpec> = {}) {
  const containers = [{ name: 'app', image: 'app', resources: { requests: { cpu, memory: '50Mi' } } }]
  return { metadata: { namespace: 'default', name, labels }, spec: { containers, ...spec } }
}
