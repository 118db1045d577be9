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

/** Removes the logs of pods that are not known any more: `<namespace>_<name>_<uid>`. */
export async function removeStrayLogs(
  podLogsDirectory: string,
  isKnown: (podUID: string) => boolean,
): Promise<void> {
  for (const entry of await readdir(podLogsDirectory).catch(() => [])) {
    const parts = entry.split('_')
    if (parts.length !== 3 || isKnown(parts[2]!)) continue
    await rm(join(podLogsDirectory, entry), { recursive: true, force: true })
  }
}
