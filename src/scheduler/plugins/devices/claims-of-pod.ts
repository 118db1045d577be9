import type { Pod } from '../../../api/generated/core.v1.ts'
import type { ResourceClaim } from '../../../api/generated/resource.v1.ts'
import { podClaimName, whyNotForPod } from '../../../api/resource/pod-claims.ts'
import { isDeleting } from '../../../machinery/owner.ts'
import type { Informer } from '../../../client/informer.ts'

/** The claims that a pod names, or why one of them cannot be used yet. */
export function claimsOfPod(
  pod: Pod,
  cache: Informer<ResourceClaim>,
): { readonly claims: readonly ResourceClaim[] } | { readonly reason: string } {
  const claims: ResourceClaim[] = []
  for (const entry of pod.spec?.resourceClaims ?? []) {
    const named = podClaimName(pod, entry)
    if (named.type === 'notNeeded') continue
    if (named.type !== 'named') return { reason: named.reason }
    const key = `${pod.metadata?.namespace}/${named.name}`
    const claim = cache.get(key)
    if (!claim) return { reason: `could not find ResourceClaim "${key}"` }
    if (isDeleting(claim)) return { reason: `resourceclaim "${named.name}" is being deleted` }
    const foreign = named.isGenerated ? whyNotForPod(claim, pod) : undefined
    if (foreign) return { reason: foreign }
    claims.push(claim)
  }
  return { claims }
}

/** Whether the pod names a claim of this name. */
export function usesResourceClaim(pod: Pod, { metadata }: ResourceClaim): boolean {
  if (pod.metadata?.namespace !== metadata?.namespace) return false
  return (pod.spec?.resourceClaims ?? []).some((entry) => {
    const named = podClaimName(pod, entry)
    return named.type === 'named' && named.name === metadata?.name
  })
}
