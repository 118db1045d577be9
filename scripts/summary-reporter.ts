import type { TestEvent } from 'node:test/reporters'

/** What of a run scripts/test.ts wants to know: one line of JSON with its counts. */
export interface RunCounts {
  readonly tests: number
  readonly passed: number
  readonly skipped: number
}

/** A reporter of node:test that prints the counts of the whole run. */
export default async function* summary(source: AsyncIterable<TestEvent>): AsyncGenerator<string> {
  for await (const event of source) {
    if (event.type !== 'test:summary' || event.data.file !== undefined) continue
    const { tests, passed, skipped, todo } = event.data.counts
    const counts: RunCounts = { tests, passed, skipped: skipped + todo }
    yield `${JSON.stringify(counts)}\n`
  }
}
