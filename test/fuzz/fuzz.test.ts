import assert from 'node:assert/strict'
import { inspect } from 'node:util'
import { test } from 'node:test'
import { seededRandom } from '../../src/machinery/random.ts'
import { fuzz } from './fuzz.ts'
import { fuzzTargets } from './targets.ts'

/** Of the mutations of each target's corpus; `scripts/fuzz.ts` tries many more. */
const mutations = 1_500

for (const target of fuzzTargets) {
  test(`${target.name}: whatever comes is understood or refused`, () => {
    const finding = fuzz(target, seededRandom(1), (count) => count < mutations)
    if (finding) {
      assert.fail(`${inspect(finding.input.toString('latin1'))}: ${inspect(finding.error)}`)
    }
  })
}
