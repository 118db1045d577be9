import { mkdir, readFile, realpath } from 'node:fs/promises'
import { join } from 'node:path'
import { unescapeOctal, type Mounter } from './mounts.ts'

/** What drivers and plugins expect to be in a kubelet's root directory, before there is a pod. */
const parts = ['pods', 'plugins', 'plugins_registry']

/**
 * Makes a kubelet's root directory with what others look for in it. What is mounted in it by a container that was given
 * it with `mountPropagation: Bidirectional` is seen by this machine and by other containers.
 */
export async function makeRootDirectory(
  rootDirectory: string,
  mounter: Pick<Mounter, 'share'>,
): Promise<void> {
  await mkdir(rootDirectory, { recursive: true, mode: 0o750 })
  for (const part of parts) await mkdir(join(rootDirectory, part), { recursive: true, mode: 0o750 })
  const path = await realpath(rootDirectory)
  if (!isShared(path, await readFile('/proc/self/mountinfo', 'utf8'))) await mounter.share(path)
}

/** Whether the mount that `path` is in is shared with other mount namespaces. Source: proc(5), /proc/PID/mountinfo. */
export function isShared(path: string, mountinfo: string): boolean {
  let found = { point: '/', isShared: false }
  for (const line of mountinfo.split('\n')) {
    const [, , , , field, , ...optional] = (line.split(' - ')[0] ?? '').split(' ')
    if (field === undefined) continue
    const point = unescapeOctal(field)
    const holds = point === '/' || point === path || path.startsWith(`${point}/`)
    if (holds && point.length >= found.point.length)
      found = { point, isShared: optional.some((tag) => tag.startsWith('shared:')) }
  }
  return found.isShared
}
