/**
 * Runs `act` `count` times (with 0, 1, ...), in parallel within batches of 1, 2, 4, ...: when every call fails (a quota,
 * a refusing webhook), one call has found that out, not hundreds. Stops after the first batch with a failure and throws that.
 */
export async function slowStart(count: number, act: (index: number) => Promise<unknown>): Promise<void> {
  let next = 0
  for (let size = 1; next < count; size *= 2) {
    const batch = Math.min(size, count - next)
    const from = next
    const results = await Promise.allSettled(Array.from({ length: batch }, (_, at) => act(from + at)))
    throwFirst(results)
    next += batch
  }
}

/** Runs all at once, waits for all, and throws the first failure. */
export async function inParallel<T>(items: readonly T[], act: (item: T) => Promise<unknown>): Promise<void> {
  throwFirst(await Promise.allSettled(items.map(act)))
}

function throwFirst(results: readonly PromiseSettledResult<unknown>[]): void {
  const failed = results.find((result) => result.status === 'rejected')
  if (failed) throw failed.reason as Error
}
