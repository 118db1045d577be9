import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { test } from 'node:test'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { silentLogger } from '../machinery/log.ts'
import { fakeClock } from '../machinery/testing/fake-clock.ts'
import { keptBytes, keptEntry, largeValueBytes, outlineOf } from './large-value.ts'
import { MemoryStore } from './memory/memory-store.ts'

setFlagsFromString('--expose-gc')
const collectGarbage = runInNewContext('gc') as () => void

/** A JSON text of `bytes` bytes that compresses as schemas do. */
function aText(bytes: number, seed = ''): Buffer {
  const line = `{"type":"string","description":"one of the fields ${seed}"},`
  return Buffer.from(line.repeat(Math.ceil(bytes / line.length)).slice(0, bytes))
}

/** Once readers are gone; an ended job lets go of what it looked at. */
async function afterCollection(): Promise<number> {
  await new Promise((resolve) => setImmediate(resolve))
  collectGarbage()
  return process.memoryUsage().arrayBuffers
}

for (const [name, value] of [
  ['a small value', aText(largeValueBytes - 1)],
  ['a large value', aText(largeValueBytes)],
  ['a very large value', aText(1_000_000)],
  ['a value that does not compress', randomBytes(100_000)],
] as const) {
  test(`keptBytes gives back ${name}`, async () => {
    const expected = Buffer.from(value)
    const kept = keptBytes(value)
    assert.ok(expected.equals(kept.value))
    await afterCollection()
    assert.ok(expected.equals(kept.value))
  })
}

for (const [name, bulk] of [
  ['a piece', [{ start: 10, end: 90_000 }]],
  [
    'several, also at its ends and empty ones',
    [
      { start: 0, end: 40_000 },
      { start: 40_000, end: 40_000 },
      { start: 40_003, end: 60_000 },
      { start: 61_000, end: 100_000 },
    ],
  ],
] as const) {
  test(`keptBytes holds plain what is left of a value without ${name}, and gives back the whole`, async () => {
    const text = Array.from({ length: 15_000 }, (_, index) => `field ${index}`)
      .join(',')
      .slice(0, 100_000)
    const pieces: string[] = []
    let at = 0
    for (const { start, end } of bulk) {
      pieces.push(text.slice(at, start))
      at = end
    }
    pieces.push(text.slice(at))
    const kept = keptBytes(Buffer.from(text), bulk)
    await afterCollection()
    assert.equal(Buffer.from(outlineOf(kept)!).toString(), pieces.join(''))
    assert.equal(Buffer.from(kept.value).toString(), text)
  })
}

test('keptBytes holds nothing plain where that would be large itself', () => {
  const value = aText(100_000)
  assert.equal(outlineOf(keptBytes(value, [{ start: 0, end: 50_000 }])), undefined)
  assert.notEqual(outlineOf(keptBytes(value, [{ start: 0, end: 90_000 }])), undefined)
})

test('keptBytes shares the plain bytes among those who hold them', async () => {
  const kept = keptBytes(aText(100_000))
  await afterCollection()
  const held = kept.value
  await afterCollection()
  assert.equal(kept.value, held)
})

test('keptEntry can be copied', () => {
  const value = aText(100_000)
  assert.deepEqual(
    { ...keptEntry('/a', value, 3n, 2n) },
    { key: '/a', value, revision: 3n, createRevision: 2n },
  )
})

test('a store does not hold the plain bytes of large values, nor of their history', async () => {
  const store = new MemoryStore({ clock: fakeClock(), log: silentLogger })
  const before = await afterCollection()
  let entry = await store.create('/a', aText(1_000_000, '0'))
  for (let index = 1; index < 40; index++) {
    entry = await store.update('/a', aText(1_000_000, `${index}`), entry.revision)
  }
  let heldBytes = Infinity
  // Memory is given back beside the collection, and others in the process use some for a moment: the least seen counts.
  for (let look = 0; look < 10 && heldBytes >= 4_000_000; look++) {
    heldBytes = (await afterCollection()) - before
  }
  assert.ok(heldBytes < 4_000_000, `${heldBytes} bytes are held`)
  const { entries } = await store.list('/a', { revision: entry.revision - 20n })
  assert.match(Buffer.from(entries[0]!.value).toString('latin1', 0, 60), /one of the fields 19"/)
})
