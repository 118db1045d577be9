import { lstat } from 'node:fs/promises'
import { join } from 'node:path'
import type { Mounter } from './mounts.ts'
import { removeTree } from './remove-tree.ts'
import { VolumeError } from './volume-error.ts'

/** Where a pod's files stand on this machine, as upstream lays them out under the kubelet's root directory. */
export interface PodDirectory {
  readonly path: string
  readonly hostsFile: string
  volume(plugin: string, name: string): string
  terminationLog(container: string, attempt: number): string
  subPath(volume: string, container: string, index: number): string
}

export function podDirectory(rootDirectory: string, podUID: string): PodDirectory {
  const path = join(rootDirectory, 'pods', podUID)
  return {
    path,
    hostsFile: join(path, 'etc-hosts'),
    volume: (plugin, name) => join(path, 'volumes', `kubernetes.io~${plugin}`, name),
    terminationLog: (container, attempt) => join(path, 'containers', container, String(attempt)),
    subPath: (volume, container, index) => join(path, 'volume-subpaths', volume, container, String(index)),
  }
}

/** Unmounts everything below a pod's directory, then removes it. Never removes through a mount. */
export async function removePodDirectory(path: string, mounter: Mounter): Promise<void> {
  const there = await lstat(path).then(
    () => true,
    () => false,
  )
  if (!there) return
  const mounts = await mounter.below(path)
  for (const target of mounts.toReversed()) await mounter.unmount(target)
  const left = await mounter.below(path)
  if (left.length > 0) throw new VolumeError(`still mounted: ${left.join(', ')}`)
  await removeTree(path)
}
