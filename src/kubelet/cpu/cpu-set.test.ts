import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseCPUSet } from './cpu-set.ts'

test('parseCPUSet names each CPU once, in order', () => {
  const rows: readonly (readonly [string, readonly number[]])[] = [
    ['', []],
    ['3', [3]],
    ['7,0-2,1', [0, 1, 2, 7]],
  ]
  for (const [text, cpus] of rows) assert.deepEqual(parseCPUSet(text), cpus)
})

test('parseCPUSet refuses what is no list of CPUs', () => {
  const rows: readonly (readonly [string, string])[] = [
    ['a', 'strconv.Atoi: parsing "a": invalid syntax'],
    ['0,', 'strconv.Atoi: parsing "": invalid syntax'],
    ['1-2-3', 'strconv.Atoi: parsing "2-3": invalid syntax'],
    ['3-1', 'invalid range "3-1" (3 > 1)'],
  ]
  for (const [text, message] of rows) assert.throws(() => parseCPUSet(text), { message })
})
