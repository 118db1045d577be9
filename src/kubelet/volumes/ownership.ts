import { chmod, lchown, lstat, readdir } from 'node:fs/promises'
import { join } from 'node:path'

const setgid = 0o2000
const readWrite = { file: 0o660, directory: 0o770 | setgid }
const readOnly = { file: 0o440, directory: 0o550 | setgid }

/**
 * Gives a volume to a group: everything in it gets the group and its permissions, and what is made later inherits the
 * group. With `onlyIfRootDiffers`, nothing when the volume's root is the group's already.
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
  await give(path)

  async function give(path: string): Promise<void> {
    const stats = await lstat(path)
    await lchown(path, stats.uid, group)
    if (stats.isSymbolicLink()) return
    const added = stats.isDirectory() ? bits.directory : bits.file
    await chmod(path, (stats.mode & 0o7777) | added)
    if (!stats.isDirectory()) return
    for (const name of await readdir(path)) await give(join(path, name))
  }
}
