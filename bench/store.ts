/**
 * Measures the stores: `node bench/store.ts [directory]`. Takes some ten seconds. The directory, a temporary one when not
 * given, decides which disk is measured.
 */
import { execFile } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { systemClock } from '../src/machinery/clock.ts'
import { silentLogger } from '../src/machinery/log.ts'
import { skipWithoutEtcd, startEtcd } from '../src/store/etcd/testing/etcd-server.ts'
import { openStore, type StoreOptions } from '../src/store/open.ts'
import type { Store } from '../src/store/store.ts'

interface Row {
  readonly store: string
  readonly what: string
  readonly value: string
}

const value = new Uint8Array(1024).fill(120)
const objects = 10_000
const context = { clock: systemClock, log: silentLogger }
const rows: Row[] = []

function note(store: string, what: string, value: string): void {
  rows.push({ store, what, value })
}

async function timed<Result>(
  run: () => Promise<Result>,
): Promise<{ result: Result; ms: number; cpuMicroseconds: number }> {
  const cpu = process.cpuUsage()
  const start = performance.now()
  const result = await run()
  const ms = performance.now() - start
  const { user, system } = process.cpuUsage(cpu)
  return { result, ms, cpuMicroseconds: user + system }
}

async function measure(name: string, options: StoreOptions, scale: number): Promise<void> {
  if (options.type !== 'etcd') await measureStart(name, options)
  await (await openStore(options, context)).close()
  const { result: store, ms } = await timed(() => openStore(options, context))
  note(name, 'open empty', `${ms.toFixed(2)} ms`)
  await measureWrites(name, store, 1, 2000 * scale)
  await measureWrites(name, store, 64, 40_000 * scale)
  await measureReads(name, store, scale)
  if (options.type !== 'etcd') await measureFanOut(name, store)
  await store.close()
  if (options.type === 'embedded') await measureReopening(name, options)
}

/** What opening a store adds to a process that has nothing yet. */
async function measureStart(name: string, options: StoreOptions): Promise<void> {
  const from = (path: string) => JSON.stringify(new URL(`../src/${path}`, import.meta.url).href)
  const script = `
    const { openStore } = await import(${from('store/open.ts')})
    const { systemClock: clock } = await import(${from('machinery/clock.ts')})
    const { silentLogger: log } = await import(${from('machinery/log.ts')})
    const start = performance.now(), before = process.memoryUsage().rss
    const store = await openStore(${JSON.stringify(options)}, { clock, log })
    console.log((performance.now() - start).toFixed(1) + ' ms, ' + ((process.memoryUsage().rss - before) / 1e6).toFixed(1) + ' MB')
    await store.close()`
  const { stdout } = await promisify(execFile)(process.execPath, ['--input-type=module', '-e', script])
  note(name, 'open empty in a new process, modules from source included', stdout.trim())
}

async function measureWrites(name: string, store: Store, writers: number, count: number): Promise<void> {
  const latencies: number[] = []
  const each = Math.ceil(count / writers)
  const { ms, cpuMicroseconds } = await timed(() =>
    Promise.all(
      Array.from({ length: writers }, async (_, writer) => {
        for (let index = 0; index < each; index++) {
          const start = performance.now()
          await store.create(`/registry/writes/${writers}-${writer}/${index}`, value)
          latencies.push(performance.now() - start)
        }
      }),
    ),
  )
  latencies.sort((a, b) => a - b)
  const at = (share: number) => latencies[Math.floor(latencies.length * share)]!.toFixed(2)
  const perSecond = Math.round((latencies.length / ms) * 1000)
  const cpu = (cpuMicroseconds / latencies.length).toFixed(1)
  note(
    name,
    `create, ${writers} writers`,
    `${perSecond}/s, ${cpu} µs CPU, p50 ${at(0.5)} ms, p99 ${at(0.99)} ms`,
  )
}

async function measureReads(name: string, store: Store, scale: number): Promise<void> {
  const keys = Array.from(
    { length: objects },
    (_, index) => `/registry/reads/${String(index).padStart(6, '0')}`,
  )
  await Promise.all(keys.map((key) => store.create(key, value)))
  const gets = Math.ceil(200_000 * scale)
  const { ms } = await timed(async () => {
    for (let index = 0; index < gets; index++) await store.get(keys[index % objects]!)
  })
  note(name, 'get', `${((ms / gets) * 1000).toFixed(2)} µs`)
  for (const limit of [objects, 500]) {
    await store.list('/registry/reads/', { limit })
    const list = await timed(() => store.list('/registry/reads/', { limit }))
    note(name, `list ${limit} of ${objects}`, `${list.ms.toFixed(2)} ms`)
  }
  const past = (await store.currentRevision()) - 100n
  const list = await timed(() => store.list('/registry/reads/', { revision: past, limit: 500 }))
  note(name, `list 500 of ${objects} at a past revision`, `${list.ms.toFixed(2)} ms`)
}

/** What watches of other resources cost a write, and what one of the same does. */
async function measureFanOut(name: string, store: Store): Promise<void> {
  const handlers = { onEvents() {}, onEnd() {} }
  for (const [others, same] of [
    [0, 0],
    [1000, 0],
    [1000, 100],
  ] as const) {
    const now = await store.currentRevision()
    const watches = [
      ...Array.from({ length: others }, (_, index) =>
        store.watch(`/registry/other-${index}/`, now, handlers),
      ),
      ...Array.from({ length: same }, () => store.watch('/registry/fan/', now, handlers)),
    ]
    await store.currentRevision()
    const count = 5000
    const { cpuMicroseconds } = await timed(() =>
      Promise.all(
        Array.from({ length: count }, (_, index) =>
          store.create(`/registry/fan/${others}-${same}-${index}`, value),
        ),
      ),
    )
    note(
      name,
      `create, ${others} other watches, ${same} of the same prefix`,
      `${(cpuMicroseconds / count).toFixed(1)} µs CPU`,
    )
    for (const watch of watches) watch.close()
  }
}

async function measureReopening(name: string, options: StoreOptions & { type: 'embedded' }): Promise<void> {
  await rm(options.directory, { recursive: true })
  const store = await openStore(options, context)
  await Promise.all(
    Array.from({ length: objects }, (_, index) => store.create(`/registry/pods/${index}`, value)),
  )
  await store.close()
  const { result: reopened, ms } = await timed(() => openStore(options, context))
  note(name, `open with ${objects} of 1 KB`, `${ms.toFixed(0)} ms`)
  await reopened.close()
}

const directory = await mkdtemp(join(process.argv[2] ?? tmpdir(), 'k8ts-bench-'))
try {
  await measure('memory', { type: 'memory' }, 1)
  await measure('embedded', { type: 'embedded', directory: join(directory, 'embedded') }, 1)
  if (!skipWithoutEtcd) {
    await using etcd = await startEtcd()
    await measure('etcd', { type: 'etcd', endpoints: [etcd.endpoint] }, 0.1)
  }
} finally {
  await rm(directory, { recursive: true })
}
for (const { store, what, value } of rows) console.log(`${store.padEnd(9)} ${what.padEnd(58)} ${value}`)
