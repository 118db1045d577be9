import type { ResourceClaim } from '../../../api/generated/resource.v1.ts'
import { parseQuantity } from '../../../machinery/quantity.ts'
import { sumOf, type Capacity } from './device-capacity.ts'
import { deviceId } from './device-pools.ts'

/** What is in use, by device ids. */
export interface AllocatedDevices {
  /** Devices that one claim has for itself. */
  readonly whole: ReadonlySet<string>
  /** What is taken of devices that several share. */
  readonly shared: ReadonlyMap<string, Capacity>
}

/** What these claims have; access for administration takes nothing from others. */
export function allocatedDevices(claims: Iterable<ResourceClaim>): AllocatedDevices {
  const whole = new Set<string>()
  const shared = new Map<string, Capacity>()
  for (const { status } of claims) {
    for (const result of status?.allocation?.devices?.results ?? []) {
      if (result.adminAccess) continue
      const id = deviceId(result.driver, result.pool, result.device)
      if (result.shareID === undefined) {
        whole.add(id)
        continue
      }
      const consumed = Object.entries(result.consumedCapacity ?? {})
      const taken = new Map(consumed.map(([name, amount]) => [name, parseQuantity(amount)]))
      shared.set(id, sumOf(shared.get(id), taken))
    }
  }
  return { whole, shared }
}
