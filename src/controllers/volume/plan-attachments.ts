import type { Node, PersistentVolume, Pod } from '../../api/generated/core.v1.ts'
import type { VolumeAttachment } from '../../api/generated/storage.v1.ts'
import { volumeAttachmentName } from '../../api/storage/volume-attachment-name.ts'
import { isDeleting } from '../../machinery/owner.ts'

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
  /** Pods that use a volume on other nodes. */
  usersElsewhere(volume: PersistentVolume): readonly Pod[]
  /** Since when the attachment is wanted no more. */
  unwantedSinceMs(attachment: VolumeAttachment): number
  /** What a node that is gone said last of the volumes it uses, by unique name; undefined when that is not known. */
  readonly lastInUse: readonly string[] | undefined
  readonly now: number
}

export interface AttachmentsPlan {
  readonly attach: readonly VolumeAttachment[]
  readonly detach: readonly Detachment[]
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

interface Detachment {
  readonly attachment: VolumeAttachment
  /** Why it goes although the node has not said that it let go of it; undefined when it has. */
  readonly forced: 'timeout' | 'out-of-service' | undefined
}

/** How long a node that is not ready may take to say that it has let go of a volume. As upstream. */
const maximumUnmountMs = 6 * 60_000
const outOfService = 'node.kubernetes.io/out-of-service'

/** What is to be attached to a node and detached from it. Source: kubernetes/pkg/controller/volume/attachdetach. */
export function planAttachments(view: NodeView): AttachmentsPlan {
  const { name: nodeName, node, wanted, attachments } = view
  const attach: VolumeAttachment[] = []
  const detach: Detachment[] = []
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
      const { atMs, forced } = whenToDetach(view, name, view.unwantedSinceMs(attachment))
      if (atMs <= view.now) {
        detach.push({ attachment, forced })
        continue
      }
      againAtMs = Math.min(againAtMs, atMs)
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
      const users = view.usersElsewhere(volume)
      for (const pod of pods) {
        const message = `Multi-Attach error for volume "${volumeName}" ${describeUsers(users, pod)}`
        events.push({ pod, type: 'Warning', reason: 'FailedAttachVolume', message })
      }
    } else attach.push(attachmentOf(volume, nodeName))
  }
  attached.sort((a, b) => (a.name < b.name ? -1 : 1))
  return { attach, detach, attached: node && attached, events, againAtMs }
}

/** As node statuses call it. */
function uniqueNameOf({ spec }: PersistentVolume): string {
  return `kubernetes.io/csi/${spec?.csi?.driver}^${spec?.csi?.volumeHandle}`
}

/** At once when the node has let go of it, or never will; later when that is not known. */
function whenToDetach(
  { node, lastInUse, now }: NodeView,
  name: string | undefined,
  unwantedSinceMs: number,
): { readonly atMs: number; readonly forced: Detachment['forced'] } {
  const inUse = node ? (node.status?.volumesInUse ?? []) : lastInUse
  if (name === undefined || (inUse && !inUse.includes(name))) return { atMs: now, forced: undefined }
  if (node?.spec?.taints?.some(({ key }) => key === outOfService))
    return { atMs: now, forced: 'out-of-service' }
  const isReady = node?.status?.conditions?.some(({ type, status }) => type === 'Ready' && status === 'True')
  return { atMs: isReady ? Infinity : unwantedSinceMs + maximumUnmountMs, forced: 'timeout' }
}

/** Names no pods of other namespaces to the reader of the pod's events. */
function describeUsers(users: readonly Pod[], { metadata }: Pod): string {
  if (users.length === 0)
    return "Volume is already exclusively attached to one node and can't be attached to another"
  const local = users.filter((user) => user.metadata?.namespace === metadata?.namespace)
  const others = `${users.length - local.length} pod(s) in different namespaces`
  if (local.length === 0) return `Volume is already used by ${others}`
  const names = local.map((user) => user.metadata?.name).join(', ')
  const and = local.length < users.length ? ` and ${others}` : ''
  return `Volume is already used by pod(s) ${names}${and}`
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
