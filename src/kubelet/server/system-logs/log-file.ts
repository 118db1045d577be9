import { constants } from 'node:fs'
import { open, readlink, realpath, type FileHandle } from 'node:fs/promises'
import { join, posix } from 'node:path'

/** A path below the directory, whatever `..` the name has in it. */
export function logPath(directory: string, name: string): string {
  return join(directory, posix.join('/', name.replaceAll('\\', '/')))
}

export interface LogFile {
  readonly file: FileHandle
  readonly isDirectory: boolean
  readonly isFile: boolean
  readonly sizeBytes: number
}

/**
 * Opens what is at the path below `directory`; undefined where there is nothing, also where a symbolic link leads out of
 * it: pods may be allowed to write there, and the kubelet may read everything.
 */
export async function openLogFile(directory: string, name: string): Promise<LogFile | undefined> {
  const root = await realpath(directory).catch(() => undefined)
  if (root === undefined) return undefined
  // A pipe that nobody writes to does not hold it up.
  const flags = constants.O_RDONLY | constants.O_NONBLOCK
  const file = await open(logPath(root, name), flags).catch(() => undefined)
  if (file === undefined) return undefined
  const where = await readlink(`/proc/self/fd/${file.fd}`)
  const stats = await file.stat()
  if (where !== root && !where.startsWith(`${root}/`)) {
    await file.close()
    return undefined
  }
  return { file, isDirectory: stats.isDirectory(), isFile: stats.isFile(), sizeBytes: stats.size }
}
