import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'

/** Replaces the file as one step, so that a reader, or a crash, sees the old content or the new one whole. */
export function writeAtomically(path: string, content: string | Uint8Array, mode = 0o644): void {
  mkdirSync(dirname(path), { recursive: true })
  const temporary = `${path}.${process.pid}.tmp`
  writeFileSync(temporary, content, { mode, flush: true })
  renameSync(temporary, path)
}

/** Does nothing, and changes no time stamp, where the file already has this content. */
export function writeIfChanged(path: string, content: string, mode = 0o644): void {
  if (readIfExists(path) !== content) writeAtomically(path, content, mode)
}

/** Undefined where there is no such file. */
export function readIfExists(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw error
  }
}
