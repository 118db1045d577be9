import { services } from '../../../api/generated/resources.ts'
import type { Clock } from '../../../machinery/clock.ts'
import type { Logger } from '../../../machinery/log.ts'
import type { Random } from '../../../machinery/random.ts'
import type { Store } from '../../../store/store.ts'
import type { Objects } from '../../objects.ts'
import type { StoreFeed } from '../../storage/store-feed.ts'
import { AddressAllocator } from './address-allocator.ts'
import { Claims } from './claims.ts'
import { PortAllocator, type PortRange } from './port-allocator.ts'
import { addressesOf, nodePortsOf, repairClaims, type Leaks } from './repair-claims.ts'
import type { Allocators } from './service-allocation.ts'

const repairPeriodMs = 180_000

export interface ServiceAllocatorOptions {
  readonly store: Store
  readonly feed: StoreFeed
  readonly random: Random
  readonly clock: Clock
  readonly log: Logger
  /** One, or one of each family. */
  readonly serviceCidrs: readonly string[]
  readonly nodePortRange: PortRange
}

/** Where the addresses and node ports of Services come from. */
export class ServiceAllocators implements Allocators {
  readonly addresses: readonly AddressAllocator[]
  readonly ports: PortAllocator
  readonly #options: ServiceAllocatorOptions
  readonly #addressClaims: Claims
  readonly #portClaims: Claims
  #leaks: { readonly addresses: Leaks; readonly ports: Leaks } = { addresses: new Set(), ports: new Set() }
  #stop: () => void = () => {}

  constructor(options: ServiceAllocatorOptions) {
    const { store, feed, random, serviceCidrs, nodePortRange } = options
    this.#options = options
    this.#addressClaims = new Claims('serviceips', store, feed)
    this.#portClaims = new Claims('servicenodeports', store, feed)
    this.addresses = serviceCidrs.map((cidr) => new AddressAllocator(cidr, this.#addressClaims, random))
    this.ports = new PortAllocator(nodePortRange, this.#portClaims, random)
  }

  /** Makes the claims right once, and looks again from time to time until `close`. */
  async keepRight(objects: Objects): Promise<void> {
    const { clock, log } = this.#options
    await this.#repair(objects)
    this.#stop = clock.after(repairPeriodMs, () => {
      this.keepRight(objects).catch((error: unknown) => {
        log.error('repairing the claims of services failed', { error: String(error) })
      })
    })
  }

  close(): void {
    this.#stop()
    this.#addressClaims.close()
    this.#portClaims.close()
  }

  async #repair(objects: Objects): Promise<void> {
    const { log } = this.#options
    const all = objects.list(services)
    this.#leaks = {
      addresses: await repairClaims(this.#addressClaims, all, addressesOf, this.#leaks.addresses, log),
      ports: await repairClaims(this.#portClaims, all, nodePortsOf, this.#leaks.ports, log),
    }
  }
}
