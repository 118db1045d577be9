import { randomBytes } from 'node:crypto'
import {
  chmod,
  chown,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  readlink,
  rename,
  rm,
  stat,
  symlink,
  unlink,
  writeFile,
} from 'node:fs/promises'
import { dirname, join, posix } from 'node:path'
import { VolumeError } from './volume-error.ts'

export interface PayloadFile {
  readonly content: Uint8Array
  /** Permission bits. */
  readonly mode: number
  /** Owner, when not root. */
  readonly user?: number
}

/** Files by their path inside the volume. */
export type Payload = ReadonlyMap<string, PayloadFile>

const dataLink = '..data'

/**
 * Makes `directory` hold exactly the payload, seen by readers as one change: files stand in a directory of their own,
 * `..data` is a symlink to it that is replaced by a rename, and what users see are symlinks through `..data`.
 * Does nothing when the content is there already. `prepare` is given the new directory before it is shown.
 * True when it wrote; when it rejects, what was there before is there as it was.
 */
export async function writeAtomically(
  directory: string,
  payload: Payload,
  prepare: (directory: string) => Promise<void> = async () => {},
): Promise<boolean> {
  for (const path of payload.keys()) checkPath(path)
  const current = await readlink(join(directory, dataLink)).catch(() => undefined)
  if (current !== undefined && (await holds(join(directory, current), payload))) return false

  const staging = await mkdtemp(join(directory, `..${stamp()}.`))
  const temporary = join(directory, `..data_tmp_${randomBytes(4).toString('hex')}`)
  try {
    await chmod(staging, 0o755)
    for (const [path, file] of payload) await writePayloadFile(join(staging, path), file)
    await prepare(staging)
    await symlink(posix.basename(staging), temporary)
    await rename(temporary, join(directory, dataLink))
  } catch (error) {
    // It is tried again, with another directory: what is left of each would fill a disk that is full already.
    await rm(temporary, { force: true })
    await rm(staging, { recursive: true, force: true })
    throw error
  }
  await showNames(directory, payload)
  if (current !== undefined) await rm(join(directory, current), { recursive: true, force: true })
  return true
}

/** Paths stay inside: relative, without `..`, and not beginning with it. */
function checkPath(path: string): void {
  const parts = path.split('/')
  if (path === '' || posix.isAbsolute(path) || parts.includes('..') || parts[0]!.startsWith('..')) {
    throw new VolumeError(`invalid path ${JSON.stringify(path)} in volume`)
  }
}

/** Names the directory only; uniqueness comes from mkdtemp. */
function stamp(): string {
  const digits = new Date().toISOString().slice(0, 19)
  return digits.replaceAll(/[-:T]/g, '_')
}

async function writePayloadFile(path: string, { content, mode, user }: PayloadFile): Promise<void> {
  await mkdir(dirname(path), { recursive: true, mode: 0o755 })
  await writeFile(path, content, { mode })
  // The umask takes bits away that the volume asks for.
  await chmod(path, mode)
  if (user !== undefined) await chown(path, user, (await stat(path)).gid)
}

async function holds(directory: string, payload: Payload): Promise<boolean> {
  const entries = await readdir(directory, { recursive: true, withFileTypes: true }).catch(() => [])
  const files = entries.filter((entry) => entry.isFile())
  if (files.length !== payload.size) return false
  for (const [path, file] of payload) {
    const content = await readFile(join(directory, path)).catch(() => undefined)
    if (content === undefined || !content.equals(file.content)) return false
  }
  return true
}

/** The first part of each path is what stands in the volume, as a symlink. */
async function showNames(directory: string, payload: Payload): Promise<void> {
  const names = new Set(Array.from(payload.keys(), (path) => path.split('/')[0]!))
  for (const name of names) {
    const target = `${dataLink}/${name}`
    const there = await readlink(join(directory, name)).catch(() => undefined)
    if (there !== target) await symlink(target, join(directory, name))
  }
  for (const name of await readdir(directory)) {
    if (!name.startsWith('..') && !names.has(name)) await unlink(join(directory, name))
  }
}
