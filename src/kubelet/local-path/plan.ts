import { storageClassOf } from '../../api/core/volume-matching.ts'
import type { PersistentVolume, PersistentVolumeClaim } from '../../api/generated/core.v1.ts'
import type { StorageClass } from '../../api/generated/storage.v1.ts'
import {
  hostnameLabel,
  localPathProvisioner,
  provisionedBy,
  volumeNameOf,
} from '../../api/storage/local-path.ts'

/** Keeps the object until what it stands for is removed. As external provisioners call it. */
export const provisionerFinalizer = 'external-provisioner.volume.kubernetes.io/finalizer'

/** Why a directory does not do for a claim. */
export function whyNotProvisioned({ spec }: PersistentVolumeClaim): string | undefined {
  if (spec?.volumeMode === 'Block') return 'a directory is no block device: volumeMode must be Filesystem'
  if (spec?.selector) return 'claim.spec.selector is not supported'
  if (spec?.dataSource || spec?.dataSourceRef) return 'claim.spec.dataSource is not supported'
  const modes = spec?.accessModes ?? []
  return modes.every((mode) => mode === 'ReadWriteOnce' || mode === 'ReadWriteOncePod')
    ? undefined
    : 'only the access modes ReadWriteOnce and ReadWriteOncePod are supported: the directory is on one node'
}

/** The volume for a claim: a directory on its node, reserved for it. */
export function volumeFor(
  claim: PersistentVolumeClaim,
  storageClass: StorageClass,
  node: string,
  path: string,
): PersistentVolume {
  const { namespace, name, uid, resourceVersion } = claim.metadata ?? {}
  const storage = claim.spec?.resources?.requests?.['storage'] ?? '0'
  return {
    apiVersion: 'v1',
    kind: 'PersistentVolume',
    metadata: {
      name: volumeNameOf(claim),
      annotations: { [provisionedBy]: localPathProvisioner },
      finalizers: [provisionerFinalizer],
    },
    spec: {
      capacity: { storage },
      accessModes: claim.spec?.accessModes ?? [],
      persistentVolumeReclaimPolicy: storageClass.reclaimPolicy ?? 'Delete',
      storageClassName: storageClassOf(claim) ?? '',
      volumeMode: 'Filesystem',
      claimRef: {
        kind: 'PersistentVolumeClaim',
        apiVersion: 'v1',
        ...(namespace !== undefined && { namespace }),
        ...(name !== undefined && { name }),
        ...(uid !== undefined && { uid }),
        ...(resourceVersion !== undefined && { resourceVersion }),
      },
      local: { path },
      nodeAffinity: {
        required: {
          nodeSelectorTerms: [{ matchExpressions: [{ key: hostnameLabel, operator: 'In', values: [node] }] }],
        },
      },
    },
  }
}

export type RemovalPlan =
  | { readonly type: 'none' }
  /** The directory goes, then the object. */
  | { readonly type: 'remove'; readonly path: string }
  /** The object may go; the directory stays. */
  | { readonly type: 'letGo' }

/** What is to be done for a volume on a node whose directories are ours. */
export function planRemoval({ metadata, spec, status }: PersistentVolume): RemovalPlan {
  const deletes = spec?.persistentVolumeReclaimPolicy === 'Delete'
  if (deletes && status?.phase === 'Released') return { type: 'remove', path: spec.local?.path ?? '' }
  const isGoing = metadata?.deletionTimestamp !== undefined && status?.phase !== 'Bound'
  if (!isGoing || !metadata.finalizers?.includes(provisionerFinalizer)) return { type: 'none' }
  return deletes ? { type: 'remove', path: spec.local?.path ?? '' } : { type: 'letGo' }
}
