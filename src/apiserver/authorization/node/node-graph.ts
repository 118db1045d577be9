import type { PersistentVolume, Pod } from '../../../api/generated/core.v1.ts'
import {
  persistentVolumes,
  pods,
  resourceSlices,
  volumeAttachments,
} from '../../../api/generated/resources.ts'
import { keyOf } from '../../../machinery/resource.ts'
import type { ObjectChange, Objects } from '../../objects.ts'
import {
  mirrorPodAnnotation,
  podClaimNames,
  podConfigMapNames,
  podResourceClaimNames,
  podSecretNames,
} from '../../../api/core/pod/pod-references.ts'

/** What a node may read because of the pods that are bound to it. */
export type ReferencedKind =
  | 'configmap'
  | 'secret'
  | 'persistentvolumeclaim'
  | 'persistentvolume'
  | 'resourceclaim'
  | 'serviceaccount'
  | 'pod'
  | 'volumeattachment'
  | 'resourceslice'

/**
 * Which nodes are related to which objects: by a pod on the node that names the object, or, for volumes, by the claim
 * that such a pod names. Kept up to date change by change; a question is one or two look-ups.
 * Source: kubernetes/plugin/pkg/auth/authorizer/node/graph.go.
 */
export interface NodeGraph {
  isRelated(nodeName: string, kind: ReferencedKind, namespace: string, name: string): boolean
  close(): void
}

export function createNodeGraph(objects: Objects): NodeGraph {
  /** For each object that pods name: how many pods of each node name it. */
  const references = new Map<string, Map<string, number>>()
  const nodeOfPod = new Map<string, string>()
  const claimOfVolume = new Map<string, string>()
  const volumesOfSecret = new Map<string, Set<string>>()
  const nodeOfAttachment = new Map<string, string>()
  const nodeOfSlice = new Map<string, string>()

  function count(pod: Pod, step: 1 | -1): void {
    const nodeName = pod.spec?.nodeName
    if (!nodeName) return
    for (const key of new Set(referencesOf(pod))) {
      const nodes = references.get(key) ?? new Map<string, number>()
      const left = (nodes.get(nodeName) ?? 0) + step
      if (left > 0) nodes.set(nodeName, left)
      else nodes.delete(nodeName)
      if (nodes.size > 0) references.set(key, nodes)
      else references.delete(key)
    }
    if (step === 1) nodeOfPod.set(keyOf(pod), nodeName)
    else nodeOfPod.delete(keyOf(pod))
  }

  function onVolume(change: ObjectChange<PersistentVolume>): void {
    const gone = change.type === 'deleted' ? change.object : change.previous
    const name = change.object.metadata?.name ?? ''
    for (const key of gone ? volumeSecretKeys(gone) : []) {
      const volumes = volumesOfSecret.get(key)
      volumes?.delete(name)
      if (volumes?.size === 0) volumesOfSecret.delete(key)
    }
    claimOfVolume.delete(name)
    const claim = change.type === 'set' ? change.object.spec?.claimRef : undefined
    if (!claim) return
    claimOfVolume.set(name, `persistentvolumeclaim/${claim.namespace ?? ''}/${claim.name ?? ''}`)
    for (const key of volumeSecretKeys(change.object)) {
      volumesOfSecret.set(key, (volumesOfSecret.get(key) ?? new Set()).add(name))
    }
  }

  const unsubscribe = [
    objects.onChange(pods, (change) => {
      const gone = change.type === 'deleted' ? change.object : change.previous
      if (gone && change.type === 'set' && sameReferences(gone, change.object)) return
      if (gone) count(gone, -1)
      if (change.type === 'set') count(change.object, 1)
    }),
    objects.onChange(persistentVolumes, onVolume),
    objects.onChange(volumeAttachments, (change) => {
      const name = change.object.metadata?.name ?? ''
      if (change.type === 'set') nodeOfAttachment.set(name, change.object.spec.nodeName)
      else nodeOfAttachment.delete(name)
    }),
    objects.onChange(resourceSlices, (change) => {
      const name = change.object.metadata?.name ?? ''
      const nodeName = change.type === 'set' ? change.object.spec.nodeName : undefined
      if (nodeName) nodeOfSlice.set(name, nodeName)
      else nodeOfSlice.delete(name)
    }),
  ]

  const isNamed = (nodeName: string, key: string) => references.get(key)?.has(nodeName) ?? false
  const mayReadVolume = (nodeName: string, volume: string) => {
    const claim = claimOfVolume.get(volume)
    return claim !== undefined && isNamed(nodeName, claim)
  }

  return {
    isRelated(nodeName, kind, namespace, name) {
      switch (kind) {
        case 'pod':
          return nodeOfPod.get(`${namespace}/${name}`) === nodeName
        case 'volumeattachment':
          return nodeOfAttachment.get(name) === nodeName
        case 'resourceslice':
          return nodeOfSlice.get(name) === nodeName
        case 'persistentvolume':
          return mayReadVolume(nodeName, name)
        case 'secret': {
          if (isNamed(nodeName, `secret/${namespace}/${name}`)) return true
          const volumes = volumesOfSecret.get(`${namespace}/${name}`)
          return volumes !== undefined && [...volumes].some((volume) => mayReadVolume(nodeName, volume))
        }
        case 'configmap':
        case 'persistentvolumeclaim':
        case 'resourceclaim':
        case 'serviceaccount':
          return isNamed(nodeName, `${kind}/${namespace}/${name}`)
      }
    },
    close() {
      for (const one of unsubscribe) one()
    },
  }
}

/** A mirror pod names nothing: a node makes it, and must not give itself rights that way. */
function referencesOf(pod: Pod): readonly string[] {
  if (pod.metadata?.annotations?.[mirrorPodAnnotation]) return []
  const namespace = pod.metadata?.namespace ?? ''
  const keys = (kind: string, names: readonly string[]) => names.map((name) => `${kind}/${namespace}/${name}`)
  return [
    ...keys('serviceaccount', pod.spec?.serviceAccountName ? [pod.spec.serviceAccountName] : []),
    ...keys('secret', podSecretNames(pod)),
    ...keys('configmap', podConfigMapNames(pod)),
    ...keys('persistentvolumeclaim', podClaimNames(pod)),
    ...keys('resourceclaim', podResourceClaimNames(pod)),
  ]
}

/** Most changes of a pod are changes of its status, which say nothing new here. */
function sameReferences(before: Pod, after: Pod): boolean {
  return (
    before.spec === after.spec &&
    before.metadata?.uid === after.metadata?.uid &&
    before.status?.resourceClaimStatuses === after.status?.resourceClaimStatuses &&
    before.status?.extendedResourceClaimStatus === after.status?.extendedResourceClaimStatus
  )
}

/**
 * The secrets that a kubelet needs to mount a volume; not those that only provisioners and attachers use. A reference
 * without a namespace means the claim's.
 */
function volumeSecretKeys({ spec }: PersistentVolume): readonly string[] {
  const claimNamespace = spec?.claimRef?.namespace ?? ''
  const azure = spec?.azureFile
  const secretRefs = [
    spec?.cephfs?.secretRef,
    spec?.cinder?.secretRef,
    spec?.flexVolume?.secretRef,
    spec?.rbd?.secretRef,
    spec?.scaleIO?.secretRef,
    spec?.iscsi?.secretRef,
    spec?.storageos?.secretRef,
    spec?.csi?.nodePublishSecretRef,
    spec?.csi?.nodeStageSecretRef,
    spec?.csi?.nodeExpandSecretRef,
  ]
  const keys = secretRefs.flatMap((reference) =>
    reference?.name ? [`${reference.namespace || claimNamespace}/${reference.name}`] : [],
  )
  if (azure) keys.push(`${azure.secretNamespace || claimNamespace}/${azure.secretName}`)
  return keys
}
