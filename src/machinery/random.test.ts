import assert from 'node:assert/strict'
import { test } from 'node:test'
import { seededRandom, systemRandom } from './random.ts'

test('UUIDs are of version 4, and a seed’s own', () => {
  for (const random of [systemRandom, seededRandom(1)]) {
    assert.match(random.uuid(), /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/)
  }
  const [one, same, other] = [1, 1, 2].map((seed) => {
    const random = seededRandom(seed)
    return [random.uuid(), random.uuid()]
  })
  assert.deepEqual(one, same)
  assert.equal(new Set([...one!, ...other!]).size, 4)
})
