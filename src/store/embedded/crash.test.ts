import assert from 'node:assert/strict'
import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readdir } from 'node:fs/promises'
import { createInterface, type Interface } from 'node:readline'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { silentLogger } from '../../machinery/log.ts'
import { seededRandom } from '../../machinery/random.ts'
import { fakeClock } from '../../machinery/testing/fake-clock.ts'
import { eventKey, eventResult, eventRevision } from '../mvcc/event.ts'
import { firstRevision } from '../mvcc/mvcc.ts'
import type { StoreEvent } from '../store.ts'
import { recordWatch } from '../testing/recorded-watch.ts'
import { bytes, text } from '../testing/store-fixture.ts'
import { temporaryDirectory } from '../testing/temporary-directory.ts'
import { DataDirectoryError } from './data-directory-error.ts'
import { EmbeddedStore } from './embedded-store.ts'
import type { Acknowledged } from './testing/child.ts'

const childPath = fileURLToPath(new URL('testing/child.ts', import.meta.url))

function open(directory: string): Promise<EmbeddedStore> {
  return EmbeddedStore.open({ directory, clock: fakeClock(), log: silentLogger })
}

interface Child {
  readonly process: ChildProcess
  readonly lines: Interface
  /** Ends the process as a crash does; the lines it wrote are read to their end. */
  kill(): Promise<void>
}

async function startChild(directory: string, task: 'write' | 'churn' | 'hold'): Promise<Child> {
  const child = spawn(process.execPath, [childPath, directory, task], { stdio: ['pipe', 'pipe', 'inherit'] })
  const lines = createInterface({ input: child.stdout })
  const [first] = (await once(lines, 'line')) as [string]
  assert.equal(first, 'open')
  return {
    process: child,
    lines,
    async kill() {
      const closed = once(lines, 'close')
      child.kill('SIGKILL')
      await closed
    },
  }
}

/** Lets the child write until it has acknowledged `count` changes, and kills it. */
async function writeAndCrash(
  directory: string,
  count: number,
  task: 'write' | 'churn' = 'write',
): Promise<readonly Acknowledged[]> {
  const child = await startChild(directory, task)
  const acknowledged: Acknowledged[] = []
  const enough = Promise.withResolvers<void>()
  child.lines.on('line', (line) => {
    acknowledged.push(JSON.parse(line) as Acknowledged)
    if (acknowledged.length === count) enough.resolve()
  })
  await enough.promise
  await child.kill()
  return acknowledged
}

async function historyOf(store: EmbeddedStore): Promise<readonly StoreEvent[]> {
  const watch = recordWatch(store, '', firstRevision)
  await watch.reaches(await store.currentRevision())
  watch.close()
  return watch.events
}

test('EmbeddedStore keeps every acknowledged write when its process is killed at any moment', async () => {
  await using directory = await temporaryDirectory()
  const random = seededRandom(1)
  const acknowledged: Acknowledged[] = []
  let revision = firstRevision
  for (let crash = 0; crash < 6; crash++) {
    const more = await writeAndCrash(directory.path, 1 + Math.floor(random.next() * 400))
    for (const change of more) assert.ok(BigInt(change.revision) > revision, 'no revision is used again')
    acknowledged.push(...more)

    const store = await open(directory.path)
    const history = await historyOf(store)
    const byRevision = new Map(history.map((event) => [String(eventRevision(event)), event]))
    for (const change of acknowledged) {
      const event = byRevision.get(change.revision)
      assert.ok(event, `revision ${change.revision} was acknowledged`)
      assert.deepEqual(
        [event.type, eventKey(event), text(eventResult(event)?.value)],
        [change.type, change.key, change.value],
      )
    }
    revision = await store.currentRevision()
    assert.equal(history.length, Number(revision - firstRevision), 'every revision is a change')
    const state = new Map(history.map((event) => [eventKey(event), eventResult(event)]))
    for (const [key, entry] of state) assert.equal((await store.get(key))?.revision, entry?.revision)
    await store.close()
  }
})

test('EmbeddedStore keeps what was acknowledged when its process is killed as it replaces its files', async () => {
  await using directory = await temporaryDirectory()
  const random = seededRandom(2)
  const last = new Map<string, Acknowledged>()
  for (let crash = 0; crash < 6; crash++) {
    const more = await writeAndCrash(directory.path, 100 + Math.floor(random.next() * 300), 'churn')
    for (const change of more) {
      if (BigInt(change.revision) > BigInt(last.get(change.key)?.revision ?? 0)) last.set(change.key, change)
    }
    const store = await open(directory.path)
    for (const { key, type, value, revision } of last.values()) {
      const entry = await store.get(key)
      // Each writer has at most one change that it was not told of.
      if (entry && entry.revision > BigInt(revision)) continue
      if (entry || type === 'delete') assert.equal(text(entry?.value)?.slice(0, 800), value, key)
      else assert.ok((await store.currentRevision()) > BigInt(revision), `${key} was removed later`)
    }
    await store.close()
  }
  assert.ok((await readdir(directory.path)).some((name) => name.endsWith('.state')))
})

test('EmbeddedStore refuses a directory that a live process has open, and takes over from a dead one', async () => {
  await using directory = await temporaryDirectory()
  const child = await startChild(directory.path, 'hold')
  await assert.rejects(open(directory.path), (error) => {
    assert.ok(error instanceof DataDirectoryError)
    assert.equal(error.reason, 'inUse')
    assert.match(error.message, new RegExp(`in use by process ${child.process.pid}$`))
    return true
  })
  await child.kill()
  const store = await open(directory.path)
  await assert.rejects(open(directory.path), { name: 'DataDirectoryError', reason: 'inUse' })
  await store.close()
  await (await open(directory.path)).close()
})

test('EmbeddedStore says of a directory that is being written to that it is in use, not that it is damaged', async () => {
  await using directory = await temporaryDirectory()
  const store = await open(directory.path)
  const value = new Uint8Array(1000)
  await Promise.all(Array.from({ length: 5000 }, (_, index) => store.create(`/many/${index}`, value)))
  await store.close()
  const child = await startChild(directory.path, 'write')
  const reasons = new Set<string>()
  for (let attempt = 0; attempt < 40; attempt++) {
    reasons.add(
      await open(directory.path).then(
        () => 'opened',
        (error: DataDirectoryError) => error.reason,
      ),
    )
  }
  await child.kill()
  assert.deepEqual([...reasons], ['inUse'])
})

test('EmbeddedStore refuses writes that the disk refuses, and keeps what it acknowledged', async () => {
  await using directory = await temporaryDirectory()
  const limited = `ulimit -f 1000 && exec "$0" "$@"`
  const { stdout } = await promisify(execFile)('sh', [
    '-c',
    limited,
    process.execPath,
    childPath,
    directory.path,
    'fill',
  ])
  const { acknowledged, visible, error } = JSON.parse(stdout.split('\n')[1]!) as Record<string, unknown>
  assert.equal(visible, acknowledged)
  assert.match(String(error), /cannot be written to/)
  const store = await open(directory.path)
  assert.equal((await store.list('/registry/')).entries.length, acknowledged)
  await store.create('/registry/more', bytes('more'))
  await store.close()
})
