/** How many bytes may be sent before the peer says that it has room for more. */
export class FlowWindow {
  #available: number
  #waiting: (() => void)[] = []
  #isClosed = false

  constructor(size: number) {
    this.#available = size
  }

  /** Resolves with how many of `wanted` bytes may be sent, at least one; with 0 once the window is closed. */
  async take(wanted: number): Promise<number> {
    while (this.#available <= 0 && !this.#isClosed) {
      await new Promise<void>((resolve) => this.#waiting.push(resolve))
    }
    if (this.#isClosed) return 0
    const taken = Math.min(wanted, this.#available)
    this.#available -= taken
    return taken
  }

  /** Gives back, or grants, that many bytes; fewer than none when the peer shrinks its windows. */
  grant(bytes: number): void {
    this.#available += bytes
    if (this.#available > 0) this.#wake()
  }

  close(): void {
    this.#isClosed = true
    this.#wake()
  }

  #wake(): void {
    const waiting = this.#waiting
    this.#waiting = []
    for (const resolve of waiting) resolve()
  }
}
