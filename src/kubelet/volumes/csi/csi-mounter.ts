import { mkdir, readdir, rm, rmdir } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import type { Pod } from '../../../api/generated/core.v1.ts'
import type { CSIDriver as CSIDriverObject } from '../../../api/generated/storage.v1.ts'
import { csiDrivers, secrets, volumeAttachments } from '../../../api/generated/resources.ts'
import { volumeAttachmentName } from '../../../api/storage/volume-attachment-name.ts'
import type { Client } from '../../../client/client.ts'
import { sleep, type Clock } from '../../../machinery/clock.ts'
import { quantityValue } from '../../../machinery/quantity.ts'
import { isNotFound } from '../../../machinery/status-errors.ts'
import { giveToGroup } from '../ownership.ts'
import type { TokenSource } from '../token-source.ts'
import { createTurns } from '../turns.ts'
import type { VolumeUsage } from '../volume-usage.ts'
import { VolumeError } from '../volume-error.ts'
import { Capability, type CsiDriver, type CsiDrivers } from './csi-drivers.ts'
import {
  csiPaths,
  isStagedForOthers,
  recordsOf,
  writeRecord,
  type CsiPaths,
  type CsiRecord,
} from './csi-record.ts'
import { uniqueVolumeName, type CsiVolume } from './csi-volume.ts'
import {
  Node as NodeService,
  VolumeUsage_Unit as Unit,
  type VolumeUsage as CsiUsage,
} from './generated/csi_pb.ts'
import { changesGroup, checkLifecycle } from './driver-policy.ts'
import { podInformation, podTokens } from './pod-information.ts'
import { volumeCapability } from './volume-capability.ts'

export interface CsiMounterOptions {
  readonly rootDirectory: string
  readonly nodeName: string
  readonly client: Client
  readonly clock: Clock
  readonly drivers: CsiDrivers
  readonly tokens: TokenSource
  /** Whether the node's status says by now that the volume is in use, as it has to before it may be used. */
  readonly isReportedInUse: (uniqueName: string) => boolean
  /** The volumes in use have changed: the node's status is to say so. */
  readonly onInUseChange: () => void
}

/** The node's side of CSI: stages volumes once for the node, and publishes them to pods. Rejects with VolumeError or PluginError. */
export interface CsiMounter {
  /** Remembers what pods on this machine have, from what an earlier process wrote down. */
  restore(): Promise<void>
  /** Resolves with where the volume is for the pod: a directory, or for volumes of mode Block a device. */
  prepare(pod: Pod, volume: CsiVolume): Promise<string>
  /** The driver makes the volume on this node as large as it is elsewhere. Resolves with the size, when it can do that. */
  expand(pod: Pod, volume: CsiVolume): Promise<bigint | undefined>
  /** What the volume holds; undefined when the driver cannot tell. */
  usage(pod: Pod, volume: CsiVolume): Promise<VolumeUsage | undefined>
  /** Takes all CSI volumes back that a pod was given, and from the node what no other pod uses. */
  remove(podUID: string): Promise<void>
  /** As node statuses call them. */
  inUse(): readonly string[]
}

const callTimeoutMs = 120_000
const attachTimeoutMs = 120_000
const firstPollMs = 50
const maximumPollMs = 2000
const service = NodeService.method

export function createCsiMounter(options: CsiMounterOptions): CsiMounter {
  const { rootDirectory, nodeName, client, clock, drivers, tokens } = options
  /** Users of volumes that are attached, by unique name. */
  const users = new Map<string, Set<string>>()
  /** What has been published since this process began, by target. */
  const published = new Set<string>()
  /** What has been staged since this process began, by path. */
  const staged = new Set<string>()

  /** What is done to one volume is done one after the other, whatever pods ask for it. */
  const turns = createTurns()
  const inTurn = <T>(volume: Pick<CsiVolume, 'driver' | 'volumeHandle'>, work: () => Promise<T>) =>
    turns(uniqueVolumeName(volume), work)

  function use(uniqueName: string, podUID: string): void {
    const known = users.get(uniqueName)
    if (known) known.add(podUID)
    else {
      users.set(uniqueName, new Set([podUID]))
      options.onInUseChange()
    }
  }

  function release(uniqueName: string, podUID: string): void {
    const known = users.get(uniqueName)
    if (!known?.delete(podUID) || known.size > 0) return
    users.delete(uniqueName)
    options.onInUseChange()
  }

  async function driverObject(name: string): Promise<CSIDriverObject | undefined> {
    try {
      return await client.get(csiDrivers, { name })
    } catch (error) {
      if (isNotFound(error)) return undefined
      throw error
    }
  }

  async function secretData(name: CsiVolume['stageSecret']): Promise<Readonly<Record<string, string>>> {
    if (!name) return {}
    const { data = {} } = await client.get(secrets, name)
    return Object.fromEntries(
      Object.entries(data).map(([key, text]) => [key, Buffer.from(text, 'base64').toString()]),
    )
  }

  /** What the attacher says of the attachment; waits until the volume is attached. */
  async function publishContext(volume: CsiVolume): Promise<Readonly<Record<string, string>>> {
    const name = volumeAttachmentName(volume.volumeHandle, volume.driver, nodeName)
    const uniqueName = uniqueVolumeName(volume)
    let fault = 'it is not attached'
    let pollMs = firstPollMs
    for (let waitedMs = 0; waitedMs < attachTimeoutMs; waitedMs += pollMs) {
      if (options.isReportedInUse(uniqueName)) {
        try {
          const { status } = await client.get(volumeAttachments, { name })
          if (status?.attached) return status.attachmentMetadata ?? {}
          fault = status?.attachError?.message ?? fault
        } catch (error) {
          // An attachment that is not there yet is none that the node may read.
          fault = error instanceof Error ? error.message : String(error)
        }
      }
      await sleep(clock, pollMs)
      pollMs = Math.min(pollMs * 2, maximumPollMs)
    }
    throw new VolumeError(
      `timed out waiting for external-attacher of ${volume.driver} CSI driver to attach volume ${volume.volumeHandle}: ${fault}`,
    )
  }

  async function stage(driver: CsiDriver, volume: CsiVolume, paths: CsiPaths, use: Use): Promise<void> {
    await mkdir(paths.staging, { recursive: true, mode: 0o750 })
    await driver.connection.call(
      service.nodeStageVolume,
      {
        volumeId: volume.volumeHandle,
        publishContext: use.publishContext,
        stagingTargetPath: driver.pathOf(paths.staging),
        volumeCapability: use.capability,
        secrets: await secretData(volume.stageSecret),
        volumeContext: volume.attributes,
      },
      callTimeoutMs,
    )
  }

  async function publish(
    driver: CsiDriver,
    pod: Pod,
    volume: CsiVolume,
    paths: CsiPaths,
    use: Use,
    object: CSIDriverObject | undefined,
  ): Promise<void> {
    const tokenContext = await podTokens(pod, object, tokens)
    const inSecrets = object?.spec?.serviceAccountTokenInSecrets === true
    await mkdir(dirname(paths.target), { recursive: true, mode: 0o750 })
    await driver.connection.call(
      service.nodePublishVolume,
      {
        volumeId: volume.volumeHandle,
        publishContext: use.publishContext,
        stagingTargetPath: use.isStaged ? driver.pathOf(paths.staging) : '',
        targetPath: driver.pathOf(paths.target),
        volumeCapability: use.capability,
        readonly: volume.readOnly,
        secrets: { ...(await secretData(volume.publishSecret)), ...(inSecrets && tokenContext) },
        volumeContext: {
          ...volume.attributes,
          ...podInformation(pod, volume, object),
          ...(!inSecrets && tokenContext),
        },
      },
      callTimeoutMs,
    )
  }

  async function prepareInTurn(pod: Pod, volume: CsiVolume): Promise<string> {
    const podUID = pod.metadata?.uid ?? ''
    const driver = drivers.get(volume.driver)
    const paths = csiPaths(rootDirectory, volume, podUID)
    const object = await driverObject(volume.driver)
    checkLifecycle(volume, object)
    if (published.has(paths.target) && !object?.spec?.requiresRepublish) return paths.target
    const capabilities = await driver.capabilities()
    const isAttached = volume.lifecycle === 'Persistent' && (object?.spec?.attachRequired ?? true)
    const isStaged = volume.lifecycle === 'Persistent' && capabilities.has(Capability.STAGE_UNSTAGE_VOLUME)
    const group = pod.spec?.securityContext?.fsGroup
    const driverGivesGroup = group !== undefined && capabilities.has(Capability.VOLUME_MOUNT_GROUP)
    if (isAttached) use(uniqueVolumeName(volume), podUID)
    const how: Use = {
      publishContext: isAttached ? await publishContext(volume) : {},
      isStaged,
      capability: volumeCapability({
        ...volume,
        ...(driverGivesGroup && { mountGroup: group }),
        tellsWriters: capabilities.has(Capability.SINGLE_NODE_MULTI_WRITER),
      }),
    }
    await writeRecord(paths.record, recordOf(volume, paths, { isAttached, isStaged, nodeName }))
    if (isStaged && !staged.has(paths.staging)) {
      await stage(driver, volume, paths, how)
      staged.add(paths.staging)
    }
    await publish(driver, pod, volume, paths, how, object)
    if (group !== undefined && !driverGivesGroup && changesGroup(volume, object)) {
      const onlyIfRootDiffers = pod.spec?.securityContext?.fsGroupChangePolicy === 'OnRootMismatch'
      await giveToGroup(paths.target, group, { readOnly: false, onlyIfRootDiffers })
    }
    published.add(paths.target)
    return paths.target
  }

  async function removeInTurn(directory: string, record: CsiRecord, podUID: string): Promise<void> {
    const { driverName, volumeHandle, targetPath, stagingPath } = record
    const { connection, pathOf } = drivers.get(driverName)
    published.delete(targetPath)
    const request = { volumeId: volumeHandle, targetPath: pathOf(targetPath) }
    await connection.call(service.nodeUnpublishVolume, request, callTimeoutMs)
    await removeMountPoint(targetPath)
    if (stagingPath !== undefined && !(await isStagedForOthers(rootDirectory, stagingPath, directory))) {
      staged.delete(stagingPath)
      const request = { volumeId: volumeHandle, stagingTargetPath: pathOf(stagingPath) }
      await connection.call(service.nodeUnstageVolume, request, callTimeoutMs)
      await removeMountPoint(stagingPath)
    }
    // Until here, whatever failed is tried again.
    await rm(directory, { recursive: true, force: true })
    if (record.isAttached) release(uniqueVolumeName({ driver: driverName, volumeHandle }), podUID)
  }

  return {
    async restore() {
      for (const podUID of await readdir(join(rootDirectory, 'pods')).catch(() => [])) {
        for (const record of (await recordsOf(rootDirectory, podUID)).values()) {
          const { driverName: driver, volumeHandle, isAttached } = record
          if (isAttached) use(uniqueVolumeName({ driver, volumeHandle }), podUID)
        }
      }
    },
    prepare: (pod, volume) => inTurn(volume, () => prepareInTurn(pod, volume)),
    async expand(pod, volume) {
      const driver = drivers.get(volume.driver)
      const capabilities = await driver.capabilities()
      if (!capabilities.has(Capability.EXPAND_VOLUME) || volume.capacity === undefined) return undefined
      const paths = csiPaths(rootDirectory, volume, pod.metadata?.uid ?? '')
      const requiredBytes = BigInt(quantityValue(volume.capacity))
      const answer = await inTurn(volume, async () =>
        driver.connection.call(
          service.nodeExpandVolume,
          {
            volumeId: volume.volumeHandle,
            volumePath: driver.pathOf(paths.target),
            stagingTargetPath: capabilities.has(Capability.STAGE_UNSTAGE_VOLUME)
              ? driver.pathOf(paths.staging)
              : '',
            capacityRange: { requiredBytes },
            volumeCapability: volumeCapability({
              ...volume,
              tellsWriters: capabilities.has(Capability.SINGLE_NODE_MULTI_WRITER),
            }),
            secrets: await secretData(volume.expandSecret),
          },
          callTimeoutMs,
        ),
      )
      return answer.capacityBytes || requiredBytes
    },
    async usage(pod, volume) {
      const driver = drivers.get(volume.driver)
      const capabilities = await driver.capabilities()
      if (!capabilities.has(Capability.GET_VOLUME_STATS)) return undefined
      const paths = csiPaths(rootDirectory, volume, pod.metadata?.uid ?? '')
      const isStaged = volume.lifecycle === 'Persistent' && capabilities.has(Capability.STAGE_UNSTAGE_VOLUME)
      const { usage } = await driver.connection.call(
        service.nodeGetVolumeStats,
        {
          volumeId: volume.volumeHandle,
          volumePath: driver.pathOf(paths.target),
          stagingTargetPath: isStaged ? driver.pathOf(paths.staging) : '',
        },
        callTimeoutMs,
      )
      return usageOf(usage)
    },
    async remove(podUID) {
      for (const [directory, record] of await recordsOf(rootDirectory, podUID)) {
        const volume = { driver: record.driverName, volumeHandle: record.volumeHandle }
        await inTurn(volume, () => removeInTurn(directory, record, podUID))
      }
      // What was never published has no record.
      for (const uniqueName of users.keys()) release(uniqueName, podUID)
    },
    inUse: () => [...users.keys()].toSorted(),
  }
}

/** How a volume is used by a pod. */
interface Use {
  readonly publishContext: Readonly<Record<string, string>>
  readonly isStaged: boolean
  readonly capability: ReturnType<typeof volumeCapability>
}

function recordOf(
  volume: CsiVolume,
  paths: CsiPaths,
  { isAttached, isStaged, nodeName }: { isAttached: boolean; isStaged: boolean; nodeName: string },
): CsiRecord {
  return {
    driverName: volume.driver,
    volumeHandle: volume.volumeHandle,
    specVolID: volume.specName,
    nodeName,
    attachmentID: volumeAttachmentName(volume.volumeHandle, volume.driver, nodeName),
    volumeLifecycleMode: volume.lifecycle,
    targetPath: paths.target,
    ...(isStaged && { stagingPath: paths.staging }),
    isAttached,
  }
}

/** Drivers remove what they have mounted on; some leave the empty directory. */
async function removeMountPoint(path: string): Promise<void> {
  try {
    await rmdir(path)
  } catch (error) {
    const { code } = error as { code?: unknown }
    if (code === 'ENOENT') return
    if (code === 'ENOTDIR') await rm(path, { force: true })
    else
      throw new VolumeError(`${path} could not be removed: the driver has left something there`, {
        cause: error,
      })
  }
}

/** What the driver tells of bytes and inodes. */
function usageOf(usages: readonly CsiUsage[]): VolumeUsage {
  const bytes = usages.find(({ unit }) => unit === Unit.BYTES)
  const inodes = usages.find(({ unit }) => unit === Unit.INODES)
  return {
    ...(bytes && {
      availableBytes: Number(bytes.available),
      capacityBytes: Number(bytes.total),
      usedBytes: Number(bytes.used),
    }),
    ...(inodes && {
      inodesFree: Number(inodes.available),
      inodes: Number(inodes.total),
      inodesUsed: Number(inodes.used),
    }),
  }
}
