import type { Cancel, Clock } from '../../machinery/clock.ts'

/** How a watch finds out how far it is. */
export interface ProgressSource {
  /** The revision that everything acknowledged until now is at or below, after asking etcd to tell when it is reached. */
  askForProgress(): Promise<bigint>
  /** Everything up to this revision has been delivered. */
  position(): bigint
  onProgress(): void
}

/** How often a request is repeated: a watch that is still catching up gets no answer, nor does one whose stream broke. */
const retryMs = 100

/** Requests for the progress of a watch, of which one is under way at a time. */
export class WatchProgress {
  readonly #clock: Clock
  readonly #source: ProgressSource
  #state: 'idle' | 'asking' | 'askingAgain' = 'idle'
  /** Counts the requests that are settled, so that late answers to one do not pass for the next one's. */
  #round = 0
  #target: bigint | undefined
  #cancel: Cancel | undefined

  constructor(clock: Clock, source: ProgressSource) {
    this.#clock = clock
    this.#source = source
  }

  request(): void {
    if (this.#state !== 'idle') {
      this.#state = 'askingAgain'
      return
    }
    this.#state = 'asking'
    void this.#ask()
  }

  /** To be called when the source's position has moved. */
  moved(): void {
    if (this.#target === undefined || this.#source.position() < this.#target) return
    const again = this.#state === 'askingAgain'
    this.close()
    this.#source.onProgress()
    if (again) this.request()
  }

  /** Drops the requests under way. */
  close(): void {
    this.#round++
    this.#cancel?.()
    this.#target = undefined
    this.#state = 'idle'
  }

  async #ask(): Promise<void> {
    const round = this.#round
    try {
      const target = await this.#source.askForProgress()
      if (round !== this.#round) return
      this.#target ??= target
      this.moved()
    } catch {
      // It is repeated; what ails etcd is for the watch itself to notice.
    }
    if (round === this.#round) this.#cancel = this.#clock.after(retryMs, () => void this.#ask())
  }
}
