import {
  findMatchingVolume,
  isBoundTo,
  isFullyBound,
  isVolumeUsableOn,
  noProvisioner,
  selectedNode,
  storageClassOf,
} from '../../../api/core/volume-matching.ts'
import type { Node, PersistentVolume, PersistentVolumeClaim } from '../../../api/generated/core.v1.ts'
import type { CSIDriver, CSIStorageCapacity, StorageClass } from '../../../api/generated/storage.v1.ts'
import { matchesNodeSelectorTerm } from '../../../api/core/node-affinity.ts'
import { fromLabelSelector, matchesLabels } from '../../../machinery/label-selector.ts'
import { compareQuantity, parseQuantity } from '../../../machinery/quantity.ts'
import { keyOf } from '../../../machinery/resource.ts'

/** What is known of volumes, reservations of pods on their way included. */
export interface VolumeState {
  volume(name: string): PersistentVolume | undefined
  volumesOfClass(name: string): readonly PersistentVolume[]
  storageClass(name: string): StorageClass | undefined
  driver(name: string): CSIDriver | undefined
  capacities(): readonly CSIStorageCapacity[]
  /** Volumes that pods on their way to a node have taken, with the claims they took them for. */
  readonly taken: ReadonlyMap<string, string>
  /** Nodes chosen for claims of pods on their way. */
  readonly chosenNodes: ReadonlyMap<string, string>
}

/** A pod's claims by what is to be done for them. */
export interface SortedClaims {
  readonly bound: readonly PersistentVolumeClaim[]
  /** To be bound once the pod has a node. */
  readonly delayed: readonly PersistentVolumeClaim[]
  /** Somebody else binds them, whatever pods want. */
  readonly immediate: readonly PersistentVolumeClaim[]
}

/** What is to be bound and made for a pod on a node. */
export interface VolumePlan {
  readonly bindings: readonly { readonly volume: PersistentVolume; readonly claim: PersistentVolumeClaim }[]
  readonly provisions: readonly PersistentVolumeClaim[]
}

const notFoundToBind = "node(s) didn't find available persistent volumes to bind"
const affinityConflict = "node(s) didn't match PersistentVolume's node affinity"
const notEnoughSpace = 'node(s) did not have enough free storage'
const volumeMissing = 'node(s) unavailable due to one or more pvc(s) bound to non-existent pv(s)'

export function sortClaims(claims: readonly PersistentVolumeClaim[], state: VolumeState): SortedClaims {
  const sorted = { bound: [], delayed: [], immediate: [] } as Record<
    keyof SortedClaims,
    PersistentVolumeClaim[]
  >
  for (const claim of claims) {
    const mode = state.storageClass(storageClassOf(claim) ?? '')?.volumeBindingMode
    if (isFullyBound(claim)) sorted.bound.push(claim)
    else if (mode === 'WaitForFirstConsumer' && !claim.spec?.volumeName) sorted.delayed.push(claim)
    else sorted.immediate.push(claim)
  }
  // The smallest first, so that large volumes are left for those who need them.
  sorted.delayed.sort((a, b) => compareQuantity(requestOf(a), requestOf(b)))
  return sorted
}

/** How the claims can be had on a node, or the reasons why not. */
export function findVolumes(
  { bound, delayed }: SortedClaims,
  node: Node,
  state: VolumeState,
): VolumePlan | { readonly reasons: readonly string[] } {
  const reasons: string[] = []
  for (const { spec } of bound) {
    const volume = state.volume(spec?.volumeName ?? '')
    if (!volume) add(reasons, volumeMissing)
    else if (!isVolumeUsableOn(volume, node)) add(reasons, affinityConflict)
  }
  const bindings: { volume: PersistentVolume; claim: PersistentVolumeClaim }[] = []
  const provisions: PersistentVolumeClaim[] = []
  const excluded = new Set<string>()
  for (const claim of delayed) {
    const key = keyOf(claim)
    const chosen = state.chosenNodes.get(key) ?? claim.metadata?.annotations?.[selectedNode]
    if (chosen !== undefined) {
      if (chosen !== node.metadata?.name) return { reasons: [...reasons, notFoundToBind] }
      provisions.push(claim)
      continue
    }
    const volume = findStatic(claim, node, excluded, state)
    if (volume) {
      excluded.add(volume.metadata?.name ?? '')
      bindings.push({ volume, claim })
    } else provisions.push(claim)
  }
  for (const claim of provisions) {
    const reason = whyNotProvisioned(claim, node, state)
    if (reason) add(reasons, reason)
  }
  return reasons.length > 0 ? { reasons } : { bindings, provisions }
}

function findStatic(
  claim: PersistentVolumeClaim,
  node: Node,
  excluded: ReadonlySet<string>,
  state: VolumeState,
): PersistentVolume | undefined {
  const key = keyOf(claim)
  const mine = [...state.taken].find(([, taker]) => taker === key)?.[0]
  if (mine !== undefined) return state.volume(mine)
  const isFree = ({ metadata }: PersistentVolume) => !state.taken.has(metadata?.name ?? '')
  const volumes = state
    .volumesOfClass(storageClassOf(claim) ?? '')
    .filter((volume) => isFree(volume) || isBoundTo(volume, claim))
  return findMatchingVolume(claim, volumes, { node, excluded })
}

function whyNotProvisioned(claim: PersistentVolumeClaim, node: Node, state: VolumeState): string | undefined {
  const storageClass = state.storageClass(storageClassOf(claim) ?? '')
  if (!storageClass || storageClass.provisioner === noProvisioner) return notFoundToBind
  if (!isInTopology(storageClass, node)) return notFoundToBind
  return hasCapacity(storageClass, claim, node, state) ? undefined : notEnoughSpace
}

function isInTopology({ allowedTopologies = [] }: StorageClass, node: Node): boolean {
  if (allowedTopologies.length === 0) return true
  return allowedTopologies.some(({ matchLabelExpressions = [] }) =>
    matchesNodeSelectorTerm(
      { matchExpressions: matchLabelExpressions.map(({ key, values }) => ({ key, operator: 'In', values })) },
      node,
    ),
  )
}

/** Drivers that publish their capacity are believed; others are asked by trying. */
function hasCapacity(
  { metadata, provisioner }: StorageClass,
  claim: PersistentVolumeClaim,
  node: Node,
  state: VolumeState,
): boolean {
  if (!state.driver(provisioner)?.spec?.storageCapacity) return true
  const requested = requestOf(claim)
  const labels = node.metadata?.labels ?? {}
  return state.capacities().some(({ storageClassName, capacity, maximumVolumeSize, nodeTopology }) => {
    const limit = maximumVolumeSize ?? capacity
    return (
      storageClassName === metadata?.name &&
      limit !== undefined &&
      compareQuantity(parseQuantity(limit), requested) >= 0 &&
      nodeTopology !== undefined &&
      matchesLabels(fromLabelSelector(nodeTopology), labels)
    )
  })
}

function requestOf({ spec }: PersistentVolumeClaim) {
  return parseQuantity(spec?.resources?.requests?.['storage'] ?? '0')
}

function add(reasons: string[], reason: string): void {
  if (!reasons.includes(reason)) reasons.push(reason)
}
