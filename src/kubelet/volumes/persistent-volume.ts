import { stat } from 'node:fs/promises'
import type {
  NFSVolumeSource,
  PersistentVolume,
  PersistentVolumeClaim,
  Pod,
} from '../../api/generated/core.v1.ts'
import { prepareHostPath } from './host-path.ts'
import type { Disk } from './mount-disk.ts'
import { VolumeError } from './volume-error.ts'

/** Both reject with the API's NotFound. */
export interface ClaimSource {
  claim(namespace: string, name: string): Promise<PersistentVolumeClaim>
  volume(name: string): Promise<PersistentVolume>
}

/** A claim of the pod, and the volume that it is bound to. */
export interface Claimed {
  readonly claim: PersistentVolumeClaim
  readonly volume: PersistentVolume
}

/** The volume that a claim of the pod's namespace is bound to. */
export async function findClaimed(pod: Pod, claimName: string, source: ClaimSource): Promise<Claimed> {
  const claim = await source.claim(pod.metadata?.namespace ?? '', claimName)
  const volumeName = claim.spec?.volumeName
  if (claim.status?.phase !== 'Bound' || !volumeName) {
    throw new VolumeError(
      `PVC ${claim.metadata?.namespace}/${claimName} has non-bound phase ("${claim.status?.phase ?? ''}") or empty pvc.Spec.VolumeName ("${volumeName ?? ''}")`,
    )
  }
  const volume = await source.volume(volumeName)
  if (volume.spec?.claimRef?.uid !== claim.metadata?.uid) {
    throw new VolumeError(`PV ${volumeName} is not claimed by PVC ${claim.metadata?.namespace}/${claimName}`)
  }
  return { claim, volume }
}

export type LocatedVolume =
  /** On this machine already. The kubelet gives local volumes to a pod's group, and leaves host paths alone. */
  | {
      readonly type: 'path'
      readonly hostPath: string
      readonly isLocal: boolean
      readonly isDevice: boolean
    }
  /** A block device of this machine whose file system is mounted. */
  | { readonly type: 'disk'; readonly disk: Disk }
  | { readonly type: 'nfs'; readonly source: NFSVolumeSource; readonly mountOptions: readonly string[] }
  /** A driver brings it. */
  | { readonly type: 'csi' }

/** Where a persistent volume comes from. */
export async function locateVolume({ metadata, spec }: PersistentVolume): Promise<LocatedVolume> {
  const { hostPath, local, nfs, csi } = spec ?? {}
  const isDevice = spec?.volumeMode === 'Block'
  if (csi) return { type: 'csi' }
  if (hostPath && !isDevice)
    return { type: 'path', hostPath: await prepareHostPath(hostPath), isLocal: false, isDevice }
  if (local) {
    const stats = await stat(local.path).catch((error: unknown) => {
      throw new VolumeError(`path "${local.path}" does not exist`, { cause: error })
    })
    if (isDevice && !stats.isBlockDevice())
      throw new VolumeError(`path "${local.path}" is not a block device`)
    if (!isDevice && stats.isBlockDevice()) {
      const disk = { device: local.path, fsType: local.fsType ?? '', mountOptions: spec?.mountOptions ?? [] }
      return { type: 'disk', disk }
    }
    if (!isDevice && !stats.isDirectory())
      throw new VolumeError(
        `only filesystem volume of a directory can be mounted: path "${local.path}" is none`,
      )
    return { type: 'path', hostPath: local.path, isLocal: true, isDevice }
  }
  if (nfs && !isDevice) return { type: 'nfs', source: nfs, mountOptions: spec?.mountOptions ?? [] }
  throw new VolumeError(`no volume plugin matched for PersistentVolume ${metadata?.name}`)
}
