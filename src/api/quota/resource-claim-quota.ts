import type { DeviceSubRequest, ExactDeviceRequest, ResourceClaim } from '../generated/resource.v1.ts'
import type { QuotaEvaluator } from './quota-evaluator.ts'

const claimsCount = 'count/resourceclaims.resource.k8s.io'
const classSuffix = '.deviceclass.resource.k8s.io/devices'
/** What a request for all devices counts as: a claim can hold no more. */
const maxDevicesPerClaim = 32

/** Source: kubernetes/pkg/quota/v1/evaluator/core/resource_claims.go. */
export const resourceClaimQuota: QuotaEvaluator<ResourceClaim> = {
  handles: (_operation, subresource) => subresource === '',
  matchingResources: (names) => names.filter((name) => name === claimsCount || name.endsWith(classSuffix)),
  usage({ spec }) {
    const devices = new Map<string, number>()
    for (const { exactly, firstAvailable } of spec.devices?.requests ?? []) {
      for (const [className, count] of devicesOf(exactly ? [exactly] : (firstAvailable ?? []))) {
        devices.set(className, (devices.get(className) ?? 0) + count)
      }
    }
    const usage: Record<string, string> = { [claimsCount]: '1' }
    for (const [className, count] of devices) usage[`${className}${classSuffix}`] = String(count)
    return usage
  },
  matchesScope: () => false,
}

/** Of alternatives, the most that each class may be asked for. */
function devicesOf(
  alternatives: readonly (ExactDeviceRequest | DeviceSubRequest)[],
): ReadonlyMap<string, number> {
  const most = new Map<string, number>()
  for (const { deviceClassName, allocationMode, count = 1 } of alternatives) {
    const wanted = allocationMode === 'All' ? maxDevicesPerClaim : count
    most.set(deviceClassName, Math.max(most.get(deviceClassName) ?? 0, wanted))
  }
  return most
}
