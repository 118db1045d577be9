import assert from 'node:assert/strict'
import { test } from 'node:test'
import { runSeeds, type SeedResult } from './run-seeds.ts'

/*
 * K8TS_SIMULATION_SEEDS=FROM-TO runs other seeds, both ends included; one seed that failed is run again by itself.
 * K8TS_SIMULATION_MINUTES=N begins no more of them after so long.
 */
const [from = 1, to = from] = (process.env['K8TS_SIMULATION_SEEDS'] ?? '1-12').split('-').map(Number)
const seeds = Array.from({ length: to - from + 1 }, (_, index) => from + index)

function described({ seed, story, faults }: SeedResult): string {
  return [`K8TS_SIMULATION_SEEDS=${seed}`, ...story, ...faults.map((fault) => `FAULT: ${fault}`)].join('\n')
}

const minutes = Number(process.env['K8TS_SIMULATION_MINUTES'] ?? Infinity)

test(`a cluster in which everything fails comes to what is declared and is quiet, seeds ${from} to ${to}`, async (t) => {
  const endMs = performance.now() + minutes * 60_000
  const isTimeLeft = () => performance.now() < endMs
  const failed: string[] = []
  let count = 0
  for await (const result of runSeeds(seeds)) {
    count++
    if (result.faults.length > 0) failed.push(described(result))
    if (!isTimeLeft()) break
  }
  t.diagnostic(`${count} of ${seeds.length} seeds in the time there was`)
  assert.equal(failed.length, 0, failed.join('\n\n'))
  if (isTimeLeft()) assert.equal(count, seeds.length, 'not every scenario came to its end')
})

test('a scenario goes the same way every time', async () => {
  const [first, second] = await Array.fromAsync(runSeeds([from, from]))
  assert.deepEqual(first, second)
})
