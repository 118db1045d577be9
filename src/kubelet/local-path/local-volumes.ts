import { chmod, mkdir } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { removeTree } from '../volumes/remove-tree.ts'
import { VolumeError } from '../volumes/volume-error.ts'

/** The directories on this machine that volumes of the default class are. Both reject with a VolumeError or the system's. */
export interface LocalVolumes {
  /** The path of a volume's directory. Does nothing when it is there. */
  make(volumeName: string, directory: string): Promise<string>
  /** Removes it with all that is in it; nothing when it is not there. Refuses paths that are not of the volume. */
  remove(volumeName: string, path: string): Promise<void>
}

/** Directories in `root`. Anybody may write to them, as the user that its container runs as: which is not known here. */
export function localVolumesIn(root: string): LocalVolumes {
  return {
    async make(volumeName, directory) {
      const path = join(root, `${volumeName}_${directory}`)
      checkPath(volumeName, path)
      await mkdir(root, { recursive: true, mode: 0o700 })
      await mkdir(path, { recursive: true, mode: 0o700 })
      await chmod(path, 0o777)
      return path
    },
    async remove(volumeName, path) {
      checkPath(volumeName, path)
      await removeTree(path)
    },
  }

  function checkPath(volumeName: string, path: string): void {
    if (dirname(path) !== root || !basename(path).startsWith(`${volumeName}_`))
      throw new VolumeError(`${path} is not a directory of volume ${volumeName} in ${root}`)
  }
}

/** For nodes that touch nothing of this machine. */
export const simulatedLocalVolumes: LocalVolumes = {
  make: (volumeName, directory) => Promise.resolve(`/simulated/${volumeName}_${directory}`),
  remove: () => Promise.resolve(),
}
