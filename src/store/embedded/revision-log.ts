import { chmodSync, mkdirSync, realpathSync } from 'node:fs'
import { join } from 'node:path'
import type { RootDatabaseOptions } from 'lmdb'
import { firstRevision } from '../mvcc/mvcc.ts'
import { DataDirectoryError } from './data-directory-error.ts'
import { checkLmdbFile } from './lmdb-file.ts'
import { type LoadedLog, Loading } from './loading.ts'
import { decodeRecord } from './record.ts'

/** The part of LMDB's interface that the log uses, with revisions for keys. */
interface LogDatabase {
  get(key: bigint): Buffer | undefined
  getRange(options: { readonly start: bigint }): Iterable<{ readonly key: bigint; readonly value: Buffer }>
  put(key: bigint, value: Buffer, options?: typeof appending): Promise<boolean>
  remove(key: bigint): Promise<boolean>
  on(event: 'beforecommit', run: () => void): void
  readonly committed: PromiseLike<unknown>
  resetReadTxn(): void
  readerList(): string
  close(): Promise<void>
}

interface LogMeta {
  readonly format: typeof formatName
  readonly version: number
  readonly compactedRevision: string
}

const fileName = 'store.mdb'
const formatName = 'k8ts store'
const formatVersion = 1
const metaKey = 0n
const appending = { append: true }
/** Records removed by one transaction of a compaction, so that writes need not wait long. */
const removalsPerTransaction = 512

/** Addresses reserved for the file to grow into; costs nothing until used. */
const mapBytes = 64 * 2 ** 30

/** LMDB locks a directory against other processes; within this one it would share it. */
const openInThisProcess = new Set<string>()

/** Revisions as keys: eight bytes, big-endian, so that the order of keys is the order of revisions. */
const keyEncoder = {
  writeKey(revision: bigint, target: Buffer, position: number): number {
    return target.writeBigUInt64BE(revision, position)
  },
  readKey(source: Buffer, start: number): bigint {
    return source.readBigUInt64BE(start)
  },
}

/**
 * The changes that make up the state and the history, in one LMDB file, each under its revision. Every revision that
 * was compacted and whose entry has been replaced is removed, so that the file's size follows what it holds.
 */
export class RevisionLog {
  readonly #directory: string
  readonly #database: LogDatabase
  /** What the records of the next commit resolve to: whether they were written. */
  readonly #appended: Promise<boolean>[] = []

  private constructor(directory: string, database: LogDatabase) {
    this.#directory = directory
    this.#database = database
    // LMDB makes a promise of its own for each commit; if it fails, nobody else would handle that one.
    database.on('beforecommit', () => queueMicrotask(() => void database.committed.then(ignore, ignore)))
  }

  /** Makes the directory if need be. Throws a DataDirectoryError when its content cannot be used. */
  static async open(directory: string): Promise<{ log: RevisionLog; loaded: LoadedLog }> {
    const { open } = await import('lmdb')
    mkdirSync(directory, { recursive: true, mode: 0o700 })
    const realDirectory = realpathSync(directory)
    if (openInThisProcess.has(realDirectory)) {
      throw new DataDirectoryError('inUse', `${directory} is already open in this process`)
    }
    const path = join(realDirectory, fileName)
    const recordCount = checkLmdbFile(path)
    const options: RootDatabaseOptions & { keyEncoder: typeof keyEncoder } = {
      encoding: 'binary',
      keyEncoder,
      mapSize: mapBytes,
      // A commit is then on disk when its promise resolves, not only visible.
      overlappingSync: false,
    }
    const database = open(path, options) as unknown as LogDatabase
    const log = new RevisionLog(realDirectory, database)
    openInThisProcess.add(realDirectory)
    try {
      log.#takeOwnership()
      chmodSync(path, 0o600)
      return { log, loaded: await log.#load(recordCount) }
    } catch (error) {
      await log.close()
      throw error
    }
  }

  /**
   * Calls `onSealed` when the records appended since the last commit become one: later ones belong to the next. The
   * promise resolves once they are on disk.
   */
  onSealed(onSealed: (committed: Promise<void>) => void): void {
    this.#database.on('beforecommit', () => {
      if (this.#appended.length > 0) onSealed(this.#committed(this.#appended.splice(0)))
    })
  }

  /** Adds a record with a revision above all others to the next commit. The bytes must stay as they are. */
  append(revision: bigint, record: Buffer): void {
    this.#appended.push(this.#database.put(revision, record, appending))
  }

  /** Notes that `compactedRevision` is the oldest that can be read, and removes the records at `revisions`. */
  async forget(compactedRevision: bigint, revisions: readonly bigint[]): Promise<void> {
    const meta: LogMeta = {
      format: formatName,
      version: formatVersion,
      compactedRevision: String(compactedRevision),
    }
    const writes: Promise<boolean>[] = [this.#database.put(metaKey, Buffer.from(JSON.stringify(meta)))]
    for (const [index, revision] of revisions.entries()) {
      writes.push(this.#database.remove(revision))
      if (index % removalsPerTransaction === removalsPerTransaction - 1) {
        await this.#settled(Promise.all(writes.splice(0)))
      }
    }
    await this.#settled(Promise.all(writes))
  }

  async close(): Promise<void> {
    await this.#database.close()
    openInThisProcess.delete(this.#directory)
  }

  /**
   * LMDB notes every process that reads, guarded by a file lock that the kernel releases when the process ends however
   * it ends. Whoever reads first and then looks for others can not miss one that does the same.
   */
  #takeOwnership(): void {
    try {
      this.#database.get(metaKey)
    } catch (error) {
      throw new DataDirectoryError('inUse', `${this.#directory} is in use by another process`, {
        cause: error,
      })
    }
    this.#database.resetReadTxn()
    const pids = this.#database.readerList().matchAll(/^\s*(\d+) /gm)
    const other = pids.map((match) => Number(match[1])).find((pid) => pid !== process.pid)
    if (other !== undefined) {
      throw new DataDirectoryError('inUse', `${this.#directory} is in use by process ${other}`)
    }
  }

  async #load(recordCount: number): Promise<LoadedLog> {
    const compactedRevision = await this.#readMeta(recordCount)
    const loading = new Loading(compactedRevision)
    for (const { key, value } of this.#database.getRange({ start: firstRevision })) {
      const record = decodeRecord(value, key)
      if (!record) {
        throw new DataDirectoryError('corrupt', `${this.#directory} is corrupt: revision ${key} is damaged`)
      }
      loading.add(key, record)
    }
    this.#database.resetReadTxn()
    // What a compaction had not removed yet when the process ended.
    if (loading.garbage.length > 0) await this.forget(compactedRevision, loading.garbage)
    return loading.result()
  }

  /** The compacted revision; makes a new log where there is nothing. */
  async #readMeta(recordCount: number): Promise<bigint> {
    const bytes = this.#database.get(metaKey)
    if (!bytes) {
      if (recordCount > 0) this.#throwForeign()
      await this.forget(0n, [])
      return 0n
    }
    const meta = parseMeta(bytes) ?? this.#throwForeign()
    if (meta.version !== formatVersion) {
      throw new DataDirectoryError(
        'newer',
        `${this.#directory} has format ${meta.version}, which is newer than this program`,
      )
    }
    return BigInt(meta.compactedRevision)
  }

  #throwForeign(): never {
    throw new DataDirectoryError('foreign', `${join(this.#directory, fileName)} is not a file of this store`)
  }

  async #committed(writes: readonly Promise<boolean>[]): Promise<void> {
    const written = await this.#settled(Promise.all(writes))
    if (written.includes(false))
      throw new Error(`${this.#directory} holds later revisions than were appended here`)
  }

  async #settled<Result>(write: Promise<Result>): Promise<Result> {
    try {
      return await write
    } catch (error) {
      // LMDB rejects with an error that only refers to a promise of the real one, which must not stay unhandled.
      const reason = await (error as { commitError?: Promise<never> }).commitError?.catch(
        (cause: unknown) => cause,
      )
      if (reason instanceof Error && error instanceof Error) error.message = reason.message
      throw new Error(`${this.#directory} cannot be written to`, { cause: error })
    }
  }
}

function ignore(): void {}

function parseMeta(bytes: Buffer): LogMeta | undefined {
  try {
    const meta = JSON.parse(bytes.toString()) as Partial<LogMeta> | null
    return meta?.format === formatName ? (meta as LogMeta) : undefined
  } catch {
    return undefined
  }
}
