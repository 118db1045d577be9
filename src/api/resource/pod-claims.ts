import { isControlledBy } from '../../machinery/owner.ts'
import { keyOf } from '../../machinery/resource.ts'
import type { Pod, PodResourceClaim } from '../generated/core.v1.ts'
import type { ResourceClaim } from '../generated/resource.v1.ts'

/** Keeps a claim that has devices allocated. */
export const claimFinalizer = 'resource.kubernetes.io/delete-protection'

/** The most consumers that a claim may have at once. */
const maxReservations = 256

/**
 * The claim of one entry of spec.resourceClaims: by its name, which is of a claim made for this pod alone (`isGenerated`)
 * or of one that others may use too; none where none is needed; or not made yet. Source:
 * k8s.io/dynamic-resource-allocation/resourceclaim.
 */
export type PodClaimName =
  | { readonly type: 'named'; readonly name: string; readonly isGenerated: boolean }
  | { readonly type: 'notNeeded' }
  | { readonly type: 'notCreated'; readonly reason: string }
  | { readonly type: 'unknown'; readonly reason: string }

export function podClaimName(pod: Pod, { name, ...source }: PodResourceClaim): PodClaimName {
  if (source.resourceClaimName !== undefined)
    return { type: 'named', name: source.resourceClaimName, isGenerated: false }
  if (source.resourceClaimTemplateName === undefined) {
    const reason = `pod "${keyOf(pod)}", spec.resourceClaim "${name}": none of the supported fields are set`
    return { type: 'unknown', reason }
  }
  const stated = pod.status?.resourceClaimStatuses?.find((status) => status.name === name)
  if (!stated) return { type: 'notCreated', reason: `pod "${keyOf(pod)}": ResourceClaim not created yet` }
  return stated.resourceClaimName === undefined
    ? { type: 'notNeeded' }
    : { type: 'named', name: stated.resourceClaimName, isGenerated: true }
}

/** Why a generated claim is not the pod's; undefined when it is. */
export function whyNotForPod(claim: ResourceClaim, pod: Pod): string | undefined {
  const isOwn = claim.metadata?.namespace === pod.metadata?.namespace && isControlledBy(claim, pod)
  if (isOwn) return undefined
  return `ResourceClaim ${keyOf(claim)} was not created for pod ${keyOf(pod)} (pod is not owner)`
}

export function isReservedFor({ status }: ResourceClaim, pod: Pod): boolean {
  return (status?.reservedFor ?? []).some(({ uid }) => uid === pod.metadata?.uid)
}

/** One more pod may use the claim. */
export function canBeReserved({ status }: ResourceClaim): boolean {
  return (status?.reservedFor?.length ?? 0) < maxReservations
}

export function reservationOf({ metadata }: Pod) {
  return { resource: 'pods', name: metadata?.name ?? '', uid: metadata?.uid ?? '' }
}
