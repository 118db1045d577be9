import assert from 'node:assert/strict'
import {
  cpSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { silentLogger } from '../../machinery/log.ts'
import { seededRandom } from '../../machinery/random.ts'
import { fakeClock } from '../../machinery/testing/fake-clock.ts'
import { outlineOf } from '../large-value.ts'
import { defaultHistoryLimits } from '../mvcc/retention.ts'
import { bytes, noise, text } from '../testing/store-fixture.ts'
import { temporaryDirectory } from '../testing/temporary-directory.ts'
import type { DataDirectoryErrorReason } from './data-directory-error.ts'
import { EmbeddedStore } from './embedded-store.ts'
import { type DurableWrite, writeDurably } from './log-file.ts'

function open(directory: string, write?: DurableWrite): Promise<EmbeddedStore> {
  const historyLimits = { ...defaultHistoryLimits, events: 1000 }
  const options = { directory, clock: fakeClock(), log: silentLogger, historyLimits }
  return EmbeddedStore.open({ ...options, ...(write && { write }) })
}

function filesOf(directory: string, suffix: string): string[] {
  const names = readdirSync(directory).filter((name) => name.endsWith(suffix))
  return names.sort().map((name) => join(directory, name))
}

async function contentOf(directory: string): Promise<Record<string, string | undefined>> {
  const store = await open(directory)
  const { entries } = await store.list('')
  await store.close()
  return Object.fromEntries(entries.map(({ key, value }) => [key, text(value)?.slice(0, 20)]))
}

/** Of what counts in a file: the zeros behind it are there to be written over. */
function lengthOf(path: string): number {
  return readFileSync(path).findLastIndex((byte) => byte !== 0) + 1
}

/** Writes that each are a commit; gives the length of the file of changes after each. */
async function commits(directory: string, count: number): Promise<readonly number[]> {
  const store = await open(directory)
  const ends: number[] = []
  const [path] = filesOf(directory, '.log')
  for (let index = 0; index < count; index++) {
    await store.create(`/a/${index}`, bytes(`${index} ${'x'.repeat(index * 7)}`))
    ends.push(lengthOf(path!))
  }
  await store.close()
  assert.equal(statSync(path!).size, ends.at(-1), 'no zeros stay behind what counts')
  return ends
}

/** Bigger than what a store replaces by a state: two files of changes and a state before them. */
async function churned(directory: string): Promise<void> {
  const store = await open(directory)
  let last = await store.create('/a/0', bytes('0'))
  for (let round = 1; round <= 9; round++) {
    last = await store.update('/a/0', bytes(`${round} ${noise(900_000, round)}`), last.revision)
    await store.create(`/a/${round}`, bytes(String(round)))
    if (round === 6) await store.compact(last.revision)
  }
  await store.close()
}

test('RevisionLog cuts off a commit that is torn anywhere, keeps those before it, and goes on', async () => {
  await using directory = await temporaryDirectory()
  const [whole, torn] = [join(directory.path, 'whole'), join(directory.path, 'torn')]
  const ends = await commits(whole, 12)
  const random = seededRandom(3)
  const cuts = new Set([0, 1, 15, 16, 17, 23, 24, 25])
  for (const end of ends) for (const offset of [-1, 0, 1, 7, 8, 9, 20]) cuts.add(end + offset)
  for (let index = 0; index < 60; index++) cuts.add(Math.floor(random.next() * ends.at(-1)!))
  for (const cut of cuts) {
    for (const zeros of [0, 10_000]) {
      // Zeros come behind a whole head.
      if (cut > ends.at(-1)! || (zeros > 0 && cut < headLength)) continue
      cpSync(whole, torn, { recursive: true })
      const [path] = filesOf(torn, '.log')
      truncateSync(path!, cut)
      truncateSync(path!, cut + zeros)
      const kept = ends.filter((end) => end <= cut).length
      const store = await open(torn)
      assert.equal((await store.list('/a/')).entries.length, kept, `cut at ${cut}, ${zeros} zeros`)
      assert.equal(await store.currentRevision(), BigInt(kept + 1))
      assert.equal((await store.create('/b/1', bytes('more'))).revision, BigInt(kept + 2))
      await store.close()
      assert.equal(Object.keys(await contentOf(torn)).length, kept + 1)
      rmSync(torn, { recursive: true })
    }
  }
})

/** Of the bytes with which each file begins. */
const headLength = 16

test('RevisionLog writes over zeros that are there, and reads what stands before them', async () => {
  await using directory = await temporaryDirectory()
  const [running, crashed] = [join(directory.path, 'running'), join(directory.path, 'crashed')]
  const store = await open(running)
  const sizes = new Set<number>()
  const expected: Record<string, string> = {}
  // Beyond the first room, and once more than a room at a time.
  for (let index = 0; index < 8; index++) {
    const value = `${index} ${noise(index === 5 ? 300_000 : 60_000, index)}`
    await store.create(`/a/${index}`, bytes(value))
    expected[`/a/${index}`] = value.slice(0, 20)
    const [path] = filesOf(running, '.log')
    sizes.add(statSync(path!).size)
    cpSync(running, crashed, { recursive: true })
    assert.deepEqual(await contentOf(crashed), expected)
    assert.equal(statSync(filesOf(crashed, '.log')[0]!).size, lengthOf(path!))
    rmSync(crashed, { recursive: true })
  }
  await store.close()
  assert.ok(sizes.size < 5, `sizes of the file: ${[...sizes].join()}`)
  assert.deepEqual(await contentOf(running), expected)
})

test('RevisionLog refuses a log of which a commit that others follow became zeros', async () => {
  await using directory = await temporaryDirectory()
  const ends = await commits(directory.path, 5)
  const [path] = filesOf(directory.path, '.log')
  change(path!, (file) => file.fill(0, ends[1], ends[2]))
  truncateSync(path!, ends[4]! + 10_000)
  await assert.rejects(open(directory.path), { reason: 'corrupt' })
})

const remains: readonly [string, (length: number) => Buffer][] = [
  ['zeros', (length) => Buffer.alloc(length)],
  ['ones', (length) => Buffer.alloc(length, 0xff)],
  ['rubbish', (length) => Buffer.from(Array.from({ length }, (_, index) => (index * 131 + 7) % 251))],
]

for (const [name, remain] of remains) {
  test(`RevisionLog cuts off a commit of which only ${name} reached the disk`, async () => {
    await using directory = await temporaryDirectory()
    const ends = await commits(directory.path, 5)
    const [path] = filesOf(directory.path, '.log')
    for (const from of [ends[3]!, ends[3]! + 8, ends[3]! + 40]) {
      const file = readFileSync(path!)
      writeFileSync(path!, Buffer.concat([file.subarray(0, from), remain(ends[4]! - from)]))
      assert.deepEqual(Object.keys(await contentOf(directory.path)), ['/a/0', '/a/1', '/a/2', '/a/3'])
      const store = await open(directory.path)
      await store.create('/a/4', bytes('again'))
      await store.close()
      assert.equal((await contentOf(directory.path))['/a/4'], 'again')
    }
  })
}

const damages: readonly [string, DataDirectoryErrorReason, (directory: string) => void][] = [
  [
    'a text',
    'foreign',
    (directory) => writeFileSync(filesOf(directory, '.log')[0]!, 'some text\n'.repeat(100)),
  ],
  ['a short text', 'foreign', (directory) => writeFileSync(filesOf(directory, '.log').at(-1)!, 'text')],
  [
    'of a later version',
    'newer',
    (directory) => change(filesOf(directory, '.log')[0]!, (file) => file.writeUInt16BE(4, 14)),
  ],
  [
    'damaged in a change that others follow',
    'corrupt',
    (directory) => change(filesOf(directory, '.log')[0]!, (file) => (file[100]! ^= 1)),
  ],
  [
    'damaged in the length of a commit that others follow',
    'corrupt',
    (directory) => change(filesOf(directory, '.log')[0]!, (file) => (file[21]! ^= 0x40)),
  ],
  [
    'cut short where changes follow in another file',
    'corrupt',
    (directory) => truncateSync(filesOf(directory, '.log')[0]!, 1_000_000),
  ],
  ['without some changes', 'corrupt', (directory) => rmSync(filesOf(directory, '.log')[0]!)],
  [
    'without the latest changes',
    'corrupt',
    (directory) => filesOf(directory, '.log').forEach((path) => rmSync(path)),
  ],
  ['without its state', 'corrupt', (directory) => rmSync(filesOf(directory, '.state')[0]!)],
  [
    'of an incomplete state',
    'corrupt',
    (directory) => {
      const path = filesOf(directory, '.state')[0]!
      truncateSync(path, statSync(path).size - 1)
    },
  ],
  [
    'damaged in its state',
    'corrupt',
    (directory) => change(filesOf(directory, '.state')[0]!, (file) => (file[60]! ^= 1)),
  ],
]

function change(path: string, edit: (file: Buffer) => void): void {
  const file = readFileSync(path)
  edit(file)
  writeFileSync(path, file)
}

for (const [name, reason, damage] of damages) {
  test(`EmbeddedStore refuses files that are ${name} as ${reason}, and leaves them as they are`, async () => {
    await using directory = await temporaryDirectory()
    await churned(directory.path)
    damage(directory.path)
    const files = () => ['.log', '.state'].flatMap((suffix) => filesOf(directory.path, suffix))
    const before = files().map((path) => readFileSync(path))
    await assert.rejects(open(directory.path), { name: 'DataDirectoryError', reason })
    assert.deepEqual(
      files().map((path) => readFileSync(path)),
      before,
    )
  })
}

test('EmbeddedStore says of what an earlier version wrote that it cannot read it', async () => {
  await using directory = await temporaryDirectory()
  writeFileSync(join(directory.path, 'store.mdb'), 'x')
  await assert.rejects(open(directory.path), { reason: 'foreign', message: /of an earlier version/ })
})

const schemas = (name: string) => `${name} ${'{"type":"string","description":"a field"},'.repeat(1000)}`

test('EmbeddedStore keeps large values compressed on disk, in changes and in states, and reads them back', async () => {
  await using directory = await temporaryDirectory()
  const values = ['a', 'b', 'c'].map((name) => ({ key: `/a/${name}`, value: schemas(name) }))
  const store = await open(directory.path)
  for (const { key, value } of values) await store.create(key, bytes(value))
  const length = () =>
    lengthOf([...filesOf(directory.path, '.state'), ...filesOf(directory.path, '.log')][0]!)
  assert.ok(length() < schemas('a').length / 10, `${length()} bytes`)
  const read = async (from: EmbeddedStore) =>
    (await from.list('/a/')).entries.map(({ key, value }) => ({ key, value: text(value) }))
  assert.deepEqual(await read(store), values)
  await store.close()
  const again = await open(directory.path)
  assert.deepEqual(await read(again), values)
  // Enough that does not compress to have the changes replaced by a state.
  let last = await again.create('/b', bytes('0'))
  for (let round = 0; round < 8; round++)
    last = await again.update('/b', bytes(noise(900_000, round)), last.revision)
  last = await again.update('/b', bytes('0'), last.revision)
  await again.compact(last.revision)
  await again.close()
  assert.equal(filesOf(directory.path, '.state').length, 1)
  assert.ok(length() < schemas('a').length / 10, `${length()} bytes`)
  const third = await open(directory.path)
  assert.deepEqual(await read(third), values)
  await third.close()
})

test('EmbeddedStore keeps the outlines of large values on disk, in changes and in states', async () => {
  await using directory = await temporaryDirectory()
  const value = schemas('a')
  const bulk = [
    { start: 5, end: 30_000 },
    { start: 30_010, end: value.length - 2 },
  ]
  const expected = `${value.slice(0, 5)}${value.slice(30_000, 30_010)}${value.slice(-2)}`
  const read = async (from: EmbeddedStore) => {
    const entry = (await from.get('/a'))!
    return { outline: text(outlineOf(entry)), value: text(entry.value) }
  }
  const store = await open(directory.path)
  const { revision } = await store.create('/a', bytes('small'))
  await store.update('/a', bytes(value), revision, { bulk })
  await store.close()
  const again = await open(directory.path)
  assert.deepEqual(await read(again), { outline: expected, value })
  let last = await again.create('/b', bytes('0'))
  for (let round = 0; round < 8; round++)
    last = await again.update('/b', bytes(noise(900_000, round)), last.revision)
  await again.compact(last.revision)
  await again.close()
  assert.equal(filesOf(directory.path, '.state').length, 1)
  const third = await open(directory.path)
  assert.deepEqual(await read(third), { outline: expected, value })
  await third.close()
})

for (const format of [1, 2]) {
  test(`EmbeddedStore goes on with files of format ${format}, as files of format 3 that older programs refuse`, async () => {
    await using directory = await temporaryDirectory()
    await commits(directory.path, 2)
    const [path] = filesOf(directory.path, '.log')
    const found = () => readFileSync(path!).readUInt16BE(14)
    // What commits wrote is small, and the same in all.
    change(path!, (file) => file.writeUInt16BE(format, 14))
    const store = await open(directory.path)
    assert.equal(found(), 3)
    await store.create('/a/large', bytes(schemas('large')))
    await store.close()
    assert.deepEqual(await contentOf(directory.path), {
      '/a/0': '0 ',
      '/a/1': '1 xxxxxxx',
      '/a/large': schemas('large').slice(0, 20),
    })
  })
}

test('RevisionLog has the same content at every step of replacing changes by a state', async () => {
  await using directory = await temporaryDirectory()
  const [before, after, between] = ['before', 'after', 'between'].map((name) => join(directory.path, name))
  const writes = async (path: string) => {
    const store = await open(path)
    for (let round = 0; round < 10; round++) {
      await store.create(`/a/${round}`, bytes(`${round} ${noise(900_000, round)}`))
    }
    await store.close()
  }
  await writes(before!)
  cpSync(before!, after!, { recursive: true })
  const store = await open(after!)
  await store.compact(await store.currentRevision())
  await store.close()
  const [state] = filesOf(after!, '.state')
  assert.ok(state && filesOf(after!, '.log').length < filesOf(before!, '.log').length)
  const expected = await contentOf(before!)
  assert.deepEqual(await contentOf(after!), expected)

  const steps: readonly (() => void)[] = [
    // The state is being written.
    () =>
      writeFileSync(
        join(between!, `${state.slice(after!.length + 1)}.unfinished`),
        readFileSync(state).subarray(0, 500),
      ),
    // It is there, and nothing has been removed.
    () => cpSync(state, join(between!, state.slice(after!.length + 1))),
    // The oldest changes are gone.
    () => rmSync(filesOf(between!, '.log')[0]!),
  ]
  cpSync(after!, between!, { recursive: true })
  rmSync(filesOf(between!, '.state')[0]!)
  cpSync(before!, between!, { recursive: true })
  for (const step of steps) {
    step()
    const copy = join(directory.path, 'copy')
    cpSync(between!, copy, { recursive: true })
    assert.deepEqual(await contentOf(copy), expected)
    assert.deepEqual(filesOf(copy, '.unfinished'), [])
    rmSync(copy, { recursive: true })
  }
})

/** Fails the writes with these numbers, after `left` of their bytes have been written. */
function failing(numbers: ReadonlySet<number>, left: (bytes: number) => number): DurableWrite {
  let number = 0
  return async (file, pieces, position) => {
    const all = Buffer.concat(pieces)
    const isRoom = all.every((byte) => byte === 0)
    if (isRoom || !numbers.has(number++)) return writeDurably(file, pieces, position)
    const part = all.subarray(0, left(all.length))
    if (part.length > 0) await writeDurably(file, [part], position)
    throw Object.assign(new Error('EIO: i/o error, write'), { code: 'EIO' })
  }
}

const failures: readonly [string, (bytes: number) => number][] = [
  ['nothing reached the disk', () => 0],
  ['a part reached the disk', (length) => length >> 1],
  ['all reached the disk, as when syncing it fails', (length) => length],
]

for (const [name, left] of failures) {
  test(`EmbeddedStore takes back a commit that failed when ${name}`, async () => {
    await using directory = await temporaryDirectory()
    // The first write is the head of the file.
    const store = await open(directory.path, failing(new Set([2, 3, 5]), left))
    const outcomes: string[] = []
    for (let index = 0; index < 7; index++) {
      const write = store.create(`/a/${index}`, bytes(String(index)))
      outcomes.push(
        await write.then(
          () => 'kept',
          (error: Error) => error.message.slice(-20),
        ),
      )
    }
    const refused = 'cannot be written to'
    assert.deepEqual(outcomes, ['kept', refused, refused, 'kept', refused, 'kept', 'kept'])
    assert.equal((await store.list('/a/')).entries.length, 4)
    assert.equal(await store.currentRevision(), 5n)
    await store.close()
    assert.deepEqual(Object.keys(await contentOf(directory.path)), ['/a/0', '/a/3', '/a/5', '/a/6'])
  })
}

test('RevisionLog without its last file opens as it was before, when that was only begun', async () => {
  await using directory = await temporaryDirectory()
  await commits(directory.path, 3)
  const [first] = filesOf(directory.path, '.log')
  writeFileSync(join(directory.path, '00000000000000000004.log'), 'k8ts st')
  const store = await open(directory.path)
  await store.create('/a/3', bytes('3'))
  await store.close()
  assert.equal(Object.keys(await contentOf(directory.path)).length, 4)
  renameSync(first!, `${first}.away`)
  await assert.rejects(open(directory.path), { reason: 'corrupt' })
})
