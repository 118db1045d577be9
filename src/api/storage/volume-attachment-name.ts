import { createHash } from 'node:crypto'

/** What the attachment of a CSI volume to a node is called: drivers, kubelet and controller each find it by that. */
export function volumeAttachmentName(volumeHandle: string, driver: string, nodeName: string): string {
  return `csi-${createHash('sha256').update(`${volumeHandle}${driver}${nodeName}`).digest('hex')}`
}

/** Whether an attachment may be one that the controller made, by its name; others belong to whoever made them. */
export function isVolumeAttachmentName(name: string): boolean {
  return /^csi-[0-9a-f]{64}$/.test(name)
}
