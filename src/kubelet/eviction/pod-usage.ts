import { dirname, join } from 'node:path'
import type { Pod } from '../../api/generated/core.v1.ts'
import type { PodObservation } from '../pods/observation.ts'
import type { ContainerRuntime, ContainerStats } from '../runtime/runtime.ts'
import { podDirectory } from '../volumes/pod-directory.ts'
import { treeUsage } from '../volumes/volume-usage.ts'
import type { PodUsage } from './rank-pods.ts'

export interface PodUsageSources {
  readonly runtime: ContainerRuntime
  readonly rootDirectory: string
  readonly observed: (podUID: string) => PodObservation
}

/** What each of these pods uses now: asks the runtime once, and walks their logs and volumes. */
export async function podUsages(
  sources: PodUsageSources,
  pods: readonly Pod[],
): Promise<readonly PodUsage[]> {
  const stats = await sources.runtime.containerStats()
  const byPod = Map.groupBy(stats, ({ podUID }) => podUID)
  return Promise.all(pods.map((pod) => usageOf(sources, pod, byPod.get(pod.metadata?.uid ?? '') ?? [])))
}

async function usageOf(
  { runtime, rootDirectory, observed }: PodUsageSources,
  pod: Pod,
  stats: readonly ContainerStats[],
): Promise<PodUsage> {
  // Pods of a simulated runtime have no files here.
  const sizeOf = async (path: string) => (runtime.usesHost ? (await treeUsage(path)).bytes : 0)
  const uid = pod.metadata?.uid ?? ''
  const directory = podDirectory(rootDirectory, uid)
  const { containers } = observed(uid)
  const onDisk = (pod.spec?.volumes ?? []).filter(({ emptyDir }) => emptyDir && emptyDir.medium !== 'Memory')
  const volumes = onDisk.map(async ({ name }) => {
    return [name, await sizeOf(directory.volume('empty-dir', name))] as const
  })
  return {
    pod,
    containers: await Promise.all(
      stats.map(async (entry) => {
        const logPath = containers.find(({ id }) => id === entry.containerID)?.logPath
        const logBytes = logPath ? await sizeOf(dirname(logPath)) : 0
        return {
          name: entry.name,
          memoryBytes: entry.memoryWorkingSetBytes,
          storageBytes: (entry.filesystemUsedBytes ?? 0) + logBytes,
          inodes: entry.filesystemInodesUsed ?? 0,
        }
      }),
    ),
    volumes: new Map(await Promise.all(volumes)),
    filesBytes: (await sizeOf(directory.hostsFile)) + (await sizeOf(join(directory.path, 'containers'))),
  }
}
