import { lstat, readdir, statfs } from 'node:fs/promises'
import { join } from 'node:path'

/** What a volume holds and could hold. As the summary API's FsStats names it; what is not known is absent. */
export interface VolumeUsage {
  readonly availableBytes?: number
  readonly capacityBytes?: number
  readonly usedBytes?: number
  readonly inodesFree?: number
  readonly inodes?: number
  readonly inodesUsed?: number
}

/** Of a volume that is a filesystem of its own. */
export async function filesystemUsage(path: string): Promise<VolumeUsage> {
  const { bavail, bfree, blocks, bsize, files, ffree } = await statfs(path)
  return {
    availableBytes: bavail * bsize,
    capacityBytes: blocks * bsize,
    usedBytes: (blocks - bfree) * bsize,
    inodesFree: ffree,
    inodes: files,
    inodesUsed: files - ffree,
  }
}

/** Of a volume that is a directory of a filesystem which it shares with others. */
export async function directoryUsage(path: string): Promise<VolumeUsage> {
  const [filesystem, own] = await Promise.all([filesystemUsage(path), treeUsage(path)])
  return { ...filesystem, usedBytes: own.bytes, inodesUsed: own.inodes }
}

const blockBytes = 512

/** What a tree takes on its disk; what cannot be read, or goes meanwhile, takes nothing. */
export async function treeUsage(path: string): Promise<{ readonly bytes: number; readonly inodes: number }> {
  const found = await lstat(path).catch(() => undefined)
  if (!found) return { bytes: 0, inodes: 0 }
  let [bytes, inodes] = [found.blocks * blockBytes, 1]
  if (!found.isDirectory()) return { bytes, inodes }
  for (const name of await readdir(path).catch(() => [])) {
    const below = await treeUsage(join(path, name))
    bytes += below.bytes
    inodes += below.inodes
  }
  return { bytes, inodes }
}
