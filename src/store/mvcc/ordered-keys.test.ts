import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { OrderedKeys } from './ordered-keys.ts'

const keys = fc.string({ unit: fc.constantFrom('/', 'a', 'b', 'ä', '\ufb01', '\u{1f600}'), maxLength: 5 })

function byBytes(left: string, right: string): number {
  return Buffer.compare(Buffer.from(left), Buffer.from(right))
}

function visited(
  ordered: OrderedKeys<{ key: string }>,
  prefix: string,
  startKey: string,
  limit = Infinity,
): string[] {
  const found: string[] = []
  ordered.visit(prefix, startKey, ({ key }) => found.push(key) < limit)
  return found
}

test('OrderedKeys visits and counts what a sorted list has', () => {
  const changes = fc.array(fc.tuple(keys, fc.boolean()), { maxLength: 60 })
  fc.assert(
    fc.property(changes, keys, keys, (changes, prefix, startKey) => {
      const ordered = new OrderedKeys<{ key: string }>()
      const model = new Set<string>()
      for (const [key, add] of changes) {
        if (!add) ordered.remove(key)
        else if (!model.has(key)) ordered.add({ key })
        if (add) model.add(key)
        else model.delete(key)
      }
      const expected = [...model]
        .filter((key) => key.startsWith(prefix) && byBytes(key, startKey) >= 0)
        .sort(byBytes)
      assert.deepEqual(visited(ordered, prefix, startKey), expected)
      assert.deepEqual(visited(ordered, prefix, startKey, 2), expected.slice(0, 2))
      assert.equal(ordered.count(prefix, startKey), expected.length)
      assert.equal(ordered.length, model.size)
    }),
    { seed: 1, numRuns: 500 },
  )
})

test('OrderedKeys stays in order across many chunks', () => {
  const ordered = new OrderedKeys<{ key: string }>()
  const all = Array.from({ length: 5000 }, (_, index) => `/${(index * 7919) % 5000}`)
  for (const key of all) ordered.add({ key })
  assert.deepEqual(visited(ordered, '', ''), all.toSorted(byBytes))
  assert.equal(ordered.count('/4', '/4'), 1111)
  for (const key of all.slice(0, 4990)) ordered.remove(key)
  assert.deepEqual(visited(ordered, '', ''), all.slice(4990).sort(byBytes))
})
