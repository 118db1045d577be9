import assert from 'node:assert/strict'
import { test } from 'node:test'
import { checkRange, defaultRange, findRange, idsUnit, type SubordinateIDs } from './id-range.ts'

const aMachine = (answers: {
  users?: string | undefined
  groups?: string
  user?: boolean
}): SubordinateIDs => ({
  hasUser: async () => answers.user ?? true,
  getsubids: async (...args) => (args[0] === '-g' ? answers.groups : answers.users),
})
const line = '0: kubelet 65536 2147483648\n'

test('findRange takes the subordinate ids of the user kubelet', async () => {
  const machine = aMachine({ users: line, groups: line })
  assert.deepEqual(await findRange(idsUnit, machine), { first: 65_536, length: 2_147_483_648 })
})

test('findRange takes all but the first where the machine does not say', async () => {
  const all = { first: 65_536, length: 4_294_901_760 }
  assert.deepEqual(await findRange(idsUnit, aMachine({ user: false, users: line })), all)
  assert.deepEqual(await findRange(idsUnit, aMachine({ users: undefined })), all)
})

test('findRange guesses nothing where the machine says what cannot be understood', async () => {
  const rows: readonly (readonly [string, string, RegExp])[] = [
    ['', '', /error parsing line ""/],
    [line + line, line + line, /error parsing line/],
    ['0: kubelet a b', '0: kubelet a b', /error parsing line/],
    [line, '0: kubelet 131072 65536', /mismatched subuids and subgids for user "kubelet"/],
  ]
  for (const [users, groups, message] of rows)
    await assert.rejects(findRange(idsUnit, aMachine({ users, groups })), { message })
})

test('checkRange wants one namespace for each pod, and none that holds the root of the node', () => {
  checkRange(defaultRange(idsUnit), idsUnit, 65_535)
  const rows: readonly (readonly [number, number, RegExp])[] = [
    [1000, 65_536, /^kubelet user assigned ID 1000 is not a multiple of 65536$/],
    [0, 65_536, /^kubelet user assigned ID 0 must be greater or equal to 65536$/],
    [65_536, 1000, /^kubelet user assigned IDs length 1000 is not a multiple of 65536$/],
    [65_536, 65_536, /^kubelet user assigned IDs are not enough to support 2 pods$/],
  ]
  for (const [first, length, message] of rows)
    assert.throws(() => checkRange({ first, length }, idsUnit, 2), { message })
})
