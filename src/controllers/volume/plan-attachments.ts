import type { Node, PersistentVolume, Pod } from '../../api/generated/core.v1.ts'
import type { VolumeAttachment } from '../../api/generated/storage.v1.ts'
import { volumeAttachmentName } from '../../api/storage/volume-attachment-name.ts'
import { isDeleting } from '../../machinery/owner.ts'
import { parseTime } from '../../machinery/time.ts'

/** A volume that pods on the node use, and that has to be attached for it. */
export interface WantedVolume {
  readonly volume: PersistentVolume
  readonly pods: readonly Pod[]
}

export interface NodeView {
  readonly name: string
  /** Absent when it has gone. */
  readonly node: Node | undefined
  readonly wanted: readonly WantedVolume[]
  /** Those to this node. */
  readonly attachments: readonly VolumeAttachment[]
  volume(name: string): PersistentVolume | undefined
  /** Attachments of a volume to other nodes. */
  elsewhere(volumeName: string): readonly VolumeAttachment[]
  readonly now: number
}

export interface AttachmentsPlan {
  readonly attach: readonly VolumeAttachment[]
  readonly detach: readonly VolumeAttachment[]
  /** Volumes that the node may use, by the names that node statuses have for them; undefined when there is no node. */
  readonly attached: readonly { readonly name: string; readonly devicePath: string }[] | undefined
  readonly events: readonly {
    readonly pod: Pod
    readonly type: 'Normal' | 'Warning'
    readonly reason: string
    readonly message: string
  }[]
  /** When to look again at what is to be detached from a node that does not answer. */
  readonly againAtMs: number
}

/** How long a node that is not ready may take to say that it has let go of a volume. As upstream. */
const maximumUnmountMs = 6 * 60_000
const outOfService = 'node.kubernetes.io/out-of-service'

/** What is to be attached to a node and detached from it. Source: kubernetes/pkg/controller/volume/attachdetach. */
export function planAttachments(view: NodeView): AttachmentsPlan {
  const { name: nodeName, node, wanted, attachments } = view
  const attach: VolumeAttachment[] = []
  const detach: VolumeAttachment[] = []
  const attached: { name: string; devicePath: string }[] = []
  const events: AttachmentsPlan['events'][number][] = []
  let againAtMs = Infinity
  const told = new Set((node?.status?.volumesAttached ?? []).map(({ name }) => name))
  const wantedNames = new Set(wanted.map(({ volume }) => volume.metadata?.name))

  for (const attachment of attachments) {
    const volumeName = attachment.spec.source.persistentVolumeName
    if (volumeName === undefined || isDeleting(attachment)) continue
    const volume = view.volume(volumeName)
    const name = volume && uniqueNameOf(volume)
    if (!wantedNames.has(volumeName)) {
      const detachAtMs = whenToDetach(node, name, view.now)
      if (detachAtMs <= view.now) {
        detach.push(attachment)
        continue
      }
      againAtMs = Math.min(againAtMs, detachAtMs)
    }
    if (attachment.status?.attached && name) attached.push({ name, devicePath: '' })
  }

  for (const { volume, pods } of node ? wanted : []) {
    const volumeName = volume.metadata?.name ?? ''
    const own = attachments.find(({ spec }) => spec.source.persistentVolumeName === volumeName)
    const say = (type: 'Normal' | 'Warning', reason: string, message: string) =>
      events.push(...pods.map((pod) => ({ pod, type, reason, message })))
    if (own?.status?.attached) {
      if (!told.has(uniqueNameOf(volume)) && !isDeleting(own))
        say('Normal', 'SuccessfulAttachVolume', `AttachVolume.Attach succeeded for volume "${volumeName}" `)
    } else if (own) {
      const fault = own.status?.attachError?.message
      if (fault)
        say(
          'Warning',
          'FailedAttachVolume',
          `AttachVolume.Attach failed for volume "${volumeName}" : ${fault}`,
        )
    } else if (isExclusive(volume) && view.elsewhere(volumeName).length > 0) {
      say(
        'Warning',
        'FailedAttachVolume',
        `Multi-Attach error for volume "${volumeName}" Volume is already exclusively attached to one node and can't be attached to another`,
      )
    } else attach.push(attachmentOf(volume, nodeName))
  }
  attached.sort((a, b) => (a.name < b.name ? -1 : 1))
  return { attach, detach, attached: node && attached, events, againAtMs }
}

/** As node statuses call it. */
export function uniqueNameOf({ spec }: PersistentVolume): string {
  return `kubernetes.io/csi/${spec?.csi?.driver}^${spec?.csi?.volumeHandle}`
}

/** At once when the node has let go of it, or never will; later when that is not known. */
function whenToDetach(node: Node | undefined, name: string | undefined, now: number): number {
  if (!node || name === undefined || !node.status?.volumesInUse?.includes(name)) return now
  if (node.spec?.taints?.some(({ key }) => key === outOfService)) return now
  const ready = node.status.conditions?.find(({ type }) => type === 'Ready')
  if (ready?.status === 'True') return Infinity
  return (parseTime(ready?.lastTransitionTime) ?? now) + maximumUnmountMs
}

/** No two nodes may have it at the same time. */
function isExclusive({ spec }: PersistentVolume): boolean {
  const modes = spec?.accessModes ?? []
  return modes.length > 0 && !modes.some((mode) => mode === 'ReadWriteMany' || mode === 'ReadOnlyMany')
}

function attachmentOf({ metadata, spec }: PersistentVolume, nodeName: string): VolumeAttachment {
  const { driver = '', volumeHandle = '' } = spec?.csi ?? {}
  return {
    apiVersion: 'storage.k8s.io/v1',
    kind: 'VolumeAttachment',
    metadata: { name: volumeAttachmentName(volumeHandle, driver, nodeName) },
    spec: {
      attacher: driver,
      nodeName,
      source: { persistentVolumeName: metadata?.name ?? '' },
    },
  }
}
