import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createPullQueue } from './pull-queue.ts'

test('createPullQueue has no more works under way than it may, in their order, and goes on after a failure', async () => {
  const queue = createPullQueue(2)
  const log: string[] = []
  const gates = new Map<string, PromiseWithResolvers<void>>()
  const work = (name: string) => {
    const gate = Promise.withResolvers<void>()
    gates.set(name, gate)
    return queue(async () => {
      log.push(name)
      await gate.promise
      return name
    }).catch(() => `${name} failed`)
  }
  const results = ['a', 'b', 'c', 'd'].map(work)
  const settle = () => new Promise((resolve) => setImmediate(resolve))
  await settle()
  assert.deepEqual(log, ['a', 'b'])
  gates.get('b')?.reject(new Error('b'))
  await settle()
  assert.deepEqual(log, ['a', 'b', 'c'])
  for (const gate of gates.values()) gate.resolve()
  assert.deepEqual(await Promise.all(results), ['a', 'b failed', 'c', 'd'])
  assert.equal(await queue(async () => 'after'), 'after')
})
