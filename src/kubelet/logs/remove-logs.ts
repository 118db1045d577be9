import { readdir, rm } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'

/** Removes a container's log and what rotation made of it. */
export async function removeLogs(logPath: string): Promise<void> {
  if (logPath === '') return
  const directory = dirname(logPath)
  const name = basename(logPath)
  for (const entry of await readdir(directory).catch(() => [])) {
    if (entry === name || entry.startsWith(`${name}.`)) await rm(join(directory, entry), { force: true })
  }
}
