import { close, closeSync, constants, fsync, fsyncSync, ftruncate, open, openSync, writev } from 'node:fs'
import { dirname } from 'node:path'
import { promisify } from 'node:util'

/**
 * Adds to the end of a file opened with `appendFlags`. Resolves once the bytes are on disk; when it rejects, any part of
 * them may be.
 */
export type DurableWrite = (file: number, pieces: readonly Buffer[]) => Promise<void>

/** Every write is on disk before it is answered, with what is needed to find it again: one system call per commit. */
const appendFlags = constants.O_WRONLY | constants.O_CREAT | constants.O_APPEND | constants.O_DSYNC

const openFile = promisify(open)
const closeFile = promisify(close)
const syncFile = promisify(fsync)
const truncateFile = promisify(ftruncate)

/** A file that only grows. What was begun and not finished is cut off. */
export class LogFile {
  readonly path: string
  readonly #file: number
  readonly #write: DurableWrite
  #length: number
  /** Whether something may stand behind what counts, or what counts be in the memory of the kernel alone. */
  #isTorn: boolean

  private constructor(path: string, file: number, length: number, write: DurableWrite) {
    this.path = path
    this.#file = file
    this.#length = length
    this.#write = write
    this.#isTorn = true
  }

  /** Opens or makes a file of which the first `length` bytes count; these are on disk then. */
  static async open(path: string, length: number, write: DurableWrite): Promise<LogFile> {
    const file = new LogFile(path, await openFile(path, appendFlags, 0o600), length, write)
    try {
      await file.mend()
      if (length === 0) syncDirectory(dirname(path))
      return file
    } catch (error) {
      await file.close()
      throw error
    }
  }

  /** In bytes. */
  get length(): number {
    return this.#length
  }

  /**
   * One after the other. Resolves once the pieces are on disk; when it rejects, they will not be found there, unless the
   * disk refuses that, too, and the process ends before it obeys.
   */
  async append(pieces: readonly Buffer[]): Promise<void> {
    if (this.#isTorn) await this.mend()
    this.#isTorn = true
    try {
      await this.#write(this.#file, pieces)
    } catch (error) {
      // Where this fails, the next append begins with it.
      await this.mend().catch(ignore)
      throw error
    }
    this.#isTorn = false
    for (const { length } of pieces) this.#length += length
  }

  /** Cuts off what a failed append has left. */
  async mend(): Promise<void> {
    if (!this.#isTorn) return
    await truncateFile(this.#file, this.#length)
    await syncFile(this.#file)
    this.#isTorn = false
  }

  async close(): Promise<void> {
    await closeFile(this.#file)
  }
}

function ignore(): void {}

/** As node:fs writes, until all is written. */
export const writeDurably: DurableWrite = (file, pieces) =>
  new Promise((resolve, reject) => {
    let left = pieces
    const step = () =>
      writev(file, left as Buffer[], (error, written) => {
        if (error) return reject(error)
        left = without(left, written)
        if (left.length === 0) resolve()
        else step()
      })
    step()
  })

/** The pieces without their first `count` bytes. */
function without(pieces: readonly Buffer[], count: number): readonly Buffer[] {
  let skipped = 0
  for (const [index, piece] of pieces.entries()) {
    if (skipped + piece.length > count) return [piece.subarray(count - skipped), ...pieces.slice(index + 1)]
    skipped += piece.length
  }
  return []
}

/** So that the names in it are on disk. */
export function syncDirectory(directory: string): void {
  const file = openSync(directory, constants.O_RDONLY)
  try {
    fsyncSync(file)
  } finally {
    closeSync(file)
  }
}
