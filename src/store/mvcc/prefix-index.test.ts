import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { PrefixIndex } from './prefix-index.ts'

const texts = fc.string({ unit: fc.constantFrom('/', 'a', 'b'), maxLength: 4 })

test('PrefixIndex.longest leads to the items of all prefixes of a key, and of no other', () => {
  const changes = fc.array(fc.tuple(texts, fc.nat({ max: 2 }), fc.boolean()), { maxLength: 30 })
  fc.assert(
    fc.property(changes, texts, (changes, key) => {
      const index = new PrefixIndex<number>()
      const model = new Map<string, { prefix: string; item: number }>()
      for (const [prefix, item, add] of changes) {
        if (add) index.add(prefix, item)
        else index.remove(prefix, item)
        if (add) model.set(`${prefix} ${item}`, { prefix, item })
        else model.delete(`${prefix} ${item}`)
      }
      const found: string[] = []
      for (let node = index.longest(key); node; node = node.parent) {
        for (const item of node.items) found.push(`${node.prefix} ${item}`)
      }
      const expected = [...model].filter(([, { prefix }]) => key.startsWith(prefix)).map(([name]) => name)
      assert.deepEqual(found.sort(), expected.sort())
    }),
    { seed: 1, numRuns: 500 },
  )
})
