import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isLatestImage, parseImageReference } from './image-reference.ts'

const digest = `sha256:${'0'.repeat(64)}`

const rows: readonly (readonly [image: string, isLatest: boolean])[] = [
  ['i', true],
  ['r:5000/i', true],
  ['i:latest', true],
  [`i:latest@${digest}`, true],
  [`i@${digest}`, false],
  ['i:1', false],
  ['', false],
  ['No name', false],
  ['a'.repeat(64), false],
]

for (const [image, isLatest] of rows)
  test(`isLatestImage of ${image || 'nothing'}: ${isLatest}`, () =>
    assert.equal(isLatestImage(image), isLatest))

test('parseImageReference gives up on what is too long to be a name', () => {
  assert.equal(parseImageReference(`${'a/'.repeat(1_000_000)}!`), undefined)
})
