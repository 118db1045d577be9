import { constants } from 'node:fs'
import { chmod, chown, lchown, lstat, open, readdir, type FileHandle } from 'node:fs/promises'

const setgid = 0o2000
const readWrite = { file: 0o660, directory: 0o770 | setgid }
const readOnly = { file: 0o440, directory: 0o550 | setgid }
/** Opens without access to the content: all that is needed to name the file by its descriptor. Linux' O_PATH. */
const openPathOnly = 0o10000000

/**
 * Gives a volume to a group: everything in it gets the group and its permissions, and what is made later inherits the
 * group. With `onlyIfRootDiffers`, nothing when the volume's root is the group's already. Pods may be writing to the
 * volume meanwhile: a file that is replaced by a symlink does not lead elsewhere, since each is changed by its
 * descriptor.
 */
export async function giveToGroup(
  path: string,
  group: number,
  options: { readonly readOnly: boolean; readonly onlyIfRootDiffers?: boolean },
): Promise<void> {
  const bits = options.readOnly ? readOnly : readWrite
  if (options.onlyIfRootDiffers) {
    const { gid, mode } = await lstat(path)
    if (gid === group && (mode & bits.directory) === bits.directory) return
  }
  const handle = await open(path, openPathOnly)
  try {
    await give(handle)
  } finally {
    await handle.close()
  }

  async function give(handle: FileHandle): Promise<void> {
    const own = descriptorPath(handle)
    const stats = await handle.stat()
    await chown(own, stats.uid, group)
    const added = stats.isDirectory() ? bits.directory : bits.file
    await chmod(own, (stats.mode & 0o7777) | added)
    if (!stats.isDirectory()) return
    for (const name of await readdir(own, { encoding: 'buffer' })) {
      await giveEntry(Buffer.concat([Buffer.from(`${own}/`), name]))
    }
  }

  async function giveEntry(path: Buffer): Promise<void> {
    const handle = await open(path, openPathOnly | constants.O_NOFOLLOW).catch(ignoreMissing)
    if (handle === undefined) return
    try {
      const stats = await handle.stat()
      if (stats.isSymbolicLink()) await lchown(path, stats.uid, group).catch(ignoreMissing)
      else await give(handle)
    } finally {
      await handle.close()
    }
  }
}

/** Through it the very file is reached that the descriptor is of. */
function descriptorPath({ fd }: FileHandle): string {
  return `/proc/self/fd/${fd}`
}

/** What its pod has removed meanwhile. */
function ignoreMissing(error: unknown): undefined {
  if ((error as { code?: unknown }).code !== 'ENOENT') throw error
}
