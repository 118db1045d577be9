import { closeSync, fstatSync, fsyncSync, openSync, readSync, writeSync } from 'node:fs'
import { DataDirectoryError } from './data-directory-error.ts'
import { hasBatchBehind, readBatch } from './batch.ts'
import type { LogRecord } from './record.ts'

const magic = 'k8ts store log'
/** Format 2 has what 1 has, and compressed values; format 3 has what 2 has, and compressed values with an outline. */
const formatVersion = 3
const oldestFormatVersion = 1
const chunkBytes = 1 << 20

/** With which every file of a log begins: `k8ts store log` and the version of the format in two bytes, big-endian. */
export const fileHeader = Buffer.concat([Buffer.from(magic), Buffer.from([0, formatVersion])])

/**
 * Gives a file of an older format this one's number, which what it holds already meets: before anything is added that
 * only this one has, so that an older program refuses the file instead of taking it for damaged.
 */
export function raiseFormat(path: string): void {
  const file = openSync(path, 'r+')
  try {
    const header = Buffer.alloc(fileHeader.length)
    readSync(file, header, 0, header.length, 0)
    if (header.equals(fileHeader)) return
    writeSync(file, fileHeader, 0, fileHeader.length, 0)
    fsyncSync(file)
  } finally {
    closeSync(file)
  }
}

/** How a file of a log ends. */
export interface LogEnd {
  /** Bytes up to the end of the last whole batch; 0 where not even the header is whole. */
  readonly length: number
  /**
   * What follows: `nothing` (but zeros that were to be written over), a batch that was `torn` as it was written, or `damage`
   * with whole batches behind it.
   */
  readonly rest: 'nothing' | 'torn' | 'damage'
  /** Of what follows, without zeros at its end, in bytes. */
  readonly restBytes: number
}

/** Calls `visit` with the records of each batch. Throws a DataDirectoryError when the file is not one of a log. */
export function readLog(path: string, visit: (records: readonly LogRecord[]) => void): LogEnd {
  const file = openSync(path, 'r')
  try {
    return new FileReading(path, file).run(visit)
  } finally {
    closeSync(file)
  }
}

class FileReading {
  readonly #path: string
  readonly #file: number
  readonly #size: number
  /** What has been read of the file, from `#start` on. */
  #bytes = Buffer.alloc(0)
  #start = 0

  constructor(path: string, file: number) {
    this.#path = path
    this.#file = file
    this.#size = fstatSync(file).size
  }

  run(visit: (records: readonly LogRecord[]) => void): LogEnd {
    this.#readTo(Math.min(this.#size, fileHeader.length))
    this.#checkHeader()
    if (this.#size < fileHeader.length) {
      return { length: 0, rest: this.#size === 0 ? 'nothing' : 'torn', restBytes: this.#size }
    }
    let at = fileHeader.length
    while (at < this.#size) {
      const found = readBatch(this.#bytes, at - this.#start)
      if (found.type === 'batch') {
        visit(found.records)
        at = this.#start + found.end
      } else if (found.type === 'incomplete' && this.#start + found.end <= this.#size) {
        this.#forgetBefore(at)
        this.#readTo(at + found.end)
      } else {
        this.#forgetBefore(at)
        this.#readTo(this.#size)
        const restBytes = lengthWithoutZeros(this.#bytes)
        const isWhole = hasBatchBehind(this.#bytes, 0)
        return { length: at, rest: restBytes === 0 ? 'nothing' : isWhole ? 'damage' : 'torn', restBytes }
      }
    }
    return { length: at, rest: 'nothing', restBytes: 0 }
  }

  #checkHeader(): void {
    const path = this.#path
    const head = this.#bytes.subarray(0, fileHeader.length)
    const found = head.subarray(0, magic.length)
    if (!found.equals(fileHeader.subarray(0, found.length))) {
      throw new DataDirectoryError('foreign', `${path} is not a file of this store`)
    }
    const version = head.length < fileHeader.length ? formatVersion : head.readUInt16BE(magic.length)
    if (version > formatVersion) {
      throw new DataDirectoryError('newer', `${path} has format ${version}, which is newer than this program`)
    }
    if (version < oldestFormatVersion) {
      throw new DataDirectoryError(
        'foreign',
        `${path} has format ${version}, which no program of this kind writes`,
      )
    }
  }

  #forgetBefore(position: number): void {
    this.#bytes = this.#bytes.subarray(position - this.#start)
    this.#start = position
  }

  /** Reads on at least to this position, which is not behind the end of the file. */
  #readTo(position: number): void {
    const from = this.#start + this.#bytes.length
    const to = Math.min(this.#size, Math.max(position, from + chunkBytes))
    if (to <= from) return
    const bytes = Buffer.allocUnsafeSlow(to - this.#start)
    this.#bytes.copy(bytes)
    let end = this.#bytes.length
    while (end < bytes.length) {
      const count = readSync(this.#file, bytes, end, bytes.length - end, this.#start + end)
      if (count === 0)
        throw new DataDirectoryError('inUse', `${this.#path} is being changed by another process`)
      end += count
    }
    this.#bytes = bytes
  }
}

/** Up to the last byte that is not zero. */
function lengthWithoutZeros(bytes: Buffer): number {
  let length = bytes.length
  while (length > 0 && bytes[length - 1] === 0) length--
  return length
}
