import { selectedNode } from '../core/volume-matching.ts'
import type { PersistentVolume, PersistentVolumeClaim } from '../generated/core.v1.ts'

/** Makes volumes of the default class: directories on the node where they are first used. */
export const localPathProvisioner = 'k8ts.io/local-path'
export const provisionedBy = 'pv.kubernetes.io/provisioned-by'
/** The label of nodes that a local volume's affinity names. */
export const hostnameLabel = 'kubernetes.io/hostname'
const askedProvisioner = 'volume.kubernetes.io/storage-provisioner'

/** The node on which a claim asks for a directory; undefined when it asks for none. */
export function nodeOfClaim({ metadata, spec }: PersistentVolumeClaim): string | undefined {
  const { annotations, deletionTimestamp } = metadata ?? {}
  if (deletionTimestamp || spec?.volumeName) return undefined
  return annotations?.[askedProvisioner] === localPathProvisioner ? annotations[selectedNode] : undefined
}

/** What the volume for a claim is called. */
export function volumeNameOf({ metadata }: PersistentVolumeClaim): string {
  return `pvc-${metadata?.uid}`
}

/** The node of a volume that the provisioner made. */
export function nodeOfVolume({ metadata, spec }: PersistentVolume): string | undefined {
  if (metadata?.annotations?.[provisionedBy] !== localPathProvisioner) return undefined
  const [term] = spec?.nodeAffinity?.required?.nodeSelectorTerms ?? []
  return term?.matchExpressions?.find(({ key }) => key === hostnameLabel)?.values?.[0]
}
