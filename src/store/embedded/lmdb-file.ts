import { closeSync, fstatSync, openSync, readSync } from 'node:fs'
import { DataDirectoryError } from './data-directory-error.ts'

/**
 * Reads an LMDB file (data format 2, 64-bit, little-endian) and checks that its trees hold together, because the
 * library itself ends the process when it meets a page that is not what it should be. Layout: `MDB_meta`, `MDB_db`,
 * `MDB_page` and `MDB_node` in LMDB's mdb.c.
 */
const magic = 0xbeefc0de
const dataFormat = 2
const pageHeaderBytes = 24
const metaBytes = pageHeaderBytes + 144
const nodeHeaderBytes = 8
const metaPages = 2
const noPage = 0xffff_ffff_ffff_ffffn
const maxDepth = 32

const branchPage = 0x01
const leafPage = 0x02
const overflowPage = 0x04
const pageKinds = 0x0f
const valueOnOverflowPages = 0x01

interface Tree {
  readonly depth: number
  readonly entries: number
  readonly root: bigint
}

interface Meta {
  readonly transaction: bigint
  readonly lastPage: number
  /** The free pages, and the data. */
  readonly trees: readonly Tree[]
}

/**
 * The number of entries of the LMDB file at `path`; 0 when there is none. Throws a DataDirectoryError when what is there
 * is not a sound LMDB file.
 */
export function checkLmdbFile(path: string): number {
  const file = openIfPresent(path)
  if (file === undefined) return 0
  try {
    return fstatSync(file).size > 0 ? new FileCheck(path, file).run() : 0
  } finally {
    closeSync(file)
  }
}

function openIfPresent(path: string): number | undefined {
  try {
    return openSync(path, 'r')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw error
  }
}

class FileCheck {
  readonly #path: string
  readonly #file: number
  #pageBytes = 0
  #lastPage = 0

  constructor(path: string, file: number) {
    this.#path = path
    this.#file = file
  }

  run(): number {
    const meta = this.#readMeta()
    try {
      for (const tree of meta.trees) this.#checkTree(tree)
    } catch (error) {
      // A writer leaves the pages of the last commit alone until it has made another one.
      if (this.#readMeta().transaction === meta.transaction) throw error
      const message = `${this.#path} is being written to by another process`
      throw new DataDirectoryError('inUse', message, { cause: error })
    }
    return meta.trees.at(-1)!.entries
  }

  /** The later of the two meta pages. */
  #readMeta(): Meta {
    const first = this.#read(0, metaBytes)
    if (first?.readUInt32LE(24) !== magic || first.readUInt32LE(28) !== dataFormat) {
      throw new DataDirectoryError('foreign', `${this.#path} is not a file of this store`)
    }
    this.#pageBytes = first.readUInt32LE(48)
    if (this.#pageBytes < 512 || this.#pageBytes > 65_536) this.#fail('its page size is impossible')
    const second = this.#read(this.#pageBytes, metaBytes) ?? this.#fail('it is cut short')
    if (second.readUInt32LE(24) !== magic) this.#fail('its second meta page is damaged')
    const [even, odd] = [parseMeta(first), parseMeta(second)]
    const meta = odd.transaction > even.transaction ? odd : even
    this.#lastPage = meta.lastPage
    return meta
  }

  #checkTree({ root, depth, entries }: Tree): void {
    if (root === noPage && entries === 0) return
    if (depth === 0 || depth > maxDepth) this.#fail('a tree has an impossible depth')
    const found = this.#checkPage(Number(root), depth)
    if (found !== entries) this.#fail(`a tree should have ${entries} entries and has ${found}`)
  }

  /** Checks the page and what is below it; returns the number of entries found. */
  #checkPage(number: number, levels: number): number {
    const page = this.#readPage(number, this.#pageBytes)
    const kind = page.readUInt16LE(18) & pageKinds
    if (kind !== (levels > 1 ? branchPage : leafPage)) this.#fail(`page ${number} is of a wrong kind`)
    const pointersEnd = pageHeaderBytes + page.readUInt16LE(20)
    if (pointersEnd > page.length) this.#fail(`page ${number} is damaged`)
    let entries = 0
    for (let pointer = pageHeaderBytes; pointer < pointersEnd; pointer += 2) {
      const node = pageHeaderBytes + page.readUInt16LE(pointer)
      if (node < pointersEnd || node + nodeHeaderBytes > page.length) this.#fail(`page ${number} is damaged`)
      const low = page.readUInt32LE(node)
      const flags = page.readUInt16LE(node + 4)
      const data = node + nodeHeaderBytes + page.readUInt16LE(node + 6)
      if (kind === branchPage) {
        if (data > page.length) this.#fail(`page ${number} is damaged`)
        entries += this.#checkPage(low + flags * 2 ** 32, levels - 1)
      } else {
        const onPage = flags & valueOnOverflowPages ? pageHeaderBytes : low
        if (data + onPage > page.length) this.#fail(`page ${number} is damaged`)
        if (flags & valueOnOverflowPages) this.#checkOverflow(page, data, low)
        entries++
      }
    }
    return entries
  }

  #checkOverflow(page: Buffer, at: number, valueBytes: number): void {
    const number = Number(page.readBigUInt64LE(at))
    const count = Number(page.readBigUInt64LE(at + 16))
    if (count * this.#pageBytes < valueBytes) this.#fail(`a value does not fit its ${count} pages`)
    const header = this.#readPage(number, pageHeaderBytes)
    if ((header.readUInt16LE(18) & pageKinds) !== overflowPage)
      this.#fail(`page ${number} is of a wrong kind`)
    this.#readPage(number + count - 1, this.#pageBytes)
  }

  #readPage(number: number, bytes: number): Buffer {
    if (!(number >= metaPages && number <= this.#lastPage))
      this.#fail(`it refers to page ${number}, which it does not have`)
    return this.#read(number * this.#pageBytes, bytes) ?? this.#fail('it is cut short')
  }

  #read(position: number, length: number): Buffer | undefined {
    const buffer = Buffer.allocUnsafe(length)
    return readSync(this.#file, buffer, 0, length, position) === length ? buffer : undefined
  }

  #fail(detail: string): never {
    throw new DataDirectoryError('corrupt', `${this.#path} is corrupt: ${detail}; restore it from a backup`)
  }
}

function parseMeta(page: Buffer): Meta {
  return {
    trees: [parseTree(page, 48), parseTree(page, 96)],
    lastPage: Number(page.readBigUInt64LE(144)),
    transaction: page.readBigUInt64LE(152),
  }
}

function parseTree(page: Buffer, at: number): Tree {
  return {
    depth: page.readUInt16LE(at + 6),
    entries: Number(page.readBigUInt64LE(at + 32)),
    root: page.readBigUInt64LE(at + 40),
  }
}
