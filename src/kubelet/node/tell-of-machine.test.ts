import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Machine } from './machine.ts'
import { tellOfMachine } from './tell-of-machine.ts'

test('tellOfMachine tells that pods are kept to what the node can give them, unless they are not', async () => {
  const enforcements = [undefined, { pods: true, reserved: [] }, { pods: false, reserved: [] }]
  const told = enforcements.map(async (enforcement) => {
    const reasons: string[] = []
    const recorder = { event: (_about: object, _type: string, reason: string) => void reasons.push(reason) }
    await tellOfMachine(recorder, { metadata: { name: 'node1' } }, { swapBytes: 0 } as Machine, enforcement)
    return reasons
  })
  assert.deepEqual(await Promise.all(told), [['NodeAllocatableEnforced'], ['NodeAllocatableEnforced'], []])
})
