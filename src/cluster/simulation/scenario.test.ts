import assert from 'node:assert/strict'
import { test } from 'node:test'
import { runScenario } from './scenario.ts'

/*
 * K8TS_SIMULATION_SEEDS=FROM-TO runs other seeds, both ends included; one seed that failed is run again by itself.
 */
const [from = 1, to = from] = (process.env['K8TS_SIMULATION_SEEDS'] ?? '1-12').split('-').map(Number)

test(`a cluster in which everything fails comes to what is declared and is quiet, seeds ${from} to ${to}`, async () => {
  for (let seed = from; seed <= to; seed++) {
    const { story, faults } = await runScenario(seed)
    assert.deepEqual(faults, [], `K8TS_SIMULATION_SEEDS=${seed}\n${story.join('\n')}`)
  }
})

test('a scenario goes the same way every time', async () => {
  assert.deepEqual(await runScenario(from), await runScenario(from))
})
