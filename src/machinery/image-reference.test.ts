import assert from 'node:assert/strict'
import { test } from 'node:test'
import { imageNameProblem, isLatestImage, parseImageReference } from './image-reference.ts'

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

const problems: readonly (readonly [image: string, problem: string])[] = [
  ['', 'invalid reference format'],
  ['i:', 'invalid reference format'],
  ['${REGISTRY}/i:1', 'invalid reference format'],
  ['Alpine:3', 'invalid reference format: repository name (library/Alpine) must be lowercase'],
  ['team/App:1', 'invalid reference format: repository name (team/App) must be lowercase'],
  ['r:5000/App:1', 'invalid reference format: repository name (App) must be lowercase'],
  ['Team/App', 'invalid reference format: repository name (App) must be lowercase'],
  ['r/i:V 1', 'invalid reference format'],
  ['a'.repeat(64), `invalid repository name (${'a'.repeat(64)}), cannot specify 64-byte hexadecimal strings`],
]

for (const [image, problem] of problems)
  test(`imageNameProblem of ${image || 'nothing'}`, () => {
    assert.equal(parseImageReference(image), undefined)
    assert.equal(imageNameProblem(image), problem)
  })
