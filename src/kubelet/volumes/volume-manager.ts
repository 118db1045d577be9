import { chmod, mkdir, realpath } from 'node:fs/promises'
import type { ImageVolumeSource, NFSVolumeSource, Pod, Volume } from '../../api/generated/core.v1.ts'
import { isThere } from '../if-there.ts'
import { writeAtomically } from './atomic-writer.ts'
import type { CsiVolumes } from './csi/csi-volumes.ts'
import { emptyDirOf } from './empty-dir.ts'
import { prepareHostPath } from './host-path.ts'
import { noStorageMetrics, type StorageMetrics } from '../metrics/storage-metrics.ts'
import type { CNIOptions } from '../network/cni-config.ts'
import type { Mounter } from './mounts.ts'
import { ownHostPaths } from './own-paths.ts'
import { giveToGroup } from './ownership.ts'
import { volumePayload, type PayloadSources } from './payload.ts'
import { mountDisk, type Disk } from './mount-disk.ts'
import { findClaimed, locateVolume, type ClaimSource } from './persistent-volume.ts'
import { podDirectory, removePodDirectory } from './pod-directory.ts'
import { createTurns } from './turns.ts'
import { directoryUsage, filesystemUsage, type VolumeUsage } from './volume-usage.ts'
import { VolumeError } from './volume-error.ts'
import { volumePlugin, volumePluginName } from './volume-plugin.ts'

export interface PreparedVolume {
  readonly hostPath: string
  /** The volume itself may only be read, whatever the mount says. */
  readonly readOnly: boolean
  /** A block device: containers get it as a device, not as a mount. */
  readonly isDevice?: boolean
  /** The runtime mounts the files of an image, which is pulled with the containers that have it. */
  readonly image?: ImageVolumeSource
  /** What it holds; absent, or undefined, where nobody can tell: host paths, devices. */
  readonly measure?: () => Promise<VolumeUsage | undefined>
}

/** A pod's volumes by name. */
export type PreparedVolumes = ReadonlyMap<string, PreparedVolume>

export interface VolumeManager {
  /**
   * Makes the pod's volumes, or brings those that exist up to date. Rejects with a VolumeError that says which volume
   * and why, in upstream's words.
   */
  prepare(pod: Pod): Promise<PreparedVolumes>
  /** The volumes that were prepared for the pod last. */
  volumesOf(podUID: string): PreparedVolumes
  /** Unmounts and removes everything the pod had on this machine, of which only the uid need be known. */
  remove(podUID: string): Promise<void>
  /** When the volumes are to be looked at again, though nothing of the pod has changed; Infinity for never. */
  refreshAtMs(podUID: string): number
}

export interface VolumeManagerOptions {
  readonly rootDirectory: string
  /** Where the runtime finds the pods' network. */
  readonly cni?: CNIOptions | undefined
  readonly mounter: Mounter
  readonly sources: PayloadSources
  readonly claims: ClaimSource
  /** Absent where volumes of drivers are not served. */
  readonly csi?: CsiVolumes
  /** What pods may have of the node's memory, as a quantity. */
  readonly allocatableMemory: string
  /** Keep secrets and tokens in memory; needs root. */
  readonly tmpfs: boolean
  readonly metrics?: StorageMetrics
}

export function createVolumeManager(options: VolumeManagerOptions): VolumeManager {
  const { rootDirectory, mounter, sources } = options
  const { measure } = options.metrics ?? noStorageMetrics
  const paths = ownHostPaths(rootDirectory, options.cni)
  const inTurn = createTurns()
  const known = new Map<string, PreparedVolumes>()

  async function prepareVolume(pod: Pod, volume: Volume): Promise<PreparedVolume> {
    const directory = podDirectory(rootDirectory, pod.metadata?.uid ?? '')
    const { name } = volume
    const group = pod.spec?.securityContext?.fsGroup
    const payload = await volumePayload(pod, volume, sources)
    if (payload) {
      const plugin = volumePlugin(volume)
      const path = directory.volume(plugin, name)
      await makeDirectory(path, 0o777)
      if (options.tmpfs && plugin !== 'configmap') await ensureTmpfs(path, [])
      await writeAtomically(path, payload, async (staging) => {
        if (group !== undefined) await giveToGroup(staging, group, { readOnly: true })
      })
      return { hostPath: path, readOnly: true, measure: () => directoryUsage(path) }
    }
    if (volume.emptyDir) {
      const kind = emptyDirOf(pod, volume.emptyDir, options.allocatableMemory)
      const path = directory.volume('empty-dir', name)
      await makeDirectory(path, 0o777)
      if (kind.type === 'tmpfs') await ensureTmpfs(path, kind.mountOptions)
      if (kind.type === 'hugetlbfs' && (await ensureMounted('hugetlbfs', 'nodev', path, kind.mountOptions)))
        await chmod(path, 0o777)
      if (group !== undefined) await giveToGroup(path, group, { readOnly: false, onlyIfRootDiffers: true })
      return { hostPath: path, readOnly: false, measure: () => directoryUsage(path) }
    }
    if (volume.hostPath) {
      const path = paths.onNode(volume.hostPath.path)
      return { hostPath: await prepareHostPath({ ...volume.hostPath, path }), readOnly: false }
    }
    const claim = volume.persistentVolumeClaim
      ? volume.persistentVolumeClaim
      : volume.ephemeral && { claimName: `${pod.metadata?.name ?? ''}-${name}` }
    if (claim) {
      const readOnly = volume.persistentVolumeClaim?.readOnly === true
      return await prepareClaimed(pod, claim.claimName, readOnly)
    }
    if (volume.image) return { hostPath: '', readOnly: true, image: volume.image }
    if (volume.nfs) return await mountNfs(directory.volume('nfs', name), volume.nfs, [])
    if (volume.csi && options.csi) return await options.csi.prepareInline(pod, volume)
    throw new VolumeError(`no volume plugin matched: ${Object.keys(volume).find((key) => key !== 'name')}`)
  }

  async function prepareClaimed(pod: Pod, claimName: string, readOnly: boolean): Promise<PreparedVolume> {
    const claimed = await findClaimed(pod, claimName, options.claims)
    const located = await locateVolume(claimed.volume)
    const directory = podDirectory(rootDirectory, pod.metadata?.uid ?? '')
    switch (located.type) {
      case 'path': {
        const { hostPath, isLocal, isDevice } = located
        if (isDevice) return { hostPath: await realpath(hostPath), readOnly, isDevice }
        if (isLocal) await giveToGroupOf(pod, hostPath)
        return { hostPath, readOnly, ...(isLocal && { measure: () => filesystemUsage(hostPath) }) }
      }
      case 'disk': {
        const path = directory.volume('local-volume', claimed.volume.metadata?.name ?? '')
        await makeDirectory(path, 0o750)
        await inTurn(located.disk.device, () => ensureDisk(located.disk, path))
        await giveToGroupOf(pod, path)
        return { hostPath: path, readOnly, measure: () => filesystemUsage(path) }
      }
      case 'nfs': {
        const path = directory.volume('nfs', claimed.volume.metadata?.name ?? '')
        const mounted = await mountNfs(path, located.source, located.mountOptions)
        return { ...mounted, readOnly: mounted.readOnly || readOnly }
      }
      case 'csi': {
        if (!options.csi) break
        return await options.csi.prepareClaimed(pod, claimed, readOnly)
      }
    }
    throw new VolumeError(`no volume plugin matched for PersistentVolume ${claimed.volume.metadata?.name}`)
  }

  async function giveToGroupOf({ spec }: Pod, path: string): Promise<void> {
    const { fsGroup, fsGroupChangePolicy } = spec?.securityContext ?? {}
    if (fsGroup === undefined) return
    const onlyIfRootDiffers = fsGroupChangePolicy === 'OnRootMismatch'
    await giveToGroup(path, fsGroup, { readOnly: false, onlyIfRootDiffers })
  }

  async function ensureDisk(disk: Disk, path: string): Promise<void> {
    if ((await mounter.below(path)).includes(path)) return
    await mountDisk(disk, path, mounter)
  }

  async function mountNfs(
    path: string,
    { server, path: exported, readOnly = false }: NFSVolumeSource,
    mountOptions: readonly string[],
  ): Promise<PreparedVolume> {
    await makeDirectory(path, 0o750)
    const host = server.includes(':') && !server.startsWith('[') ? `[${server}]` : server
    const all = readOnly ? [...mountOptions, 'ro'] : mountOptions
    await ensureMounted('nfs', `${host}:${exported}`, path, all)
    return { hostPath: path, readOnly, measure: () => filesystemUsage(path) }
  }

  /** True when it was not there. */
  async function ensureMounted(
    type: string,
    source: string,
    path: string,
    mountOptions: readonly string[],
  ): Promise<boolean> {
    if ((await mounter.below(path)).includes(path)) return false
    await mounter.mount(type, source, path, mountOptions)
    return true
  }

  async function ensureTmpfs(path: string, mountOptions: readonly string[]): Promise<void> {
    if ((await mounter.below(path)).includes(path)) return
    await mounter.tmpfs(path, mountOptions)
  }

  return {
    async prepare(pod) {
      const volumes = pod.spec?.volumes ?? []
      const prepared = await Promise.all(
        volumes.map(async (volume) => {
          try {
            const work = () => prepareVolume(pod, volume)
            return [volume.name, await measure('volume_mount', volumePluginName(volume), work)] as const
          } catch (error) {
            const words = error instanceof Error ? error.message : String(error)
            throw new VolumeError(`MountVolume.SetUp failed for volume "${volume.name}" : ${words}`, {
              cause: error,
            })
          }
        }),
      )
      const volumesByName = new Map(prepared)
      known.set(pod.metadata?.uid ?? '', volumesByName)
      return volumesByName
    },
    volumesOf: (podUID) => known.get(podUID) ?? new Map(),
    async remove(podUID) {
      known.delete(podUID)
      sources.tokens.forget(podUID)
      await options.csi?.remove(podUID)
      await removePodDirectory(podDirectory(rootDirectory, podUID).path, mounter)
    },
    refreshAtMs: (podUID) => options.csi?.refreshAtMs(podUID) ?? Infinity,
  }
}

/** True when it was not there. The umask does not count. */
async function makeDirectory(path: string, mode: number): Promise<boolean> {
  if (await isThere(path)) return false
  await mkdir(path, { recursive: true, mode: 0o750 })
  await chmod(path, mode)
  return true
}

/** For pods that touch nothing of this machine: sees that what they need is there, and makes nothing. */
export function createSimulatedVolumeManager(sources: PayloadSources, claims?: ClaimSource): VolumeManager {
  return {
    async prepare(pod) {
      const prepared = await Promise.all(
        (pod.spec?.volumes ?? []).map(async (volume) => {
          try {
            await volumePayload(pod, volume, sources)
            const { persistentVolumeClaim: claim } = volume
            if (claim && claims) await findClaimed(pod, claim.claimName, claims)
          } catch (error) {
            const words = error instanceof Error ? error.message : String(error)
            throw new VolumeError(`MountVolume.SetUp failed for volume "${volume.name}" : ${words}`, {
              cause: error,
            })
          }
          const { image } = volume
          const prepared: PreparedVolume = image
            ? { hostPath: '', readOnly: true, image }
            : { hostPath: `/simulated/${volume.name}`, readOnly: false }
          return [volume.name, prepared] as const
        }),
      )
      return new Map(prepared)
    },
    volumesOf: () => new Map(),
    async remove(podUID) {
      sources.tokens.forget(podUID)
    },
    refreshAtMs: () => Infinity,
  }
}
