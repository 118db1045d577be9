import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { SortedMap } from './sorted-map.ts'

const keys = fc
  .tuple(fc.constantFrom('a', 'a-b', 'b', ''), fc.nat(2000))
  .map(([ns, n]) => (ns ? `${ns}/${n}` : `${n}`))

test('SortedMap lists, counts and finds what a sorted copy would', () => {
  fc.assert(
    fc.property(
      fc.array(fc.tuple(keys, fc.boolean()), { maxLength: 3000, size: 'max' }),
      fc.constantFrom('', 'a/', 'a-b/', 'b/', 'c/'),
      keys,
      (operations, prefix, from) => {
        const map = new SortedMap<string>()
        const model = new Map<string, string>()
        for (const [key, remove] of operations) {
          if (remove) assert.equal(map.delete(key), model.delete(key))
          else {
            map.set(key, `value of ${key}`)
            model.set(key, `value of ${key}`)
          }
        }
        const expected = [...model.keys()].sort().filter((key) => key.startsWith(prefix) && key >= from)
        const listed: string[] = []
        map.visit(prefix, from, (value, key) => {
          assert.equal(value, `value of ${key}`)
          listed.push(key)
        })
        assert.deepEqual(listed, expected)
        assert.equal(map.count(prefix, from), expected.length)
        assert.equal(map.size, model.size)
      },
    ),
    { numRuns: 60 },
  )
})

test('SortedMap.visit stops when told', () => {
  const map = new SortedMap<number>()
  for (let index = 0; index < 2000; index++) map.set(String(index).padStart(4, '0'), index)
  const seen: number[] = []
  map.visit('', '0998', (value) => {
    seen.push(value)
    return seen.length < 4
  })
  assert.deepEqual(seen, [998, 999, 1000, 1001])
})
