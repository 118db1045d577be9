import type { PersistentVolumeClaim, Pod } from '../../../api/generated/core.v1.ts'
import type { Informer } from '../../../client/informer.ts'
import { keyOf } from '../../../machinery/resource.ts'

/** The claim of one of a pod's volumes. */
export interface ClaimName {
  readonly name: string
  /** Made for the pod alone, by its ephemeral volume. */
  readonly isEphemeral: boolean
}

export function claimNamesOf({ metadata, spec }: Pod): ClaimName[] {
  return (spec?.volumes ?? []).flatMap(({ name, persistentVolumeClaim, ephemeral }): ClaimName[] => {
    if (persistentVolumeClaim) return [{ name: persistentVolumeClaim.claimName, isEphemeral: false }]
    return ephemeral ? [{ name: `${metadata?.name}-${name}`, isEphemeral: true }] : []
  })
}

/** A pod uses a claim of this name. */
export function usesClaim(pod: Pod, claim: PersistentVolumeClaim): boolean {
  return (
    pod.metadata?.namespace === claim.metadata?.namespace &&
    claimNamesOf(pod).some(({ name }) => name === claim.metadata?.name)
  )
}

/** The pod's claims, or why one of them cannot be used. */
export function claimsOf(
  pod: Pod,
  cache: Informer<PersistentVolumeClaim>,
): { readonly claims: readonly PersistentVolumeClaim[] } | { readonly reason: string } {
  const claims: PersistentVolumeClaim[] = []
  for (const { name, isEphemeral } of claimNamesOf(pod)) {
    const claim = cache.get(`${pod.metadata?.namespace}/${name}`)
    if (!claim) {
      return {
        reason: isEphemeral
          ? `waiting for ephemeral volume controller to create the persistentvolumeclaim "${name}"`
          : `persistentvolumeclaim "${name}" not found`,
      }
    }
    if (claim.status?.phase === 'Lost') {
      const volume = claim.spec?.volumeName ?? ''
      return { reason: `persistentvolumeclaim "${name}" bound to non-existent persistentvolume "${volume}"` }
    }
    if (claim.metadata?.deletionTimestamp)
      return { reason: `persistentvolumeclaim "${name}" is being deleted` }
    if (isEphemeral && !isOwnedBy(claim, pod)) {
      return { reason: `PVC ${keyOf(claim)} was not created for pod ${keyOf(pod)} (pod is not owner)` }
    }
    claims.push(claim)
  }
  return { claims }
}

function isOwnedBy({ metadata }: PersistentVolumeClaim, pod: Pod): boolean {
  return (metadata?.ownerReferences ?? []).some(
    ({ controller, uid }) => controller && uid === pod.metadata?.uid,
  )
}
