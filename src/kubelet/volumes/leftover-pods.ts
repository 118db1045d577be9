import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import type { KubeletPaths } from '../pods/services.ts'

/** The uids of pods that have a directory on this machine and are not known any more. */
export async function leftoverPods(
  { rootDirectory }: Pick<KubeletPaths, 'rootDirectory'>,
  isKnown: (podUID: string) => boolean,
): Promise<readonly string[]> {
  const uids = await readdir(join(rootDirectory, 'pods')).catch(() => [])
  return uids.filter((uid) => !isKnown(uid))
}
