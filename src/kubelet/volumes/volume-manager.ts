import { chmod, mkdir, stat } from 'node:fs/promises'
import type { Pod, Volume } from '../../api/generated/core.v1.ts'
import { quantityValue } from '../../machinery/quantity.ts'
import { writeAtomically } from './atomic-writer.ts'
import { prepareHostPath } from './host-path.ts'
import type { Mounter } from './mounts.ts'
import { giveToGroup } from './ownership.ts'
import { volumePayload, type PayloadSources } from './payload.ts'
import { claimedVolume, type ClaimSource } from './persistent-volume.ts'
import { podDirectory, removePodDirectory } from './pod-directory.ts'
import { VolumeError } from './volume-error.ts'

export interface PreparedVolume {
  readonly hostPath: string
  /** The volume itself may only be read, whatever the mount says. */
  readonly readOnly: boolean
}

/** A pod's volumes by name. */
export type PreparedVolumes = ReadonlyMap<string, PreparedVolume>

export interface VolumeManager {
  /**
   * Makes the pod's volumes, or brings those that exist up to date. Rejects with a VolumeError that says which volume
   * and why, in upstream's words.
   */
  prepare(pod: Pod): Promise<PreparedVolumes>
  /** Unmounts and removes everything the pod had on this machine, of which only the uid need be known. */
  remove(podUID: string): Promise<void>
}

export interface VolumeManagerOptions {
  readonly rootDirectory: string
  readonly mounter: Mounter
  readonly sources: PayloadSources
  readonly claims: ClaimSource
  /** Keep secrets and tokens in memory; needs root. */
  readonly tmpfs: boolean
}

export function createVolumeManager(options: VolumeManagerOptions): VolumeManager {
  const { rootDirectory, mounter, sources } = options

  async function prepareVolume(pod: Pod, volume: Volume): Promise<PreparedVolume> {
    const directory = podDirectory(rootDirectory, pod.metadata?.uid ?? '')
    const { name } = volume
    const group = pod.spec?.securityContext?.fsGroup
    const payload = await volumePayload(pod, volume, sources)
    if (payload) {
      const plugin = pluginOf(volume)
      const path = directory.volume(plugin, name)
      await makeDirectory(path, 0o777)
      if (options.tmpfs && plugin !== 'configmap') await ensureTmpfs(path, [])
      await writeAtomically(path, payload, async (staging) => {
        if (group !== undefined) await giveToGroup(staging, group, { readOnly: true })
      })
      return { hostPath: path, readOnly: true }
    }
    if (volume.emptyDir) {
      const path = directory.volume('empty-dir', name)
      const isNew = await makeDirectory(path, 0o777)
      if (volume.emptyDir.medium === 'Memory') {
        const size = memorySizeBytes(pod, volume)
        await ensureTmpfs(path, size === undefined ? [] : [`size=${size}`])
        if (isNew) await chmod(path, 0o777)
      }
      if (group !== undefined) await giveToGroup(path, group, { readOnly: false, onlyIfRootDiffers: true })
      return { hostPath: path, readOnly: false }
    }
    if (volume.hostPath) return { hostPath: await prepareHostPath(volume.hostPath), readOnly: false }
    const claim = volume.persistentVolumeClaim
      ? volume.persistentVolumeClaim
      : volume.ephemeral && { claimName: `${pod.metadata?.name ?? ''}-${name}` }
    if (claim) {
      const claimed = await claimedVolume(pod, claim.claimName, options.claims)
      if (claimed.isLocal && group !== undefined) {
        await giveToGroup(claimed.hostPath, group, {
          readOnly: false,
          onlyIfRootDiffers: pod.spec?.securityContext?.fsGroupChangePolicy === 'OnRootMismatch',
        })
      }
      const readOnly = volume.persistentVolumeClaim?.readOnly === true
      return { hostPath: claimed.hostPath, readOnly }
    }
    throw new VolumeError(`no volume plugin matched: ${Object.keys(volume).find((key) => key !== 'name')}`)
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
            return [volume.name, await prepareVolume(pod, volume)] as const
          } catch (error) {
            const words = error instanceof Error ? error.message : String(error)
            throw new VolumeError(`MountVolume.SetUp failed for volume "${volume.name}" : ${words}`, {
              cause: error,
            })
          }
        }),
      )
      return new Map(prepared)
    },
    async remove(podUID) {
      sources.tokens.forget(podUID)
      await removePodDirectory(podDirectory(rootDirectory, podUID).path, mounter)
    },
  }
}

function pluginOf(volume: Volume): string {
  if (volume.configMap) return 'configmap'
  if (volume.secret) return 'secret'
  return volume.downwardAPI ? 'downward-api' : 'projected'
}

/** True when it was not there. The umask does not count. */
async function makeDirectory(path: string, mode: number): Promise<boolean> {
  const there = await stat(path).then(
    () => true,
    () => false,
  )
  if (there) return false
  await mkdir(path, { recursive: true, mode: 0o750 })
  await chmod(path, mode)
  return true
}

/** The smaller of the volume's size limit and the sum of the containers' memory limits, when all have one. */
function memorySizeBytes(pod: Pod, volume: Volume): number | undefined {
  const sizes: number[] = []
  const limit = volume.emptyDir?.sizeLimit
  if (limit !== undefined && quantityValue(limit) > 0) sizes.push(quantityValue(limit))
  const limits = (pod.spec?.containers ?? []).map(({ resources }) => resources?.limits?.memory)
  if (limits.length > 0 && limits.every((memory) => memory !== undefined)) {
    sizes.push(limits.reduce((sum, memory) => sum + quantityValue(memory), 0))
  }
  return sizes.length === 0 ? undefined : Math.min(...sizes)
}

/** For pods that touch nothing of this machine: sees that what they need is there, and makes nothing. */
export function createSimulatedVolumeManager(sources: PayloadSources): VolumeManager {
  return {
    async prepare(pod) {
      const prepared = await Promise.all(
        (pod.spec?.volumes ?? []).map(async (volume) => {
          try {
            await volumePayload(pod, volume, sources)
          } catch (error) {
            const words = error instanceof Error ? error.message : String(error)
            throw new VolumeError(`MountVolume.SetUp failed for volume "${volume.name}" : ${words}`, {
              cause: error,
            })
          }
          return [volume.name, { hostPath: `/simulated/${volume.name}`, readOnly: false }] as const
        }),
      )
      return new Map(prepared)
    },
    async remove(podUID) {
      sources.tokens.forget(podUID)
    },
  }
}
