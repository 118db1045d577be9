import { constants } from 'node:fs'
import { open, readdir, rmdir, unlink, type FileHandle } from 'node:fs/promises'
import { basename, dirname } from 'node:path'
import { VolumeError } from './volume-error.ts'

/**
 * Removes a file or a directory with all that is in it; nothing when it is not there. Never follows a symlink, also not
 * one that is put there meanwhile, and never enters another file system: every step goes through the descriptor of the
 * directory that it is in.
 */
export async function removeTree(path: string): Promise<void> {
  const parent = await openDirectory(Buffer.from(dirname(path))).catch(ignoreMissing)
  if (parent === undefined) return
  try {
    await removeEntry(parent, Buffer.from(basename(path)), (await parent.stat()).dev)
  } finally {
    await parent.close()
  }
}

async function removeEntry(parent: FileHandle, name: Buffer, device: number): Promise<void> {
  const path = Buffer.concat([Buffer.from(`${descriptorPath(parent)}/`), name])
  try {
    await unlink(path)
    return
  } catch (error) {
    const code = codeOf(error)
    if (code === 'ENOENT') return
    if (code !== 'EISDIR' && code !== 'EPERM') throw error
  }
  const directory = await openDirectory(path)
  try {
    if ((await directory.stat()).dev !== device)
      throw new VolumeError(`${JSON.stringify(name.toString())} is on another file system: it is not removed`)
    const names = await readdir(descriptorPath(directory), { encoding: 'buffer' })
    for (const inside of names) await removeEntry(directory, inside, device)
  } finally {
    await directory.close()
  }
  await rmdir(path)
}

function openDirectory(path: Buffer): Promise<FileHandle> {
  return open(path, constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW)
}

function descriptorPath({ fd }: FileHandle): string {
  return `/proc/self/fd/${fd}`
}

function codeOf(error: unknown): unknown {
  return (error as { code?: unknown }).code
}

function ignoreMissing(error: unknown): undefined {
  if (codeOf(error) !== 'ENOENT') throw error
}
