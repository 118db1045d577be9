/** Chunks of bytes on their way from who produces them to who reads them, in order. One reader. */
export class ByteQueue implements AsyncIterable<Uint8Array> {
  readonly #onRead: (bytes: number) => void
  readonly #chunks: Uint8Array[] = []
  #size = 0
  #isClosed = false
  #isDiscarding = false
  #waiting: ((chunk: Uint8Array | undefined) => void) | undefined

  /** `onRead` is told how many bytes the reader took, or discards. */
  constructor(onRead: (bytes: number) => void = () => {}) {
    this.#onRead = onRead
  }

  /** Bytes that wait for the reader. */
  get size(): number {
    return this.#size
  }

  get isClosed(): boolean {
    return this.#isClosed
  }

  /** Appends a chunk; ignored once the queue is closed. */
  push(chunk: Uint8Array): void {
    if (this.#isClosed || chunk.length === 0) return
    if (this.#isDiscarding) {
      this.#onRead(chunk.length)
      return
    }
    const waiting = this.#waiting
    if (waiting) {
      this.#waiting = undefined
      waiting(chunk)
      this.#onRead(chunk.length)
      return
    }
    this.#chunks.push(chunk)
    this.#size += chunk.length
  }

  /** Nothing more comes; what is there can still be read. */
  close(): void {
    this.#isClosed = true
    this.#waiting?.(undefined)
    this.#waiting = undefined
  }

  /** Throws away what is there and what comes. */
  discard(): void {
    this.#isDiscarding = true
    const size = this.#size
    this.#chunks.length = 0
    this.#size = 0
    if (size > 0) this.#onRead(size)
  }

  /** The next chunk, once there is one; undefined at the end. */
  read(): Promise<Uint8Array | undefined> {
    const chunk = this.#chunks.shift()
    if (chunk) {
      this.#size -= chunk.length
      this.#onRead(chunk.length)
      return Promise.resolve(chunk)
    }
    if (this.#isClosed) return Promise.resolve(undefined)
    if (this.#waiting) return Promise.reject(new Error('the queue has a reader already'))
    return new Promise((resolve) => {
      this.#waiting = resolve
    })
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Uint8Array> {
    for (let chunk = await this.read(); chunk; chunk = await this.read()) yield chunk
  }
}
