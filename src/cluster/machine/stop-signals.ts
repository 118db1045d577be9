import { exitCodes } from '../cli/exit-codes.ts'

/** Resolves at the first signal that ends a program; a second one ends this process at once. */
export function stopSignals() {
  const { promise, resolve } = Promise.withResolvers<void>()
  let requested = false
  const request = () => {
    if (requested) return
    requested = true
    resolve()
  }
  for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.on(name, () => {
      if (requested && name === 'SIGINT') process.exit(exitCodes.cancelled)
      request()
    })
  }
  return { request, requested: promise, isRequested: () => requested }
}
