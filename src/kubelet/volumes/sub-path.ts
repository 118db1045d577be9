import { constants } from 'node:fs'
import { chmod, mkdir, open, readlink, realpath, stat, writeFile, type FileHandle } from 'node:fs/promises'
import { join } from 'node:path'
import type { Mounter } from './mounts.ts'
import { VolumeError } from './volume-error.ts'

/** Opens without access to the content: all that is needed to name the file by its descriptor. Linux' O_PATH. */
const openPathOnly = 0o10000000

/**
 * Bind-mounts a path inside a volume at `target`, making directories that are missing. A symlink that leads out of the
 * volume is refused, also one that is put there meanwhile: every step goes through a descriptor, and what the last one
 * holds is what is mounted.
 */
export async function mountSubPath(
  volume: string,
  subPath: string,
  target: string,
  mounter: Mounter,
): Promise<void> {
  const handle = await openInside(volume, subPath)
  try {
    const source = descriptorPath(handle)
    const isDirectory = (await stat(source)).isDirectory()
    if ((await mounter.below(target)).length > 0) await mounter.unmount(target)
    await mkdir(join(target, '..'), { recursive: true, mode: 0o750 })
    if (isDirectory) await mkdir(target, { recursive: true, mode: 0o750 })
    else await writeFile(target, '', { flag: 'a', mode: 0o640 })
    await mounter.bind(source, target)
  } finally {
    await handle.close()
  }
}

/** As a child process sees it. */
function descriptorPath(handle: FileHandle): string {
  return `/proc/${process.pid}/fd/${handle.fd}`
}

async function openInside(volume: string, subPath: string): Promise<FileHandle> {
  const root = await realpath(volume)
  const parts = subPath.split('/').filter((part) => part !== '' && part !== '.')
  if (parts.includes('..')) throw new VolumeError(`subPath ${JSON.stringify(subPath)} must not contain '..'`)
  let handle = await open(root, openPathOnly | constants.O_DIRECTORY)
  try {
    const mode = (await stat(root)).mode & 0o7777
    for (const part of parts) {
      const next = await step(handle, part, mode)
      await handle.close()
      handle = next
      await checkInside(handle, root, subPath)
    }
    return handle
  } catch (error) {
    await handle.close()
    throw error
  }
}

/** A directory that is missing is made with the permissions of the volume, whatever the umask. */
async function step(directory: FileHandle, name: string, mode: number): Promise<FileHandle> {
  const path = `${descriptorPath(directory)}/${name}`
  try {
    return await open(path, openPathOnly)
  } catch (error) {
    if ((error as { code?: unknown }).code !== 'ENOENT') throw error
    await mkdir(path, { mode })
    const made = await open(path, openPathOnly | constants.O_NOFOLLOW)
    await chmod(descriptorPath(made), mode)
    return made
  }
}

async function checkInside(handle: FileHandle, root: string, subPath: string): Promise<void> {
  const real = await readlink(descriptorPath(handle))
  if (real !== root && !real.startsWith(`${root}/`)) {
    throw new VolumeError(`subPath ${JSON.stringify(subPath)} leads outside of the volume`)
  }
}
