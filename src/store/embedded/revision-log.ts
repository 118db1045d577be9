import { mkdirSync, readdirSync, realpathSync, renameSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { encodeBatch } from './batch.ts'
import { type DirectoryLock, lockDirectory } from './directory-lock.ts'
import { findLog, type FoundLog } from './find-log.ts'
import type { LoadedLog } from './loading.ts'
import { type DurableWrite, type LogFile, syncDirectory, writeDurably } from './log-file.ts'
import {
  changesName,
  isStateName,
  revisionOf,
  type Segment,
  stateName,
  unfinishedSuffix,
} from './log-names.ts'
import { encodeRecord } from './record.ts'
import { type LogState, openLogFile, writeState } from './state-file.ts'

/** A file of changes that is longer gets no more of them. */
const segmentBytes = 2 << 20
/** Changes are replaced by the state they led to once they take this much, and as much as that. */
const worthwhileBytes = 4 << 20

/**
 * The changes that make up the state and the history, on disk in a directory of their own:
 *
 *     <revision>.state  every entry right after this revision, and at the end a mark that it is complete
 *     <revision>.log    the changes after this revision and marks of how far they have been compacted, in batches
 *     lock, owner       whose the directory is
 *
 * A state takes the place of the files before it once it is there as a whole. What a crash leaves at the end of the
 * latest changes, beside the zeros that were to be written over, was never acknowledged, and is cut off.
 */
export class RevisionLog {
  /** Bytes at the end of the latest changes that a crash had left incomplete. */
  readonly cutBytes: number
  readonly #directory: string
  readonly #lock: DirectoryLock
  readonly #write: DurableWrite
  /** Oldest first; the last one is written to. */
  readonly #segments: Segment[]
  #file: LogFile
  #stateBytes: number
  #revision: bigint
  #written: Promise<unknown> = Promise.resolve()

  private constructor(
    directory: string,
    lock: DirectoryLock,
    write: DurableWrite,
    found: FoundLog,
    file: LogFile,
  ) {
    this.#directory = directory
    this.#lock = lock
    this.#write = write
    this.#segments = found.segments
    this.#file = file
    this.#stateBytes = found.stateBytes
    this.#revision = found.loaded.revision
    this.cutBytes = found.cutBytes
  }

  /** Makes the directory if need be. Throws a DataDirectoryError when its content cannot be used. */
  static async open(
    directory: string,
    write: DurableWrite = writeDurably,
  ): Promise<{ log: RevisionLog; loaded: LoadedLog }> {
    mkdirSync(directory, { recursive: true, mode: 0o700 })
    const realDirectory = realpathSync(directory)
    const lock = await lockDirectory(realDirectory)
    try {
      const found = findLog(realDirectory)
      for (const path of found.obsolete) rmSync(path)
      const { path, bytes } = found.segments.at(-1)!
      const file = await openLogFile(path, bytes, write, true)
      const log = new RevisionLog(realDirectory, lock, write, found, file)
      return { log, loaded: found.loaded }
    } catch (error) {
      lock.release()
      throw error
    }
  }

  /** Adds encoded changes up to `revision`, which follow one another; resolves once they are on disk. */
  append(records: readonly Buffer[], revision: bigint): Promise<void> {
    return this.#serially(async () => {
      await this.#appendToFile(records)
      this.#revision = revision
    })
  }

  /**
   * Notes that `revision` is the oldest that can be read. `state` is asked for what there is at that revision or a
   * later one that was compacted, when it is time to replace changes by it.
   */
  async compact(revision: bigint, state: () => LogState): Promise<void> {
    await this.#serially(() => this.#appendToFile([encodeRecord({ type: 'compacted', revision })]))
    const replaceable = this.#replacedBy(revision).reduce((sum, { bytes }) => sum + bytes, 0)
    if (replaceable < Math.max(worthwhileBytes, this.#stateBytes)) return
    await this.#replaceBy(state())
  }

  async close(): Promise<void> {
    await this.#written
    await this.#file.close()
    this.#lock.release()
  }

  #serially(run: () => Promise<void>): Promise<void> {
    const result = this.#written.then(run)
    this.#written = result.catch(ignore)
    return result
  }

  async #appendToFile(records: readonly Buffer[]): Promise<void> {
    try {
      if (this.#file.length >= segmentBytes) await this.#startSegment()
      await this.#file.append(encodeBatch(records))
    } catch (error) {
      throw new Error(`${this.#directory} cannot be written to`, { cause: error })
    }
    this.#segments.at(-1)!.bytes = this.#file.length
  }

  async #startSegment(): Promise<void> {
    const after = this.#revision
    // Marks alone do not fill a file that must be named otherwise.
    if (after === this.#segments.at(-1)!.after) return
    await this.#file.mend()
    const path = join(this.#directory, changesName(after))
    const file = await openLogFile(path, 0, this.#write, true)
    await this.#file.close()
    this.#file = file
    this.#segments.push({ path, after, bytes: file.length })
  }

  /** The files whose changes are all in the state at `revision`. */
  #replacedBy(revision: bigint): readonly Segment[] {
    return this.#segments.filter(
      (_, index) => (this.#segments[index + 1]?.after ?? revision + 1n) <= revision,
    )
  }

  async #replaceBy(state: LogState): Promise<void> {
    const path = join(this.#directory, stateName(state.revision))
    const unfinished = path + unfinishedSuffix
    let bytes: number
    try {
      bytes = await writeState(unfinished, state, this.#write)
      renameSync(unfinished, path)
    } catch (error) {
      rmSync(unfinished, { force: true })
      throw error
    }
    syncDirectory(this.#directory)
    this.#stateBytes = bytes
    const replaced = this.#replacedBy(state.revision)
    this.#segments.splice(0, replaced.length)
    for (const { path: old } of replaced) rmSync(old)
    for (const name of readdirSync(this.#directory)) {
      if (isStateName(name) && revisionOf(name) < state.revision) rmSync(join(this.#directory, name))
    }
  }
}

function ignore(): void {}
