import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { firstRevision } from '../mvcc/mvcc.ts'
import { DataDirectoryError } from './data-directory-error.ts'
import { type LoadedLog, Loading } from './loading.ts'
import {
  changesName,
  isChangesName,
  isStateName,
  revisionOf,
  type Segment,
  unfinishedSuffix,
} from './log-names.ts'
import { readLog } from './read-log.ts'
import type { ChangeRecord } from './record.ts'

/** What a directory holds. */
export interface FoundLog {
  readonly loaded: LoadedLog
  /** Oldest first; one that is not there yet where there is nothing. */
  readonly segments: Segment[]
  readonly stateBytes: number
  /** What a crash left at the end of the latest changes. */
  readonly cutBytes: number
  /** Files that a state has replaced, or that were never finished. */
  readonly obsolete: readonly string[]
}

/** What stores were kept in before. */
const formerName = 'store.mdb'

/** Reads a directory and changes nothing in it. Throws a DataDirectoryError when it is not a sound log. */
export function findLog(directory: string): FoundLog {
  const names = readdirSync(directory).sort()
  const states = names.filter(isStateName)
  const all = names.filter(isChangesName)
  if (states.length + all.length === 0 && names.includes(formerName)) {
    const message = `${join(directory, formerName)} is of an earlier version of this program, which this one cannot read`
    throw new DataDirectoryError('foreign', message)
  }
  const state = states.at(-1)
  const base = state === undefined ? firstRevision : revisionOf(state)
  const first = Math.max(
    0,
    all.findLastIndex((name) => revisionOf(name) <= base),
  )
  const reading = new LogReading(directory, state === undefined ? undefined : base)
  if (state !== undefined) reading.readState(state)
  for (const [index, name] of all.entries()) {
    if (index >= first) reading.readChanges(name, index === all.length - 1)
  }
  const unfinished = names.filter((name) => name.endsWith(unfinishedSuffix))
  const obsolete = [...states.slice(0, -1), ...all.slice(0, first), ...unfinished]
  return { ...reading.result(), obsolete: obsolete.map((name) => join(directory, name)) }
}

/** Follows the changes through their files. */
class LogReading {
  readonly #directory: string
  readonly #state: ChangeRecord[] = []
  readonly #changes: ChangeRecord[] = []
  readonly #segments: Segment[] = []
  readonly #base: bigint
  #stateBytes = 0
  #cutBytes = 0
  #compactedRevision: bigint
  /** The revision of the last change read. */
  #revision: bigint | undefined

  /** `state`: the revision of the state that there is, if there is one. */
  constructor(directory: string, state: bigint | undefined) {
    this.#directory = directory
    this.#base = state ?? firstRevision
    this.#compactedRevision = state ?? 0n
  }

  readState(name: string): void {
    let isComplete = false
    const { length, rest } = readLog(join(this.#directory, name), (records) => {
      for (const record of records) {
        if (record.type === 'compacted') isComplete = record.revision === this.#base
        else this.#state.push(record)
      }
    })
    if (!isComplete || rest !== 'nothing') this.#throwDamaged(name)
    this.#stateBytes = length
  }

  /** `isLast`: nothing was written after it, so that its end may be torn. */
  readChanges(name: string, isLast: boolean): void {
    const after = revisionOf(name)
    if (this.#revision === undefined ? after > this.#base : after !== this.#revision) {
      throw new DataDirectoryError(
        'corrupt',
        `${this.#directory} is corrupt: changes before ${name} are missing`,
      )
    }
    this.#revision = after
    const path = join(this.#directory, name)
    const { length, rest, restBytes } = readLog(path, (records) => {
      for (const record of records) {
        if (record.type === 'compacted') {
          if (record.revision > this.#compactedRevision) this.#compactedRevision = record.revision
          continue
        }
        this.#revision!++
        if (record.revision !== this.#revision) this.#throwDamaged(name)
        if (record.revision > this.#base) this.#changes.push(record)
      }
    })
    if (rest === 'damage' || (rest === 'torn' && !isLast)) this.#throwDamaged(name)
    if (rest === 'torn') this.#cutBytes = restBytes
    this.#segments.push({ path, after, bytes: length })
  }

  result(): Omit<FoundLog, 'obsolete'> {
    if ((this.#revision ?? firstRevision) < this.#base) {
      throw new DataDirectoryError('corrupt', `${this.#directory} is corrupt: changes are missing`)
    }
    const loading = new Loading(this.#compactedRevision)
    for (const record of this.#state) loading.add(record)
    for (const record of this.#changes) loading.add(record)
    const path = join(this.#directory, changesName(firstRevision))
    const segments = this.#segments.length > 0 ? this.#segments : [{ path, after: firstRevision, bytes: 0 }]
    return { loaded: loading.result(), segments, stateBytes: this.#stateBytes, cutBytes: this.#cutBytes }
  }

  #throwDamaged(name: string): never {
    throw new DataDirectoryError('corrupt', `${this.#directory} is corrupt: ${name} is damaged`)
  }
}
