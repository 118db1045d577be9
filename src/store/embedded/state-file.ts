import { compressedForm } from '../large-value.ts'
import type { Entry } from '../store.ts'
import { encodeBatch } from './batch.ts'
import { type DurableWrite, LogFile } from './log-file.ts'
import { fileHeader, raiseFormat } from './read-log.ts'
import { encodeRecord } from './record.ts'

/** Every entry there was right after a revision. */
export interface LogState {
  readonly revision: bigint
  readonly entries: readonly Entry[]
  expiresAtMs(entry: Entry): number | undefined
}

const batchBytes = 256 << 10

/**
 * Opens a file of a log of which the first `length` bytes count, or makes one; of this program's format from then on.
 * `makesRoom`: as in LogFile.
 */
export async function openLogFile(
  path: string,
  length: number,
  write: DurableWrite,
  makesRoom: boolean,
): Promise<LogFile> {
  if (length > 0) raiseFormat(path)
  const file = await LogFile.open(path, length, write, makesRoom)
  if (length > 0) return file
  try {
    await file.append([fileHeader])
    return file
  } catch (error) {
    await file.close()
    throw error
  }
}

/** Writes a state and the mark that it is complete. Returns the length of the file. */
export async function writeState(path: string, state: LogState, write: DurableWrite): Promise<number> {
  const { revision, entries } = state
  const file = await openLogFile(path, 0, write, false)
  try {
    let batch: Buffer[] = []
    let bytes = 0
    for (const entry of entries) {
      const { key, createRevision } = entry
      const value = compressedForm(entry) ?? entry.value
      const expiresAtMs = state.expiresAtMs(entry) ?? 0
      const put = { type: 'put', revision: entry.revision, key, value, createRevision, expiresAtMs } as const
      const record = encodeRecord(put)
      batch.push(record)
      bytes += record.length
      if (bytes < batchBytes) continue
      await file.append(encodeBatch(batch))
      batch = []
      bytes = 0
    }
    batch.push(encodeRecord({ type: 'compacted', revision }))
    await file.append(encodeBatch(batch))
    return file.length
  } finally {
    await file.close()
  }
}
