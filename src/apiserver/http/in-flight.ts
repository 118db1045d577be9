/** Requests under way, for shutting down without cutting any off. */
export class InFlight {
  #count = 0
  #leaving = false
  #draining = false
  #drained: (() => void) | undefined
  readonly #longRunning = new Set<() => void>()

  /** The server is about to stop: load balancers are to send nothing more, what comes is still served. */
  get isLeaving(): boolean {
    return this.#leaving
  }

  leave(): void {
    this.#leaving = true
  }

  /** After `drain`: no new watches, and connections are to be closed. */
  get isDraining(): boolean {
    return this.#draining
  }

  async track<T>(work: () => Promise<T>): Promise<T> {
    this.#count++
    try {
      return await work()
    } finally {
      if (--this.#count === 0) this.#drained?.()
    }
  }

  /** `end` is called when the server stops; returns what unregisters it. */
  onDrain(end: () => void): () => void {
    if (this.#draining) end()
    this.#longRunning.add(end)
    return () => void this.#longRunning.delete(end)
  }

  /** Ends what would go on for ever, and resolves when the rest is done. */
  async drain(): Promise<void> {
    this.#leaving = true
    this.#draining = true
    for (const end of this.#longRunning) end()
    if (this.#count > 0) await new Promise<void>((resolve) => (this.#drained = resolve))
  }
}
