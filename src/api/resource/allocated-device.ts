import type { ResourceClaimStatus } from '../generated/resource.v1.ts'

/** What identifies an allocated device, or the share of one. */
export function deviceKey({
  driver,
  pool,
  device,
  shareID = '',
}: {
  readonly driver: string
  readonly pool: string
  readonly device: string
  readonly shareID?: string
}): string {
  return JSON.stringify([driver, pool, device, shareID])
}

/** The keys of what is allocated for a claim. */
export function allocatedDevices(status: ResourceClaimStatus | undefined): Set<string> {
  return new Set((status?.allocation?.devices?.results ?? []).map(deviceKey))
}
