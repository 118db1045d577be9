import assert from 'node:assert/strict'
import { test } from 'node:test'
import { reportsProgress } from './server-version.ts'

const versions: readonly [string, boolean][] = [
  ['3.3.27', false],
  ['3.4.23', false],
  ['3.4.31', true],
  ['3.4.40', true],
  ['3.5.0', false],
  ['3.5.12', false],
  ['3.5.13', true],
  ['3.6.0-rc.1', true],
  ['4.0.0', true],
]

for (const [version, expected] of versions) {
  test(`reportsProgress trusts ${version}: ${expected}`, () =>
    assert.equal(reportsProgress(version), expected))
}
