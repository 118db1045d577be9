import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { ContainerStatus } from '../../../api/generated/core.v1.ts'
import { limitMessages } from './limit-messages.ts'

function ended(name: string, message: string): ContainerStatus {
  const state = { terminated: { exitCode: 1, message } }
  return { name, image: '', imageID: '', ready: false, restartCount: 1, state, lastState: state }
}

describe('limitMessages', () => {
  it('gives each container its share of 12 KiB', () => {
    const many = Array.from({ length: 6 }, (_, index) => ended(String(index), 'x'.repeat(4096)))
    const [init, main, ephemeral] = limitMessages(many.slice(0, 2), many.slice(2, 4), many.slice(4))
    for (const { state, lastState } of [...init, ...main, ...ephemeral]) {
      assert.equal(state?.terminated?.message?.length, 2048)
      assert.equal(lastState?.terminated?.message?.length, 2048)
    }
  })

  it('cuts no character in two', () => {
    const [, [status]] = limitMessages([], [ended('a', 'é'.repeat(7000))], [])
    assert.equal(status?.state?.terminated?.message, 'é'.repeat(6144))
    const [, [odd]] = limitMessages([], [ended('a', `a${'é'.repeat(7000)}`)], [])
    assert.equal(odd?.state?.terminated?.message, `a${'é'.repeat(6143)}`)
  })

  it('leaves short ones as they are', () => {
    const statuses = [ended('a', 'x'.repeat(4096))]
    assert.equal(limitMessages([], statuses, [])[1][0], statuses[0])
  })
})
