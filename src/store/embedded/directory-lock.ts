import { closeSync, openSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { DataDirectoryError } from './data-directory-error.ts'

const lockName = 'lock'
const ownerName = 'owner'
/** Source: sqlite.org/rescode.html, SQLITE_BUSY. */
const busy = 5

/** A directory that is this process's, and of nobody else in this process. */
export interface DirectoryLock {
  release(): void
}

/**
 * Takes a directory for this process, until the process ends however it ends. Node.js has no file locks; SQLite, which
 * is part of it, locks its file with the kernel's, and its empty database is used for nothing else.
 * Throws a DataDirectoryError when somebody has it.
 */
export async function lockDirectory(directory: string): Promise<DirectoryLock> {
  const { DatabaseSync } = await import('node:sqlite')
  const file = join(directory, lockName)
  // SQLite would let everybody read it.
  closeSync(openSync(file, 'a', 0o600))
  const database = new DatabaseSync(file)
  try {
    database.exec('PRAGMA journal_mode = OFF; BEGIN EXCLUSIVE')
  } catch (error) {
    database.close()
    if ((error as { errcode?: number }).errcode !== busy) throw error
    const message = `${directory} is in use by process ${ownerOf(directory) ?? 'unknown'}`
    throw new DataDirectoryError('inUse', message, { cause: error })
  }
  writeFileSync(join(directory, ownerName), `${process.pid}\n`, { mode: 0o600 })
  return { release: () => database.close() }
}

/** For people alone: who is the owner is decided by the lock. */
function ownerOf(directory: string): string | undefined {
  try {
    return readFileSync(join(directory, ownerName), 'utf8').trim()
  } catch {
    return undefined
  }
}
