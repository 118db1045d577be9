import assert from 'node:assert/strict'
import { registerHooks } from 'node:module'
import { parentPort, workerData } from 'node:worker_threads'

/** A mistake put into one file of the program. */
export interface Mutation {
  /** The end of the file's path. */
  readonly file: string
  readonly from: string
  readonly to: string
}

export interface MutantTask {
  readonly mutation: Mutation
  /** The first and the last seed to try. */
  readonly seeds: readonly [first: number, last: number]
}

/** Runs scenarios with a mistake in the program, until one finds faults; answers with those. */
async function run({ mutation, seeds: [first, last] }: MutantTask): Promise<readonly string[]> {
  let isMade = false
  registerHooks({
    load(url, context, nextLoad) {
      const loaded = nextLoad(url, context)
      if (!url.endsWith(mutation.file)) return loaded
      const source = Buffer.from(loaded.source as Uint8Array).toString()
      assert.ok(source.includes(mutation.from), `${mutation.file} does not say ${mutation.from}`)
      isMade = true
      return { ...loaded, source: source.replace(mutation.from, mutation.to) }
    },
  })
  const { runScenario } = await import('./scenario.ts')
  assert.ok(isMade, `${mutation.file} is not part of the program`)
  for (let seed = first; seed <= last; seed++) {
    const { faults } = await runScenario(seed)
    if (faults.length > 0) return faults
  }
  return []
}

// oxlint-disable-next-line unicorn/require-post-message-target-origin -- a port, not a window
parentPort?.postMessage(await run(workerData as MutantTask))
