import type { Service } from '../../../api/generated/core.v1.ts'
import type { Logger } from '../../../machinery/log.ts'
import { keyOf } from '../../../machinery/resource.ts'
import type { OwnedItems } from './claims.ts'

/** Claims without a Service, by `item owner`, as one look found them. */
export type Leaks = ReadonlySet<string>

/**
 * Makes the claims on one kind of thing those of the Services there are: Services written before claims were kept have
 * none, and a server that died between a claim and its Service leaves one behind. Such a leak is given back when the
 * look before (`known`) saw it, too: it may be of a Service that is being created right now.
 * Source: kubernetes/pkg/registry/core/service/ipallocator/controller/repair.go.
 */
export async function repairClaims(
  claims: OwnedItems,
  services: readonly Service[],
  items: (service: Service) => readonly string[],
  known: Leaks,
  log: Logger,
): Promise<Leaks> {
  const wanted = new Map(
    services.flatMap((service) => items(service).map((item) => [item, keyOf(service)] as const)),
  )
  for (const [item, owner] of wanted) {
    if (claims.ownerOf(item) === owner || (await claims.claim(item, owner))) continue
    log.error('two services have the same address or port', { item, owner, other: claims.ownerOf(item) })
  }
  const leaks = new Set<string>()
  for (const [item, owner] of claims.all()) {
    if (wanted.get(item) === owner) continue
    const leak = `${item} ${owner}`
    if (!known.has(leak)) {
      leaks.add(leak)
      continue
    }
    await claims.release(item, owner)
    log.info('released an address or port that no service has', { item, owner })
  }
  return leaks
}

export function addressesOf({ spec }: Service): readonly string[] {
  if (spec?.type === 'ExternalName') return []
  return (spec?.clusterIPs ?? []).filter((address) => address !== '' && address !== 'None')
}

export function nodePortsOf({ spec }: Service): readonly string[] {
  const ports = (spec?.ports ?? []).map(({ nodePort }) => nodePort)
  return [...new Set([...ports, spec?.healthCheckNodePort])].flatMap((port) => (port ? [String(port)] : []))
}
