import type { StatefulSet } from '../../api/generated/apps.v1.ts'
import type { PersistentVolumeClaim, Pod } from '../../api/generated/core.v1.ts'
import { pods, statefulSets } from '../../api/generated/resources.ts'
import { jsonEqual } from '../../machinery/equal.ts'
import type { KubernetesObject, OwnerReference } from '../../machinery/meta.ts'
import { ownerReferenceTo } from '../../machinery/owner.ts'
import { apiVersionOf, type Resource } from '../../machinery/resource.ts'
import { identityOf } from '../ownership/identity.ts'
import { isWanted, ordinalOf } from './stateful-pod.ts'

/**
 * A claim is deleted with what owns it. Retained claims belong to nobody; with whenDeleted Delete they belong to the set,
 * and with whenScaled Delete those of a pod that is scaled away belong to that pod.
 */

interface RetentionPolicy {
  readonly whenScaled: 'Delete' | 'Retain'
  readonly whenDeleted: 'Delete' | 'Retain'
}

function policyOf({ spec }: StatefulSet): RetentionPolicy {
  const { whenScaled, whenDeleted } = spec?.persistentVolumeClaimRetentionPolicy ?? {}
  return {
    whenScaled: whenScaled === 'Delete' ? 'Delete' : 'Retain',
    whenDeleted: whenDeleted === 'Delete' ? 'Delete' : 'Retain',
  }
}

/**
 * The owners that the claim of a pod must have, or undefined when it has them. A claim that another set or pod of the
 * same name left behind is not touched; one that somebody else controls is left to that. Source: stateful_set_utils.go.
 */
export function wantedClaimOwners(
  claim: PersistentVolumeClaim,
  set: StatefulSet,
  pod: Pod,
): readonly OwnerReference[] | undefined {
  const { ownerReferences = [] } = claim.metadata ?? {}
  if (isStale(claim, set, statefulSets) || isStale(claim, pod, pods)) return undefined
  const isOurs = (reference: OwnerReference) =>
    names(reference, set, statefulSets) || names(reference, pod, pods)
  const others = ownerReferences.filter((reference) => !isOurs(reference))
  const owner = hasConflictingController(claim, set, pod) ? undefined : ownerByPolicy(set, pod)
  const wanted = owner ? [...others, owner] : others
  const ours = ownerReferences.filter(isOurs)
  const isUpToDate = owner
    ? ours.length === 1 && ours[0]!.uid === owner.uid && ours[0]!.controller === true
    : ours.length === 0
  return isUpToDate || jsonEqual(wanted, ownerReferences) ? undefined : wanted
}

function ownerByPolicy(set: StatefulSet, pod: Pod): OwnerReference | undefined {
  const { whenScaled, whenDeleted } = policyOf(set)
  const isScaledAway = !isWanted(ordinalOf(pod, set) ?? -1, set)
  if (whenScaled === 'Delete' && isScaledAway) return ownerReferenceTo(pod, pods)
  return whenDeleted === 'Delete' ? ownerReferenceTo(set, statefulSets) : undefined
}

/** Whether somebody else controls a claim that the policy wants to be deleted. */
export function hasConflictingController(claim: PersistentVolumeClaim, set: StatefulSet, pod: Pod): boolean {
  const { whenScaled, whenDeleted } = policyOf(set)
  if (whenScaled === 'Retain' && whenDeleted === 'Retain') return false
  return (claim.metadata?.ownerReferences ?? []).some((reference) => {
    const isOurs = names(reference, set, statefulSets) || names(reference, pod, pods)
    return !isOurs && reference.controller === true
  })
}

/**
 * Whether the claim of a pod that is yet to be created goes away soon, with the pod that had the name before. Then the
 * new pod must wait, or it would get a volume that is about to be deleted.
 */
export function isClaimOfFormerPod(claim: PersistentVolumeClaim, set: StatefulSet, pod: Pod): boolean {
  return policyOf(set).whenScaled === 'Delete' && isStale(claim, pod, pods)
}

/** Owned by an object of this name, but not by this one. */
function isStale(claim: PersistentVolumeClaim, owner: KubernetesObject, resource: Resource): boolean {
  const reference = claim.metadata?.ownerReferences?.find((candidate) => names(candidate, owner, resource))
  return reference !== undefined && reference.uid !== identityOf(owner).uid
}

function names(reference: OwnerReference, owner: KubernetesObject, resource: Resource): boolean {
  const { apiVersion, kind, name } = reference
  return apiVersion === apiVersionOf(resource) && kind === resource.kind && name === identityOf(owner).name
}
