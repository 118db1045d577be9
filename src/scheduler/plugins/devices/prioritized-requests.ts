import type { AllocationResult, ResourceClaim } from '../../../api/generated/resource.v1.ts'

/** So many alternatives a request may have. Source: k8s.io/api/resource/v1, FirstAvailableDeviceRequestMaxSize. */
const maxAlternatives = 8

/** Whether a claim names alternatives, the best first. */
export function hasAlternatives({ spec }: ResourceClaim): boolean {
  return spec.devices?.requests?.some(({ firstAvailable }) => firstAvailable?.length) ?? false
}

/** The more, the better the alternatives that were chosen for the claim's requests. */
export function scoreOfAlternatives(
  { spec }: ResourceClaim,
  allocation: AllocationResult | undefined,
): number {
  const chosen = new Set(allocation?.devices?.results?.map(({ request }) => request))
  let score = 0
  for (const { name, firstAvailable = [] } of spec.devices?.requests ?? []) {
    firstAvailable.forEach((alternative, index) => {
      if (chosen.has(`${name}/${alternative.name}`)) score += maxAlternatives - index
    })
  }
  return score
}
