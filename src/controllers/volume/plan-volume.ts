import { boundByController } from '../../api/core/volume-matching.ts'
import type { PersistentVolume, PersistentVolumeClaim } from '../../api/generated/core.v1.ts'
import { keyOf } from '../../machinery/resource.ts'
import type { PlannedEvent } from './plan-claim.ts'

/** Names who made a volume, and so who deletes it. */
export const provisionedBy = 'pv.kubernetes.io/provisioned-by'

export type VolumePhase = 'Available' | 'Bound' | 'Released' | 'Failed'

export type VolumePlan =
  | {
      readonly type: 'phase'
      readonly phase: VolumePhase
      /** Said of the volume, and its message stands in the status, when it enters the phase. */
      readonly event?: PlannedEvent
    }
  /** Its claim has another volume: it is free again. */
  | { readonly type: 'unbind' }
  /** Its claim is to be looked at. */
  | { readonly type: 'syncClaim' }
  | { readonly type: 'mismatch'; readonly ofVolume: PlannedEvent; readonly ofClaim: PlannedEvent }

/**
 * What is to be done for a volume; `claim` is the very one it is reserved for, if that is there. Source:
 * kubernetes/pkg/controller/volume/persistentvolume, syncVolume.
 */
export function planVolume(volume: PersistentVolume, claim: PersistentVolumeClaim | undefined): VolumePlan {
  const { spec, metadata } = volume
  if (!spec?.claimRef?.uid) return { type: 'phase', phase: 'Available' }
  if (!claim) return planReclaim(volume)
  if (!claim.spec?.volumeName) {
    if ((claim.spec?.volumeMode ?? 'Filesystem') !== (spec.volumeMode ?? 'Filesystem'))
      return mismatch(volume, claim)
    return { type: 'syncClaim' }
  }
  if (claim.spec.volumeName === metadata?.name) return { type: 'phase', phase: 'Bound' }
  const isOwn = metadata?.annotations?.[provisionedBy] !== undefined
  return isOwn && spec.persistentVolumeReclaimPolicy === 'Delete' ? planReclaim(volume) : { type: 'unbind' }
}

/** The claim has gone. Volumes that a provisioner made are deleted by it once they are released. */
function planReclaim({ metadata, spec, status }: PersistentVolume): VolumePlan {
  const released: VolumePlan = { type: 'phase', phase: status?.phase === 'Failed' ? 'Failed' : 'Released' }
  if (status?.phase !== 'Released' && status?.phase !== 'Failed') return { type: 'phase', phase: 'Released' }
  switch (spec?.persistentVolumeReclaimPolicy) {
    case 'Retain':
    case undefined:
      return released
    case 'Delete':
      if (metadata?.annotations?.[provisionedBy] !== undefined) return released
      return fail(
        'VolumeFailedDelete',
        `error getting deleter volume plugin for volume "${metadata?.name}": no deletable volume plugin matched`,
      )
    case 'Recycle':
      return fail('VolumeFailedRecycle', 'No recycler plugin found for the volume!')
    default:
      return fail('VolumeUnknownReclaimPolicy', 'Volume has an unrecognized PersistentVolumeReclaimPolicy')
  }
}

/** The volume without its claim: of what its maker has written, only the names stay. */
export function unboundVolume(volume: PersistentVolume): PersistentVolume {
  const { [boundByController]: byController, ...annotations } = volume.metadata?.annotations ?? {}
  const { claimRef, ...spec } = volume.spec ?? {}
  const { uid: _uid, resourceVersion: _version, ...reserved } = claimRef ?? {}
  return {
    ...volume,
    metadata: { ...volume.metadata, annotations },
    spec: byController === undefined ? { ...spec, claimRef: reserved } : spec,
  }
}

/** The volume reserved for this very claim; the same object when it is. */
export function boundVolume(volume: PersistentVolume, claim: PersistentVolumeClaim): PersistentVolume {
  const { namespace, name, uid, resourceVersion } = claim.metadata ?? {}
  const { claimRef } = volume.spec ?? {}
  if (claimRef?.uid && claimRef.uid === uid) return volume
  const annotations = claimRef
    ? volume.metadata?.annotations
    : { ...volume.metadata?.annotations, [boundByController]: 'yes' }
  return {
    ...volume,
    metadata: { ...volume.metadata, ...(annotations && { annotations }) },
    spec: {
      ...volume.spec,
      claimRef: {
        kind: 'PersistentVolumeClaim',
        apiVersion: 'v1',
        ...(namespace !== undefined && { namespace }),
        ...(name !== undefined && { name }),
        ...(uid !== undefined && { uid }),
        ...(resourceVersion !== undefined && { resourceVersion }),
      },
    },
  }
}

function mismatch(volume: PersistentVolume, claim: PersistentVolumeClaim): VolumePlan {
  const event = (message: string): PlannedEvent => ({ type: 'Warning', reason: 'VolumeMismatch', message })
  const why = 'due to incompatible volumeMode.'
  return {
    type: 'mismatch',
    ofVolume: event(
      `Cannot bind PersistentVolume to requested PersistentVolumeClaim "${keyOf(claim)}" ${why}`,
    ),
    ofClaim: event(
      `Cannot bind PersistentVolume "${keyOf(volume)}" to requested PersistentVolumeClaim ${why}`,
    ),
  }
}

function fail(reason: string, message: string): VolumePlan {
  return { type: 'phase', phase: 'Failed', event: { type: 'Warning', reason, message } }
}
