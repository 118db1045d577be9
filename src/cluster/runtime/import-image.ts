import { run } from '../machine/command.ts'
import type { NodeFolder } from '../state/cluster-folder.ts'
import { snapshotterFor } from './containerd.ts'

/**
 * Puts the images of an archive (what `docker save` writes, or an OCI layout, also gzipped) into the node's containerd,
 * where the kubelet sees them. Gives their names.
 */
export async function importImage(folder: NodeFolder, archive: string): Promise<string[]> {
  const output = await ctr(folder, ['images', 'import', '--snapshotter', snapshotterFor(folder), archive])
  return [...output.matchAll(/^unpacking (\S+) /gm)].map((match) => match[1] ?? '')
}

/** Names of the images that the node has. */
export async function imageNames(folder: NodeFolder): Promise<string[]> {
  return (await ctr(folder, ['images', 'ls', '--quiet'])).split('\n').filter(Boolean)
}

function ctr(folder: NodeFolder, args: readonly string[]): Promise<string> {
  return run('ctr', ['--address', folder.containerdSocket, '--namespace', 'k8s.io', ...args])
}
