import {
  closeSync,
  createReadStream,
  createWriteStream,
  fstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  renameSync,
  rmSync,
  writeSync,
} from 'node:fs'
import { basename, dirname, extname, join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { createGzip } from 'node:zlib'
import type { Clock } from '../../machinery/clock.ts'
import { goJsonLine } from '../../machinery/go-json.ts'
import type { AuditBackend, AuditEvent } from './audit-event.ts'
import { noteLostEvents, type AuditBackendContext } from './audit-fault.ts'
import { legacyLine } from './legacy-format.ts'

/** As the options of kube-apiserver: `--audit-log-path` and so on. */
export interface AuditLogOptions {
  /** `-`: standard output. */
  readonly path: string
  /** Days; 0 keeps old files whatever their age. */
  readonly maxAgeDays?: number
  /** Old files that are kept; 0 keeps all. */
  readonly maxBackups?: number
  /** Megabytes; 0 never begins another file. */
  readonly maxSizeMegabytes?: number
  /** Default `json`. */
  readonly format?: 'json' | 'legacy'
  /** Old files are packed by gzip. */
  readonly compress?: boolean
}

const megabyte = 1024 * 1024
const dayMs = 24 * 3_600_000
const fileMode = 0o600
const packedExtension = '.gz'

/** One line for each event, in a file; full files are put aside, and removed when they are old or many. */
export class AuditLog implements AuditBackend {
  readonly #options: AuditLogOptions
  readonly #clock: Clock
  readonly #context: AuditBackendContext
  readonly #packing = new Set<Promise<void>>()
  #file: number
  #bytes = 0

  constructor(options: AuditLogOptions, context: AuditBackendContext & { readonly clock: Clock }) {
    this.#options = options
    this.#clock = context.clock
    this.#context = context
    if (options.path === '-') this.#file = 1
    else {
      mkdirSync(dirname(options.path), { recursive: true })
      this.#file = this.#open()
    }
  }

  process(events: readonly AuditEvent[]): boolean {
    const lost = events.filter((event) => !this.#write(event))
    return lost.length === 0
  }

  async close(): Promise<void> {
    if (this.#options.path !== '-') closeSync(this.#file)
    await Promise.all(this.#packing)
  }

  #write(event: AuditEvent): boolean {
    const { path, maxSizeMegabytes = 0, format } = this.#options
    const line = Buffer.from(format === 'legacy' ? `${legacyLine(event)}\n` : goJsonLine(event))
    try {
      const isFull = maxSizeMegabytes > 0 && this.#bytes + line.length > maxSizeMegabytes * megabyte
      if (path !== '-' && isFull && this.#bytes > 0) this.#rotate()
      for (let written = 0; written < line.length;) written += writeSync(this.#file, line, written)
      this.#bytes += line.length
      return true
    } catch (error) {
      noteLostEvents(this.#context, 'log', error, [event])
      return false
    }
  }

  #open(): number {
    const file = openSync(this.#options.path, 'a', fileMode)
    this.#bytes = fstatSync(file).size
    return file
  }

  #rotate(): void {
    const { path } = this.#options
    const extension = extname(path)
    const stem = `${basename(path, extension)}-`
    const now = this.#clock.now()
    const stamp = new Date(now).toISOString().replaceAll(':', '-').replace('Z', '')
    const aside = join(dirname(path), `${stem}${stamp}${extension}`)
    closeSync(this.#file)
    renameSync(path, aside)
    this.#file = this.#open()
    if (this.#options.compress) this.#pack(aside)
    this.#removeOld(stem, extension, now)
  }

  /** The file stays as it is until all of it is packed. */
  #pack(file: string): void {
    const packed = `${file}${packedExtension}`
    const work = pipeline(
      createReadStream(file),
      createGzip(),
      createWriteStream(packed, { mode: fileMode }),
    ).then(
      () => rmSync(file, { force: true }),
      (error: unknown) =>
        this.#context.log.error('packing an audit log failed', { file, error: String(error) }),
    )
    this.#packing.add(work)
    void work.finally(() => this.#packing.delete(work))
  }

  #removeOld(stem: string, extension: string, now: number): void {
    const { path, maxAgeDays = 0, maxBackups = 0 } = this.#options
    const old = readdirSync(dirname(path))
      .map((name) => ({ name, plain: name.replace(/\.gz$/, '') }))
      .filter(({ plain }) => plain.startsWith(stem) && plain.endsWith(extension))
      .map(({ name, plain }) => ({
        name,
        atMs: timeOf(plain.slice(stem.length, plain.length - extension.length)),
      }))
      .filter(({ atMs }) => !Number.isNaN(atMs))
      .toSorted((a, b) => b.atMs - a.atMs)
    const kept = new Set([...new Set(old.map(({ atMs }) => atMs))].slice(0, maxBackups || Infinity))
    for (const { name, atMs } of old) {
      const isTooOld = maxAgeDays > 0 && atMs < now - maxAgeDays * dayMs
      if (isTooOld || !kept.has(atMs)) rmSync(join(dirname(path), name), { force: true })
    }
  }
}

/** Of `2026-01-02T03-04-05.678`. */
function timeOf(stamp: string): number {
  return Date.parse(`${stamp.replace(/T(\d\d)-(\d\d)-/, 'T$1:$2:')}Z`)
}
