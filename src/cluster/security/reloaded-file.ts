import { readFileSync } from 'node:fs'
import { every, type Cancel, type Clock } from '../../machinery/clock.ts'
import type { Logger } from '../../machinery/log.ts'
import type { Reloadable } from '../../apiserver/reloadable.ts'
import type { ReloadObserver } from './reload-metrics.ts'

const periodMs = 1_000
/** What is read anew may take this long to become ready. */
const readyWithinMs = 60_000
/** What was replaced serves the requests that have begun. */
const graceMs = 60_000

export interface ReloadedFile<T> extends Reloadable<T> {
  close(): void
}

export interface ReloadOptions<T> {
  readonly clock: Clock
  readonly log: Logger
  /** Why a value cannot be used yet. Until it can, what the file said before stays in force. */
  readonly fault?: (value: T) => Error | undefined
  /** Is given what counts from now on. */
  readonly applied?: (value: T) => void
  /** Is given what is not used any more. */
  readonly replaced?: (value: T) => void
  readonly observer?: ReloadObserver
}

/**
 * What a file says, now and whenever it changes. Throws when it cannot be read the first time; later, what it said before
 * stays in force until it can be read again, and the log tells. `first` is what `read` made of it the first time.
 */
export function reloadFile<T>(
  path: string,
  read: (content: string, first: T | undefined) => T,
  options: ReloadOptions<T>,
): ReloadedFile<T> {
  const file = new PolledFile(path, read, options)
  return {
    get current() {
      return file.current
    },
    close: () => file.close(),
  }
}

class PolledFile<T> {
  current: T
  readonly #path: string
  readonly #read: (content: string, first: T | undefined) => T
  readonly #options: ReloadOptions<T>
  readonly #first: T
  #content: string
  #pending: { readonly content: string; readonly value: T; readonly until: number } | undefined
  #failure = ''
  readonly #cancel: Cancel
  readonly #retired = new Map<T, Cancel>()

  constructor(path: string, read: (content: string, first: T | undefined) => T, options: ReloadOptions<T>) {
    this.#path = path
    this.#read = read
    this.#options = options
    this.#content = readFileSync(path, 'utf8')
    this.#first = this.current = read(this.#content, undefined)
    options.applied?.(this.current)
    options.observer?.applied(this.#content, true)
    this.#cancel = every(options.clock, periodMs, () => this.#poll())
  }

  close(): void {
    const { replaced } = this.#options
    this.#cancel()
    for (const [value, cancel] of this.#retired) {
      cancel()
      replaced?.(value)
    }
    this.#retired.clear()
    if (this.#pending) replaced?.(this.#pending.value)
    replaced?.(this.current)
  }

  #poll(): void {
    try {
      if (!this.#pending) this.#readAgain()
      this.#apply()
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error)
      if (message !== this.#failure) {
        this.#options.log.error('A configuration file could not be read again', {
          path: this.#path,
          error: message,
        })
        this.#options.observer?.failed()
      }
      this.#failure = message
    }
  }

  #readAgain(): void {
    const { clock } = this.#options
    const content = readFileSync(this.#path, 'utf8')
    if (content === this.#content) return
    // What is wrong with this content is said once.
    const before = this.#content
    this.#content = content
    const value = this.#read(content, this.#first)
    this.#content = before
    this.#pending = { content, value, until: clock.monotonic() + readyWithinMs }
  }

  #apply(): void {
    if (!this.#pending) return
    const { clock, log, fault, applied, replaced, observer } = this.#options
    const { content, value, until } = this.#pending
    const reason = fault?.(value)
    if (reason && clock.monotonic() < until) return
    this.#pending = undefined
    if (reason) {
      // It may be ready another time: it is read again.
      replaced?.(value)
      throw reason
    }
    const before = this.current
    this.current = value
    this.#content = content
    this.#failure = ''
    this.#retire(before)
    applied?.(value)
    observer?.applied(content, false)
    log.info('A configuration file was read again', { path: this.#path })
  }

  #retire(value: T): void {
    const { clock, replaced } = this.#options
    if (!replaced) return
    const cancel = clock.after(graceMs, () => {
      this.#retired.delete(value)
      replaced(value)
    })
    this.#retired.set(value, cancel)
  }
}
