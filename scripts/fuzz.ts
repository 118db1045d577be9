/**
 * Fuzzes what reads requests for as long as it is told, and keeps every input that it should not have survived in the
 * corpus, where the tests try it from then on.
 *
 *     node scripts/fuzz.ts [--seconds 60] [--target json-body] [--seed 1]
 */
import { parseArgs, inspect } from 'node:util'
import { seededRandom } from '../src/machinery/random.ts'
import { fuzz, keep } from '../test/fuzz/fuzz.ts'
import { fuzzTarget, fuzzTargets } from '../test/fuzz/targets.ts'

const { values } = parseArgs({
  options: {
    seconds: { type: 'string', default: '60' },
    target: { type: 'string' },
    seed: { type: 'string' },
  },
})
const targets = values.target === undefined ? fuzzTargets : [fuzzTarget(values.target)]
const seed = values.seed === undefined ? Math.trunc(performance.timeOrigin) : Number(values.seed)
const msEach = (Number(values.seconds) * 1000) / targets.length
console.log(`seed ${seed}`)

let found = 0
for (const target of targets) {
  const end = performance.now() + msEach
  let tried = 0
  const finding = fuzz(target, seededRandom(seed), (count) => {
    tried = count
    return performance.now() < end
  })
  console.log(`${target.name}: ${tried} inputs`)
  if (!finding) continue
  found++
  console.error(`${target.name}: ${keep(finding)}\n${inspect(finding.error)}`)
}
process.exitCode = found > 0 ? 1 : 0
