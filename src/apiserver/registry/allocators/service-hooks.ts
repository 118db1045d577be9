import type { Service, ServiceSpec } from '../../../api/generated/core.v1.ts'
import { jsonEqual } from '../../../machinery/equal.ts'
import type { KubernetesObject, Writable } from '../../../machinery/meta.ts'
import { keyOf } from '../../../machinery/resource.ts'
import type { WriteHooks } from '../write-hooks.ts'
import { ServiceAllocation, type Allocators } from './service-allocation.ts'
import { settleFamilies } from './service-families.ts'

/** Gives Services their addresses and ports as they are written, and takes them back. */
export function serviceHooks(allocators: () => Allocators): WriteHooks {
  return {
    async beforeCreate(object, dryRun) {
      const service = object as Writable<Service>
      return claimed(new ServiceAllocation(allocators(), keyOf(object), dryRun), async (allocation) => {
        if (!service.spec) return
        matchAddressLists(service.spec, undefined)
        settleFamilies(service, undefined, familiesOf(allocators()))
        await allocation.create(service.spec)
      })
    },
    async beforeUpdate(object, previous, dryRun) {
      const service = object as Writable<Service>
      const before = previous as Service
      return claimed(new ServiceAllocation(allocators(), keyOf(object), dryRun), async (allocation) => {
        // A write of the status carries the spec as it was.
        if (!service.spec || !before.spec || service.spec === before.spec) return
        matchAddressLists(service.spec, before.spec)
        settleFamilies(service, before, familiesOf(allocators()))
        await allocation.update(service.spec, before.spec)
      })
    },
    async afterDelete(object: KubernetesObject) {
      await new ServiceAllocation(allocators(), keyOf(object), false).drop(object)
    },
  }
}

function familiesOf({ addresses }: Allocators) {
  return addresses.map(({ family }) => family)
}

async function claimed(
  allocation: ServiceAllocation,
  claim: (allocation: ServiceAllocation) => Promise<void>,
): Promise<ServiceAllocation> {
  try {
    await claim(allocation)
    return allocation
  } catch (error) {
    await allocation.release()
    throw error
  }
}

/**
 * clusterIP is the first of clusterIPs. Clients that know the one only change that one. Source:
 * kubernetes/pkg/registry/core/service/strategy.go, NormalizeClusterIPs.
 */
function matchAddressLists(spec: Writable<ServiceSpec>, previous: ServiceSpec | undefined): void {
  if (!previous) {
    if (spec.clusterIP && !spec.clusterIPs?.length) spec.clusterIPs = [spec.clusterIP]
    return
  }
  const primaryChanged = (spec.clusterIP ?? '') !== (previous.clusterIP ?? '')
  if (!primaryChanged || !jsonEqual(spec.clusterIPs ?? [], previous.clusterIPs ?? [])) return
  if (spec.clusterIP) spec.clusterIPs = [spec.clusterIP]
  else delete spec.clusterIPs
}
