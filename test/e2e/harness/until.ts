import { setTimeout as delay } from 'node:timers/promises'

/** Asks again and again until `condition` gives something other than false or undefined; throws its last error. */
export async function until<T>(
  what: string,
  condition: () => Promise<T | false | undefined> | T | false | undefined,
  timeoutMs = 30_000,
): Promise<T> {
  const deadline = performance.now() + timeoutMs
  let last: unknown
  for (;;) {
    try {
      const result = await condition()
      if (result !== false && result !== undefined) return result
      last = undefined
    } catch (error) {
      last = error
    }
    if (performance.now() > deadline) {
      throw new Error(`not in ${timeoutMs / 1000} s: ${what}`, { cause: last })
    }
    await delay(50)
  }
}
