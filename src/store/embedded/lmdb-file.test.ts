import assert from 'node:assert/strict'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { open as openLmdb } from 'lmdb'
import { silentLogger } from '../../machinery/log.ts'
import { seededRandom } from '../../machinery/random.ts'
import { fakeClock } from '../../machinery/testing/fake-clock.ts'
import { bytes } from '../testing/store-fixture.ts'
import { temporaryDirectory } from '../testing/temporary-directory.ts'
import type { DataDirectoryErrorReason } from './data-directory-error.ts'
import { EmbeddedStore } from './embedded-store.ts'
import { checkLmdbFile } from './lmdb-file.ts'

const pageBytes = 4096

function open(directory: string): Promise<EmbeddedStore> {
  return EmbeddedStore.open({ directory, clock: fakeClock(), log: silentLogger })
}

/** The file of a store that has branch, leaf, overflow and free pages. */
async function soundFile(directory: string): Promise<Buffer> {
  const store = await open(directory)
  for (let index = 0; index < 60; index++) {
    const { revision } = await store.create(`/a/${index}`, new Uint8Array(index * 150).fill(index))
    if (index % 4 === 0) await store.delete(`/a/${index}`, revision)
  }
  await store.compact(await store.currentRevision())
  await store.close()
  return readFileSync(join(directory, 'store.mdb'))
}

const damages: readonly [string, DataDirectoryErrorReason, (file: Buffer) => Buffer][] = [
  ['a text', 'foreign', () => Buffer.from('some text\n'.repeat(1000))],
  ['a short text', 'foreign', () => Buffer.from('some text\n')],
  ['only zeros', 'foreign', () => Buffer.alloc(100_000)],
  ['one page', 'corrupt', (file) => file.subarray(0, pageBytes)],
  ['the meta pages alone', 'corrupt', (file) => file.subarray(0, 2 * pageBytes)],
  ['half of it', 'corrupt', (file) => file.subarray(0, file.length >> 1)],
  ['no second meta page', 'corrupt', (file) => Buffer.from(file).fill(0, pageBytes, 2 * pageBytes)],
  ['zeros after the meta pages', 'corrupt', (file) => Buffer.from(file).fill(0, 2 * pageBytes)],
  [
    'a flipped bit in a value',
    'corrupt',
    (file) => {
      const damaged = Buffer.from(file)
      damaged[damaged.lastIndexOf(Buffer.alloc(1000, 9)) + 500]! ^= 1
      return damaged
    },
  ],
]

for (const [name, reason, damage] of damages) {
  test(`EmbeddedStore refuses a file that is ${name} as ${reason}`, async () => {
    await using directory = await temporaryDirectory()
    const damaged = damage(await soundFile(directory.path))
    const path = join(directory.path, 'store.mdb')
    writeFileSync(path, damaged)
    await assert.rejects(open(directory.path), { name: 'DataDirectoryError', reason })
    assert.ok(readFileSync(path).equals(damaged), 'the file is as it was')
  })
}

test('EmbeddedStore opens an empty file as a new store', async () => {
  await using directory = await temporaryDirectory()
  writeFileSync(join(directory.path, 'store.mdb'), '')
  const store = await open(directory.path)
  await store.create('/a/1', bytes('one'))
  await store.close()
})

test('EmbeddedStore refuses an LMDB file that another program wrote', async () => {
  await using directory = await temporaryDirectory()
  const database = openLmdb<string, string>(join(directory.path, 'store.mdb'), {})
  await database.put('name', 'value')
  await database.close()
  await assert.rejects(open(directory.path), { name: 'DataDirectoryError', reason: 'foreign' })
})

test('EmbeddedStore refuses a file of a later version', async () => {
  await using directory = await temporaryDirectory()
  const database = openLmdb<Buffer, Buffer>(join(directory.path, 'store.mdb'), {
    keyEncoding: 'binary',
    encoding: 'binary',
  })
  await database.put(Buffer.alloc(8), Buffer.from('{"format":"k8ts store","version":2}'))
  await database.close()
  await assert.rejects(open(directory.path), { name: 'DataDirectoryError', reason: 'newer' })
})

test('checkLmdbFile finds rubbish in the pages of its trees, and reads on past any other', async () => {
  await using directory = await temporaryDirectory()
  const file = await soundFile(directory.path)
  const path = join(directory.path, 'damaged.mdb')
  const random = seededRandom(7)
  const entries = checkLmdbFile(join(directory.path, 'store.mdb'))
  let found = 0
  for (let page = 2; page < file.length / pageBytes; page++) {
    const damaged = Buffer.from(file)
    for (let index = 0; index < pageBytes; index++) {
      damaged[page * pageBytes + index] = Math.floor(random.next() * 256)
    }
    writeFileSync(path, damaged)
    try {
      assert.equal(checkLmdbFile(path), entries)
    } catch (error) {
      assert.equal((error as { reason?: unknown }).reason, 'corrupt', String(error))
      found++
    }
  }
  assert.ok(found > 20, `${found} pages of ${file.length / pageBytes} are in use`)
})
