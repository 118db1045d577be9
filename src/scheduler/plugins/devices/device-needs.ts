import type { Pod } from '../../../api/generated/core.v1.ts'
import type { DeviceClass, ResourceClaim } from '../../../api/generated/resource.v1.ts'
import { canBeReserved, isReservedFor } from '../../../api/resource/pod-claims.ts'
import type { Informer } from '../../../client/informer.ts'
import { keyOf } from '../../../machinery/resource.ts'
import type { PodInfo } from '../../pod-info.ts'
import { claimsOfPod } from './claims-of-pod.ts'
import type { ExtendedResourceClasses } from './device-classes.ts'
import { extendedResourceAnnotation } from './extended-resources.ts'

/** What a pod needs in devices. */
export interface DeviceNeeds {
  readonly claims: readonly ResourceClaim[]
  /** Those of them that have no devices yet. */
  readonly pending: readonly ResourceClaim[]
  /** Extended resources that devices can serve, where the node itself has none. */
  readonly extended: readonly ExtendedResource[]
  /** A claim of an earlier attempt, which must go before another is made. */
  readonly stale: ResourceClaim | undefined
}

export interface ExtendedResource {
  readonly name: string
  readonly deviceClassName: string
}

export interface NeedsInput {
  readonly claims: Informer<ResourceClaim>
  readonly classes: Informer<DeviceClass>
  readonly classOfExtended: ExtendedResourceClasses
  /** Whether devices for the claim have been chosen and are being written. */
  isPending(claim: ResourceClaim): boolean
}

/** Name of the index of claims by the uid of the pod that they were made for by the scheduler. */
export const extendedClaimIndex = 'extended-resource-pod'

export function podOfExtendedClaim({ metadata }: ResourceClaim): readonly string[] {
  if (metadata?.annotations?.[extendedResourceAnnotation] !== 'true') return []
  return (metadata.ownerReferences ?? []).filter(({ controller }) => controller).map(({ uid }) => uid)
}

/** Undefined for a pod that needs no devices; or why it cannot be scheduled anywhere as things are. */
export function needsOf(
  { pod, requests, uid }: PodInfo,
  input: NeedsInput,
): DeviceNeeds | { readonly reason: string } | undefined {
  const extended: ExtendedResource[] = []
  for (const name in requests) {
    const deviceClass = requests[name]! > 0 ? input.classOfExtended(name) : undefined
    if (deviceClass) extended.push({ name, deviceClassName: deviceClass.metadata?.name ?? '' })
  }
  if (!pod.spec?.resourceClaims?.length && extended.length === 0) return undefined
  const found = claimsOfPod(pod, input.claims)
  if ('reason' in found) return found
  for (const claim of found.claims) {
    const reason = whyUnusable(claim, pod, input)
    if (reason) return { reason }
  }
  const { claims } = found
  if (claims.length === 0 && extended.length === 0) return undefined
  const [stale] = extended.length > 0 ? input.claims.byIndex(extendedClaimIndex, uid) : []
  return { claims, pending: claims.filter(({ status }) => !status?.allocation), extended, stale }
}

function whyUnusable(claim: ResourceClaim, pod: Pod, input: NeedsInput): string | undefined {
  if (claim.status?.allocation)
    return canBeReserved(claim) || isReservedFor(claim, pod) ? undefined : 'resourceclaim in use'
  if (input.isPending(claim)) return `resource claim ${keyOf(claim)} is in the process of being allocated`
  for (const { name, exactly, firstAvailable = [] } of claim.spec.devices?.requests ?? []) {
    const wanted = [
      ...(exactly ? [[name, exactly.deviceClassName] as const] : []),
      ...firstAvailable.map((each) => [`${name}/${each.name}`, each.deviceClassName] as const),
    ]
    for (const [request, className] of wanted) {
      if (!input.classes.get(className)) return `request ${request}: device class ${className} does not exist`
    }
  }
  return undefined
}
