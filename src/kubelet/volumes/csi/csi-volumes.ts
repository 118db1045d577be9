import type { PersistentVolumeClaim, Pod, Volume } from '../../../api/generated/core.v1.ts'
import { persistentVolumeClaims } from '../../../api/generated/resources.ts'
import type { Client } from '../../../client/client.ts'
import type { EventRecorder } from '../../../client/event-recorder.ts'
import type { Clock } from '../../../machinery/clock.ts'
import { compareQuantity, parseQuantity } from '../../../machinery/quantity.ts'
import type { Claimed } from '../persistent-volume.ts'
import type { PreparedVolume } from '../volume-manager.ts'
import type { CsiMounter } from './csi-mounter.ts'
import { ephemeralCsiVolume, persistentCsiVolume } from './csi-volume.ts'

/** What the volume manager asks of CSI. */
export interface CsiVolumes {
  prepareInline(pod: Pod, volume: Volume): Promise<PreparedVolume>
  /** Also grows the volume on this node, when its controller has grown it. */
  prepareClaimed(pod: Pod, claimed: Claimed, readOnly: boolean): Promise<PreparedVolume>
  remove(podUID: string): Promise<void>
  refreshAtMs(podUID: string): number
}

/** Volumes may have grown, and drivers may want to be told again. */
const refreshMs = 15_000

export function createCsiVolumes(options: {
  readonly mounter: CsiMounter
  readonly client: Client
  readonly clock: Clock
  readonly recorder: EventRecorder
}): CsiVolumes {
  const { mounter, client, clock, recorder } = options
  const users = new Set<string>()

  async function grow(pod: Pod, { claim, volume }: Claimed): Promise<void> {
    const size = await mounter.expand(pod, persistentCsiVolume(volume, false))
    if (size === undefined) return
    const { name = '', namespace = '' } = claim.metadata ?? {}
    const { storage = '0' } = volume.spec?.capacity ?? {}
    const conditions = (claim.status?.conditions ?? []).filter(
      ({ type }) => type !== 'FileSystemResizePending' && type !== 'Resizing',
    )
    const body = {
      status: { capacity: { storage }, conditions, allocatedResourceStatuses: { storage: null } },
    }
    await client.patch(
      persistentVolumeClaims,
      { namespace, name },
      { type: 'merge', body },
      { subresource: 'status' },
    )
    const message = `MountVolume.NodeExpandVolume succeeded for volume "${volume.metadata?.name}"`
    for (const about of [pod, claim]) recorder.event(about, 'Normal', 'FileSystemResizeSuccessful', message)
  }

  return {
    async prepareInline(pod, volume) {
      users.add(pod.metadata?.uid ?? '')
      const csi = ephemeralCsiVolume(pod, volume)
      const hostPath = await mounter.prepare(pod, csi)
      return { hostPath, readOnly: csi.readOnly, measure: () => mounter.usage(pod, csi) }
    },
    async prepareClaimed(pod, claimed, readOnly) {
      users.add(pod.metadata?.uid ?? '')
      const csi = persistentCsiVolume(claimed.volume, readOnly)
      const hostPath = await mounter.prepare(pod, csi)
      if (waitsForNode(claimed)) await grow(pod, claimed)
      return {
        hostPath,
        readOnly: csi.readOnly,
        isDevice: csi.isBlock,
        measure: () => mounter.usage(pod, csi),
      }
    },
    async remove(podUID) {
      await mounter.remove(podUID)
      users.delete(podUID)
    },
    refreshAtMs: (podUID) => (users.has(podUID) ? clock.now() + refreshMs : Infinity),
  }
}

/** The controller's part of growing is done. */
function waitsForNode({ claim, volume }: Claimed): boolean {
  const [has, could] = [claim.status?.capacity?.['storage'], volume.spec?.capacity?.['storage']]
  if (has === undefined || could === undefined) return false
  return compareQuantity(parseQuantity(has), parseQuantity(could)) < 0 && isPending(claim)
}

function isPending({ status }: PersistentVolumeClaim): boolean {
  const resize = status?.allocatedResourceStatuses?.['storage']
  if (resize === 'NodeResizePending' || resize === 'NodeResizeInProgress') return true
  return !!status?.conditions?.some(
    (condition) => condition.type === 'FileSystemResizePending' && condition.status === 'True',
  )
}
