import { isIPv6 } from 'node:net'
import type { ServiceCIDR } from '../../../api/generated/networking.v1.ts'
import { serviceCIDRs } from '../../../api/generated/resources.ts'
import { isConditionFalse } from '../../../machinery/conditions.ts'
import type { Random } from '../../../machinery/random.ts'
import type { Objects } from '../../objects.ts'
import { AddressAllocator, AllocationError } from './address-allocator.ts'
import type { OwnedItems } from './claims.ts'
import type { Family } from './service-families.ts'

/**
 * Gives out the addresses of one family from all ServiceCIDRs that are ready and stay. Source:
 * kubernetes/pkg/registry/core/service/ipallocator/cidrallocator.go.
 */
export class FamilyAllocator {
  readonly family: Family
  /** The address of the Service `kubernetes`. */
  readonly first: string
  readonly #objects: () => Objects
  readonly #claims: OwnedItems
  readonly #random: Random
  /** By range. */
  readonly #allocators = new Map<string, AddressAllocator>()

  /** `cidr`: the range that the cluster was started with. */
  constructor(cidr: string, objects: () => Objects, claims: OwnedItems, random: Random) {
    this.#objects = objects
    this.#claims = claims
    this.#random = random
    const own = this.#allocatorOf(cidr)
    this.family = own.family
    this.first = own.first
  }

  /** Claims exactly this address. Throws AllocationError. */
  async claim(address: string, owner: string, dryRun: boolean): Promise<void> {
    const allocator = this.#ready().find((candidate) => candidate.contains(address))
    if (!allocator) throw new AllocationError('the provided network does not match the current range')
    await allocator.claim(address, owner, dryRun)
  }

  /** Claims any free address. Throws AllocationError. */
  async claimAny(owner: string, dryRun: boolean): Promise<string> {
    for (const allocator of this.#ready()) {
      try {
        return await allocator.claimAny(owner, dryRun)
      } catch (error) {
        if (!(error instanceof AllocationError)) throw error
      }
    }
    throw new AllocationError('range is full')
  }

  /** Whatever became of its range. */
  async release(address: string, owner: string): Promise<void> {
    await this.#claims.release(address, owner)
  }

  #ready(): readonly AddressAllocator[] {
    const wanted = this.family === 'IPv6'
    const cidrs = this.#objects()
      .list(serviceCIDRs)
      .filter(isReady)
      .flatMap(({ spec }) => spec?.cidrs ?? [])
      .filter((cidr) => isIPv6(cidr.slice(0, cidr.indexOf('/'))) === wanted)
    return [...new Set(cidrs)].map((cidr) => this.#allocatorOf(cidr))
  }

  #allocatorOf(cidr: string): AddressAllocator {
    let allocator = this.#allocators.get(cidr)
    if (!allocator) {
      allocator = new AddressAllocator(cidr, this.#claims, this.#random)
      this.#allocators.set(cidr, allocator)
    }
    return allocator
  }
}

/** One that nobody has looked at yet counts as ready. */
function isReady({ metadata, status }: ServiceCIDR): boolean {
  return !metadata?.deletionTimestamp && !isConditionFalse(status?.conditions, 'Ready')
}
