import { stat } from 'node:fs/promises'
import type { PersistentVolume, PersistentVolumeClaim, Pod } from '../../api/generated/core.v1.ts'
import { prepareHostPath } from './host-path.ts'
import { VolumeError } from './volume-error.ts'

/** Both reject with the API's NotFound. */
export interface ClaimSource {
  claim(namespace: string, name: string): Promise<PersistentVolumeClaim>
  volume(name: string): Promise<PersistentVolume>
}

/** The path on this machine of the volume that a claim of the pod's namespace is bound to. */
export async function claimedVolume(
  pod: Pod,
  claimName: string,
  source: ClaimSource,
): Promise<{ readonly hostPath: string; readonly isLocal: boolean }> {
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
  const { hostPath, local } = volume.spec ?? {}
  if (hostPath) return { hostPath: await prepareHostPath(hostPath), isLocal: false }
  if (local) {
    await stat(local.path).catch((error: unknown) => {
      throw new VolumeError(`path "${local.path}" does not exist`, { cause: error })
    })
    return { hostPath: local.path, isLocal: true }
  }
  throw new VolumeError(`no volume plugin matched for PersistentVolume ${volumeName}`)
}
