import type { IPAddress, ServiceCIDR } from '../../api/generated/networking.v1.ts'
import { ipAddresses, serviceCIDRs } from '../../api/generated/resources.ts'
import { again, done, on, type Reconciler } from '../../client/reconciler.ts'
import { setCondition } from '../../machinery/conditions.ts'
import {
  cidrContains,
  networkAddress,
  lastAddress,
  parseCidr,
  parseIp,
  type Cidr,
} from '../../machinery/ip.ts'
import { isDeleting } from '../../machinery/owner.ts'
import { keyOf } from '../../machinery/resource.ts'
import { hasFinalizer, withFinalizer, withoutFinalizer } from '../protection/finalizers.ts'

export const serviceCidrProtection = 'networking.k8s.io/service-cidr-finalizer'

/** So long every API server may take to see that a range goes, and give out no more of its addresses. */
const deletionGraceMs = 10_000
const managedByLabel = 'ipaddress.kubernetes.io/managed-by'
const allocator = 'ipallocator.k8s.io'

/**
 * Keeps a range of Services' addresses for as long as addresses would be left without one, and says whether addresses are
 * given out of it. Source: kubernetes/pkg/controller/servicecidrs.
 */
export const serviceCidrsReconciler: Reconciler = {
  name: 'service-cidrs',
  watches: [
    // Any range may be what another one's addresses fall back to.
    on(serviceCIDRs, (_, { cache }) => cache(serviceCIDRs).list().map(keyOf)),
    on(ipAddresses, (address, { cache }) => {
      const all = cache(serviceCIDRs).list()
      return all.filter((cidr) => isDeleting(cidr) && contains(cidr, address)).map(keyOf)
    }),
  ],

  async reconcile(key, { client, cache, clock }) {
    const serviceCidr = cache(serviceCIDRs).get(key)
    if (!serviceCidr) return done
    const setReady = async (condition: ReadyCondition) => {
      const before = serviceCidr.status?.conditions ?? []
      const conditions = setCondition(before, { type: 'Ready', ...condition }, clock.now())
      if (conditions !== before)
        await client.update(
          serviceCIDRs,
          { ...serviceCidr, status: { conditions } },
          { subresource: 'status' },
        )
    }
    if (!isDeleting(serviceCidr)) {
      if (!hasFinalizer(serviceCidr, serviceCidrProtection)) {
        await client.update(serviceCIDRs, withFinalizer(serviceCidr, serviceCidrProtection))
        return done
      }
      await setReady(ready)
      return done
    }
    if (!hasFinalizer(serviceCidr, serviceCidrProtection)) return done
    if (!mayGo(serviceCidr, cache(serviceCIDRs).list(), cache(ipAddresses).list())) {
      await setReady(terminating)
      return done
    }
    const since = clock.now() - Date.parse(serviceCidr.metadata?.deletionTimestamp ?? '')
    if (since < deletionGraceMs) return again(deletionGraceMs - since)
    await client.update(serviceCIDRs, withoutFinalizer(serviceCidr, serviceCidrProtection))
    return done
  },
}

interface ReadyCondition {
  readonly status: 'True' | 'False'
  readonly reason: string
  readonly message: string
}

const ready: ReadyCondition = {
  status: 'True',
  reason: '',
  message: 'Kubernetes Service CIDR is ready',
}

const terminating: ReadyCondition = {
  status: 'False',
  reason: 'Terminating',
  message:
    'There are still IPAddresses referencing the ServiceCIDR, please remove them or create a new ServiceCIDR',
}

/** Whether no address of a Service would be without a range. */
export function mayGo(
  serviceCidr: ServiceCIDR,
  all: readonly ServiceCIDR[],
  addresses: readonly IPAddress[],
): boolean {
  const others = all.filter((other) => keyOf(other) !== keyOf(serviceCidr))
  if (rangesOf(serviceCidr).every((range) => others.some((other) => covers(other, range)))) return true
  return !addresses.some(
    (address) =>
      address.metadata?.labels?.[managedByLabel] === allocator &&
      contains(serviceCidr, address) &&
      !others.some((other) => contains(other, address)),
  )
}

function rangesOf({ spec }: ServiceCIDR): readonly Cidr[] {
  return (spec?.cidrs ?? []).flatMap((text) => parseCidr(text) ?? [])
}

function covers(serviceCidr: ServiceCIDR, range: Cidr): boolean {
  return rangesOf(serviceCidr).some(
    (own) => own.prefixLength <= range.prefixLength && cidrContains(own, range.address),
  )
}

/** Neither a network's own address nor, in IPv4, its broadcast address is given out of it. */
function contains(serviceCidr: ServiceCIDR, { metadata }: IPAddress): boolean {
  const address = parseIp(metadata?.name ?? '')
  return (
    address !== undefined &&
    rangesOf(serviceCidr).some((range) => {
      if (!cidrContains(range, address) || networkAddress(range).value === address.value) return false
      return address.family === 6 || lastAddress(range).value !== address.value
    })
  )
}
