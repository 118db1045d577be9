import {
  closeSync,
  fstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  renameSync,
  rmSync,
  writeSync,
} from 'node:fs'
import { basename, dirname, extname, join } from 'node:path'
import type { Clock } from '../../machinery/clock.ts'
import type { Logger } from '../../machinery/log.ts'
import type { AuditEvent, AuditSink } from './audit-event.ts'

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
}

const megabyte = 1024 * 1024
const dayMs = 24 * 3_600_000
const fileMode = 0o600

/** One line of JSON for each event, written before the request goes on; old files are put aside and removed. */
export class AuditLog implements AuditSink {
  readonly #options: AuditLogOptions
  readonly #clock: Clock
  readonly #log: Logger
  #file: number
  #bytes = 0

  constructor(options: AuditLogOptions, { clock, log }: { readonly clock: Clock; readonly log: Logger }) {
    this.#options = options
    this.#clock = clock
    this.#log = log
    if (options.path === '-') this.#file = 1
    else {
      mkdirSync(dirname(options.path), { recursive: true })
      this.#file = this.#open()
    }
  }

  write(event: AuditEvent): void {
    const line = Buffer.from(`${JSON.stringify(event)}\n`)
    const { path, maxSizeMegabytes = 0 } = this.#options
    try {
      const isFull = maxSizeMegabytes > 0 && this.#bytes + line.length > maxSizeMegabytes * megabyte
      if (path !== '-' && isFull && this.#bytes > 0) this.#rotate()
      for (let written = 0; written < line.length;) written += writeSync(this.#file, line, written)
      this.#bytes += line.length
    } catch (error) {
      this.#log.error('writing an audit event failed', { auditID: event.auditID, error: String(error) })
    }
  }

  close(): void {
    if (this.#options.path !== '-') closeSync(this.#file)
  }

  #open(): number {
    const file = openSync(this.#options.path, 'a', fileMode)
    this.#bytes = fstatSync(file).size
    return file
  }

  #rotate(): void {
    const { path, maxAgeDays = 0, maxBackups = 0 } = this.#options
    const extension = extname(path)
    const stem = `${basename(path, extension)}-`
    const now = this.#clock.now()
    const stamp = new Date(now).toISOString().replaceAll(':', '-').replace('Z', '')
    closeSync(this.#file)
    renameSync(path, join(dirname(path), `${stem}${stamp}${extension}`))
    this.#file = this.#open()
    const old = readdirSync(dirname(path))
      .filter((name) => name.startsWith(stem) && name.endsWith(extension))
      .map((name) => ({ name, atMs: timeOf(name.slice(stem.length, name.length - extension.length)) }))
      .filter(({ atMs }) => !Number.isNaN(atMs))
      .toSorted((a, b) => b.atMs - a.atMs)
    for (const [index, { name, atMs }] of old.entries()) {
      const isTooOld = maxAgeDays > 0 && atMs < now - maxAgeDays * dayMs
      if (isTooOld || (maxBackups > 0 && index >= maxBackups)) rmSync(join(dirname(path), name))
    }
  }
}

/** Of `2026-01-02T03-04-05.678`. */
function timeOf(stamp: string): number {
  return Date.parse(`${stamp.replace(/T(\d\d)-(\d\d)-/, 'T$1:$2:')}Z`)
}
