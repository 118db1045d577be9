import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import type { Logger } from '../../machinery/log.ts'
import type { CgroupManager } from '../cgroups/cgroup-manager.ts'
import type { RunningDevices } from '../devices/start-devices.ts'
import { ifThere } from '../if-there.ts'
import { removeStrayLogs } from '../logs/remove-logs.ts'
import type { UserNamespaces } from '../user-namespaces/user-namespaces.ts'
import type { VolumeManager } from '../volumes/volume-manager.ts'
import type { KubeletPaths } from './services.ts'

export interface LeftoverOptions {
  readonly paths: KubeletPaths
  readonly volumes: VolumeManager
  readonly cgroups: CgroupManager
  readonly users: UserNamespaces
  readonly devices: RunningDevices | undefined
  readonly log: Logger
  readonly isKnown: (podUID: string) => boolean
}

/**
 * Takes back what is left of pods that have gone while no kubelet ran, and whose containers had gone before: volumes,
 * cgroups, devices and logs. What cannot be taken back is logged, and stays for the next time.
 */
export async function removePodLeftovers(options: LeftoverOptions): Promise<void> {
  const { paths, volumes, cgroups, users, devices, log, isKnown } = options
  const uids = (await ifThere(readdir(join(paths.rootDirectory, 'pods')))) ?? []
  for (const uid of uids.filter((uid) => !isKnown(uid))) {
    log.info('removing what a pod has left', { uid })
    await volumes.remove(uid).then(
      () => users.release(uid),
      (error: unknown) => log.warn('removing volumes failed', { uid, error }),
    )
    await cgroups.remove(uid).catch((error: unknown) => log.warn('removing cgroups failed', { uid, error }))
  }
  for (const uid of devices?.podUIDs() ?? []) {
    if (isKnown(uid)) continue
    await devices?.resources
      .release(uid)
      .catch((error: unknown) => log.warn('taking devices back failed', { uid, error }))
  }
  await removeStrayLogs(paths.podLogsDirectory, isKnown)
}
