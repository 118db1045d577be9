import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { systemClock } from '../../src/machinery/clock.ts'
import { silentLogger } from '../../src/machinery/log.ts'
import { skipWithoutEtcd, startEtcd } from '../../src/store/etcd/testing/etcd-server.ts'
import { openStore, type StoreOptions } from '../../src/store/open.ts'
import type { Store } from '../../src/store/store.ts'
import type { Bench, Detail } from '../figure.ts'
import { median, percentile, repeat, timed } from '../timing.ts'

interface Subject {
  readonly name: string
  readonly options: StoreOptions
  /** Share of the usual number of operations. */
  readonly scale: number
  /** Whether its work is done in this process. */
  readonly inProcess: boolean
}

const value = new Uint8Array(1024).fill(120)
const objectCount = 10_000
const context = { clock: systemClock, log: silentLogger }

/** The stores by themselves: values of 1 KB, each acknowledged write durable (but for the store in memory). */
export async function measureStore(bench: Bench): Promise<void> {
  const directory = join(bench.folder, 'embedded')
  await measureSubject(bench, {
    name: 'embedded',
    options: { type: 'embedded', directory },
    scale: 1,
    inProcess: true,
  })
  await measureSubject(bench, { name: 'memory', options: { type: 'memory' }, scale: 1, inProcess: true })
  if (skipWithoutEtcd === undefined) {
    await using etcd = await startEtcd()
    const options = { type: 'etcd', endpoints: [etcd.endpoint] } as const
    await measureSubject(bench, { name: 'etcd (for comparison)', options, scale: 0.1, inProcess: false })
  }
}

async function measureSubject(bench: Bench, subject: Subject): Promise<void> {
  const { name, options, scale, inProcess } = subject
  const opened = await timed(() => openStore(options, context))
  const store = opened.result
  if (inProcess) bench.add({ name: `${name}: open empty`, value: opened.ms, unit: 'ms' })
  await measureWrites(bench, subject, store, 1, Math.ceil(2000 * scale))
  await measureWrites(bench, subject, store, 64, Math.ceil(20_000 * scale))
  await measureReads(bench, subject, store)
  if (inProcess) await measureWatches(bench, name, store)
  await store.close()
  if (options.type === 'embedded') await measureReopening(bench, options)
}

async function measureWrites(
  bench: Bench,
  { name, inProcess }: Subject,
  store: Store,
  writers: number,
  count: number,
): Promise<void> {
  const latencies: number[] = []
  const each = Math.ceil(count / writers)
  const write = async (writer: number) => {
    for (let index = 0; index < each; index++) {
      const start = performance.now()
      await store.create(`/registry/writes/${writers}-${writer}/${index}`, value)
      latencies.push(performance.now() - start)
    }
  }
  const { ms, cpuMicroseconds } = await timed(() =>
    Promise.all(Array.from({ length: writers }, (_, writer) => write(writer))),
  )
  const also: Detail[] = [
    { name: 'p50', value: percentile(latencies, 0.5), unit: 'ms' },
    { name: 'p99', value: percentile(latencies, 0.99), unit: 'ms' },
    {
      name: inProcess ? 'CPU' : 'CPU of the client alone',
      value: cpuMicroseconds / latencies.length,
      unit: 'µs',
    },
  ]
  const figure = `${name}: create, ${writers === 1 ? '1 writer' : `${writers} writers`}`
  bench.add({ name: figure, value: (latencies.length / ms) * 1000, unit: '/s', also })
}

async function measureReads(bench: Bench, { name, inProcess }: Subject, store: Store): Promise<void> {
  const keys = Array.from(
    { length: objectCount },
    (_, index) => `/registry/reads/${String(index).padStart(6, '0')}`,
  )
  await Promise.all(keys.map((key) => store.create(key, value)))
  const gets = inProcess ? 100_000 : 1000
  const { ms } = await timed(async () => {
    for (let index = 0; index < gets; index++) await store.get(keys[index % objectCount]!)
  })
  bench.add({ name: `${name}: get`, value: (ms / gets) * 1000, unit: 'µs' })
  const list = (limit: number) =>
    repeat(5, async () => (await timed(() => store.list('/registry/reads/', { limit }))).ms)
  const [all, page] = [await list(objectCount), await list(500)]
  bench.add({
    name: `${name}: list 10,000`,
    value: median(all),
    unit: 'ms',
    runs: all,
    also: [{ name: 'a page of 500', value: median(page), unit: 'ms' }],
  })
}

/** What watches of other resources cost a write, and what those of the same do. */
async function measureWatches(bench: Bench, name: string, store: Store): Promise<void> {
  await cpuPerWrite(store, 0, 1)
  const [none, others, same] = [
    await cpuPerWrite(store, 0, 0),
    await cpuPerWrite(store, 1000, 0),
    await cpuPerWrite(store, 1000, 100),
  ]
  bench.add({
    name: `${name}: CPU of a create in bulk`,
    value: none,
    unit: 'µs',
    also: [
      { name: '1,000 watches elsewhere', value: others, unit: 'µs' },
      { name: 'and 100 that see it', value: same, unit: 'µs' },
    ],
  })
}

async function cpuPerWrite(store: Store, others: number, same: number): Promise<number> {
  const handlers = { onEvents() {}, onEnd() {} }
  const now = await store.currentRevision()
  const watches = [
    ...Array.from({ length: others }, (_, index) => store.watch(`/registry/other-${index}/`, now, handlers)),
    ...Array.from({ length: same }, () => store.watch('/registry/fan/', now, handlers)),
  ]
  await store.currentRevision()
  const count = 4000
  const { cpuMicroseconds } = await timed(() =>
    Promise.all(
      Array.from({ length: count }, (_, index) =>
        store.create(`/registry/fan/${others}-${same}-${index}`, value),
      ),
    ),
  )
  for (const watch of watches) watch.close()
  return cpuMicroseconds / count
}

async function measureReopening(bench: Bench, options: StoreOptions & { type: 'embedded' }): Promise<void> {
  await rm(options.directory, { recursive: true })
  const store = await openStore(options, context)
  await Promise.all(
    Array.from({ length: objectCount }, (_, index) => store.create(`/registry/pods/${index}`, value)),
  )
  await store.close()
  const runs = await repeat(3, async () => {
    const { result, ms } = await timed(() => openStore(options, context))
    await result.close()
    return ms
  })
  bench.add({ name: 'embedded: open with 10,000', value: median(runs), unit: 'ms', runs })
}
