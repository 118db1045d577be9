import { readFile, realpath } from 'node:fs/promises'
import { join } from 'node:path'
import type { FileKeySelector } from '../../api/generated/core.v1.ts'
import type { PreparedVolumes } from '../volumes/volume-manager.ts'
import { ConfigError } from './config-error.ts'

const maximumBytes = 64 * 1024

/** The value of a key in a file of variables that an init container has left in a volume; undefined when missing. */
export async function readFileKey(
  ref: FileKeySelector,
  volumes: PreparedVolumes,
): Promise<string | undefined> {
  const volume = volumes.get(ref.volumeName)
  if (volume === undefined) throw new ConfigError(`cannot find the volume "${ref.volumeName}"`)
  const root = await realpath(volume.hostPath)
  const path = await realpath(join(root, ref.path)).catch(() => undefined)
  if (path === undefined) {
    if (ref.optional) return undefined
    throw new ConfigError(`environment variable file "${ref.path}" not found in volume "${ref.volumeName}"`)
  }
  if (!path.startsWith(`${root}/`)) throw new ConfigError(`file "${ref.path}" is not inside its volume`)
  const content = await readFile(path)
  if (content.length > maximumBytes) throw new ConfigError(`file "${ref.path}" is larger than 64KiB`)
  return parseVariables(content.toString()).get(ref.key)
}

/** `NAME='value'` lines: values in single quotes, which may span lines; blank lines and `#` comments between them. */
export function parseVariables(text: string): ReadonlyMap<string, string> {
  const variables = new Map<string, string>()
  const line = /^[ \t]*(?:#.*|([A-Za-z_][A-Za-z0-9_.-]*)=(?:'([^']*)'|([^'\n]*))[ \t]*)?$/gm
  let end = 0
  for (const match of text.matchAll(line)) {
    if (match.index < end) continue
    end = match.index + match[0].length
    if (match[1] !== undefined) variables.set(match[1], match[2] ?? match[3] ?? '')
  }
  return variables
}
