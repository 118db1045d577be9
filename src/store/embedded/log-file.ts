import { close, closeSync, constants, fsync, fsyncSync, ftruncate, open, openSync, writev } from 'node:fs'
import { dirname } from 'node:path'
import { promisify } from 'node:util'

/**
 * Writes to a file opened with `durableFlags`. Resolves once the bytes are on disk; when it rejects, any part of them may
 * be.
 */
export type DurableWrite = (file: number, pieces: readonly Buffer[], position: number) => Promise<void>

/** Every write is on disk before it is answered, with what is needed to find it again: one system call per commit. */
const durableFlags = constants.O_WRONLY | constants.O_CREAT | constants.O_DSYNC

/**
 * So many zeros are written ahead of what is appended, to be written over: what a file system has to note of a file that
 * grows takes as long as the bytes. Room that is reserved, and holds nothing yet, does not help: that it does is noted, too.
 */
const room = Buffer.alloc(256 << 10)

const openFile = promisify(open)
const closeFile = promisify(close)
const syncFile = promisify(fsync)
const truncateFile = promisify(ftruncate)

/** A file that only grows, with zeros behind what counts. What was begun and not finished is cut off. */
export class LogFile {
  readonly path: string
  readonly #file: number
  readonly #write: DurableWrite
  readonly #makesRoom: boolean
  #length: number
  /** Where the file ends: behind the zeros. */
  #end: number
  /** Whether something may stand behind what counts, or what counts be in the memory of the kernel alone. */
  #isTorn: boolean

  private constructor(path: string, file: number, length: number, write: DurableWrite, makesRoom: boolean) {
    this.path = path
    this.#file = file
    this.#length = length
    this.#end = length
    this.#write = write
    this.#makesRoom = makesRoom
    this.#isTorn = true
  }

  /**
   * Opens or makes a file of which the first `length` bytes count; these are on disk then. `makesRoom`: for what is
   * appended in many small pieces.
   */
  static async open(path: string, length: number, write: DurableWrite, makesRoom: boolean): Promise<LogFile> {
    const descriptor = await openFile(path, durableFlags, 0o600)
    try {
      const file = new LogFile(path, descriptor, length, write, makesRoom)
      await file.mend()
      if (length === 0) syncDirectory(dirname(path))
      return file
    } catch (error) {
      await closeFile(descriptor)
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
    const end = this.#length + pieces.reduce((sum, { length }) => sum + length, 0)
    try {
      await this.#makeRoom(end)
      await this.#write(this.#file, pieces, this.#length)
    } catch (error) {
      // Where this fails, the next append begins with it.
      await this.mend().catch(ignore)
      throw error
    }
    this.#isTorn = false
    this.#length = end
    this.#end = Math.max(this.#end, end)
  }

  /** For what ends at `end`. The first bytes of a file say what it is, and come before any zeros. */
  async #makeRoom(end: number): Promise<void> {
    const isLarge = end - this.#length >= room.length
    if (!this.#makesRoom || this.#length === 0 || isLarge || end <= this.#end) return
    await this.#write(this.#file, [room], this.#end)
    this.#end += room.length
  }

  /** Cuts off what does not count: zeros, and what a failed append has left. */
  async mend(): Promise<void> {
    if (!this.#isTorn && this.#end === this.#length) return
    await truncateFile(this.#file, this.#length)
    await syncFile(this.#file)
    this.#end = this.#length
    this.#isTorn = false
  }

  async close(): Promise<void> {
    try {
      await this.mend()
    } finally {
      await closeFile(this.#file)
    }
  }
}

function ignore(): void {}

/** As node:fs writes, until all is written. */
export const writeDurably: DurableWrite = (file, pieces, position) =>
  new Promise((resolve, reject) => {
    let left = pieces
    let at = position
    const step = () =>
      writev(file, left as Buffer[], at, (error, written) => {
        if (error) return reject(error)
        left = without(left, written)
        at += written
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
