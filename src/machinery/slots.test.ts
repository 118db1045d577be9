import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { Slots } from './slots.ts'

test('Slots hold what a set would', () => {
  const steps = fc.array(fc.oneof(fc.constant('add' as const), fc.nat(50)), { maxLength: 200 })
  fc.assert(
    fc.property(steps, (list) => {
      const slots = new Slots<object>()
      const model = new Map<object, number>()
      for (const step of list) {
        if (step === 'add') {
          const item = { number: model.size }
          model.set(item, slots.add(item))
        } else {
          const [item, slot] = [...model][step] ?? []
          if (item === undefined) continue
          slots.remove(slot!)
          model.delete(item)
        }
        assert.equal(slots.size, model.size)
        assert.equal(new Set(model.values()).size, model.size)
        assert.deepEqual(new Set(slots), new Set(model.keys()))
      }
    }),
  )
})
