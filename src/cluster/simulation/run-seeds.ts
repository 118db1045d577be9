import { on } from 'node:events'
import { Worker } from 'node:worker_threads'
import type { ScenarioResult } from './scenario.ts'

export interface SeedResult extends ScenarioResult {
  readonly seed: number
}

/** Room for what a scenario makes and drops at once, so that little of it has to be moved. */
const resourceLimits = { maxYoungGenerationSizeMb: 192 }

/**
 * The scenarios of these seeds, one after the other as they end, in a thread of their own: the test runner follows every
 * promise that is made in the thread of a test, which costs as much again as the scenario.
 */
export async function* runSeeds(seeds: readonly number[]): AsyncGenerator<SeedResult> {
  if (seeds.length === 0) return
  const worker = new Worker(new URL('seeds-worker.ts', import.meta.url), {
    workerData: seeds,
    resourceLimits,
  })
  try {
    for await (const [result] of on(worker, 'message', { close: ['exit'] })) yield result as SeedResult
  } finally {
    await worker.terminate()
  }
}
