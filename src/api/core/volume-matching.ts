import { fromLabelSelector, matchesLabels } from '../../machinery/label-selector.ts'
import { compareQuantity, parseQuantity } from '../../machinery/quantity.ts'
import type { Node, PersistentVolume, PersistentVolumeClaim } from '../generated/core.v1.ts'
import { matchesNodeSelector } from './node-affinity.ts'

/** Annotations by which the scheduler, the volume binder and provisioners work together. */
export const bindCompleted = 'pv.kubernetes.io/bind-completed'
export const boundByController = 'pv.kubernetes.io/bound-by-controller'
export const selectedNode = 'volume.kubernetes.io/selected-node'
export const storageClassAnnotation = 'volume.beta.kubernetes.io/storage-class'
/** The provisioner of classes whose volumes somebody makes by hand. */
export const noProvisioner = 'kubernetes.io/no-provisioner'

/** '' means no class at all; undefined that the default one is still to be filled in. */
export function storageClassOf(object: PersistentVolume | PersistentVolumeClaim): string | undefined {
  return object.metadata?.annotations?.[storageClassAnnotation] ?? object.spec?.storageClassName
}

/** Both sides say that they belong together. */
export function isFullyBound({ metadata, spec }: PersistentVolumeClaim): boolean {
  return !!spec?.volumeName && metadata?.annotations?.[bindCompleted] !== undefined
}

/** The volume is reserved for this claim, or bound to it. */
export function isBoundTo({ spec }: PersistentVolume, { metadata }: PersistentVolumeClaim): boolean {
  const claim = spec?.claimRef
  if (claim?.name !== metadata?.name || claim?.namespace !== metadata?.namespace) return false
  return !claim?.uid || claim.uid === metadata?.uid
}

/** Whether a volume can be used on a node. */
export function isVolumeUsableOn({ spec }: PersistentVolume, node: Node): boolean {
  const required = spec?.nodeAffinity?.required
  return !required || matchesNodeSelector(required, node)
}

export interface MatchOptions {
  /** Where the claim is to be used; absent when that is not decided. */
  readonly node?: Node
  /** Names of volumes that are given away already. */
  readonly excluded?: ReadonlySet<string>
  /** The claim is not to be bound before its first pod has a node. */
  readonly isDelayed?: boolean
}

/**
 * The volume reserved for a claim, or the smallest available one that does. Source: k8s.io/component-helpers
 * storage/volume FindMatchingVolume.
 */
export function findMatchingVolume(
  claim: PersistentVolumeClaim,
  volumes: Iterable<PersistentVolume>,
  { node, excluded, isDelayed = false }: MatchOptions = {},
): PersistentVolume | undefined {
  const requested = parseQuantity(claim.spec?.resources?.requests?.['storage'] ?? '0')
  const selector = claim.spec?.selector && fromLabelSelector(claim.spec.selector)
  const className = storageClassOf(claim) ?? ''
  let smallest: PersistentVolume | undefined
  for (const volume of volumes) {
    const { metadata, spec, status } = volume
    if (excluded?.has(metadata?.name ?? '') || metadata?.deletionTimestamp) continue
    if (spec?.claimRef && !isBoundTo(volume, claim)) continue
    const capacity = parseQuantity(spec?.capacity?.['storage'] ?? '0')
    if (compareQuantity(capacity, requested) < 0) continue
    if ((spec?.volumeAttributesClassName ?? '') !== (claim.spec?.volumeAttributesClassName ?? '')) continue
    if ((spec?.volumeMode ?? 'Filesystem') !== (claim.spec?.volumeMode ?? 'Filesystem')) continue
    const isUsable = !node || isVolumeUsableOn(volume, node)
    if (spec?.claimRef) return isUsable ? volume : undefined
    if (!node && isDelayed) continue
    if (status?.phase !== 'Available' || !isUsable) continue
    if (selector && !matchesLabels(selector, metadata?.labels ?? {})) continue
    if ((storageClassOf(volume) ?? '') !== className) continue
    if (!(claim.spec?.accessModes ?? []).every((mode) => spec?.accessModes?.includes(mode))) continue
    if (!smallest || compareQuantity(capacity, parseQuantity(smallest.spec!.capacity!['storage']!)) < 0)
      smallest = volume
  }
  return smallest
}
