/** Has no more than `limit` works be under way at a time; the others wait, in the order they came. */
export type PullQueue = <T>(work: () => Promise<T>) => Promise<T>

export function createPullQueue(limit: number): PullQueue {
  let running = 0
  const waiting: (() => void)[] = []
  return async (work) => {
    if (running < limit) running++
    else await new Promise<void>((resolve) => waiting.push(resolve))
    try {
      return await work()
    } finally {
      const next = waiting.shift()
      if (next) next()
      else running--
    }
  }
}
