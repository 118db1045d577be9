import { readFileSync } from 'node:fs'
import { every, type Clock } from '../../machinery/clock.ts'
import type { Logger } from '../../machinery/log.ts'
import type { Reloadable } from '../../apiserver/reloadable.ts'

const periodMs = 1_000

export interface ReloadedFile<T> extends Reloadable<T> {
  close(): void
}

/**
 * What a file says, now and whenever it changes. Throws when it cannot be read the first time; later, what it said before
 * stays in force until it can be read again, and the log tells. `replaced` is given what is not used any more.
 */
export function reloadFile<T>(
  path: string,
  read: (content: string) => T,
  {
    clock,
    log,
    replaced,
  }: { readonly clock: Clock; readonly log: Logger; readonly replaced?: (value: T) => void },
): ReloadedFile<T> {
  let content = readFileSync(path, 'utf8')
  let current = read(content)
  let failure = ''
  const cancel = every(clock, periodMs, () => {
    try {
      const next = readFileSync(path, 'utf8')
      if (next === content) return
      // What is wrong with this content is said once.
      content = next
      const before = current
      current = read(next)
      failure = ''
      replaced?.(before)
      log.info('A configuration file was read again', { path })
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error)
      if (message !== failure)
        log.error('A configuration file could not be read again', { path, error: message })
      failure = message
    }
  })
  return {
    get current() {
      return current
    },
    close() {
      cancel()
      replaced?.(current)
    },
  }
}
