import { services } from '../../../api/generated/resources.ts'
import type { Clock } from '../../../machinery/clock.ts'
import type { Logger } from '../../../machinery/log.ts'
import type { Random } from '../../../machinery/random.ts'
import { keyOf } from '../../../machinery/resource.ts'
import type { Store } from '../../../store/store.ts'
import type { Objects } from '../../objects.ts'
import type { StoreFeed } from '../../storage/store-feed.ts'
import { Claims } from './claims.ts'
import { FamilyAllocator } from './family-allocator.ts'
import { IpAddressClaims } from './ip-address-claims.ts'
import { PortAllocator, type PortRange } from './port-allocator.ts'
import { addressesOf, nodePortsOf, repairClaims, type Leaks } from './repair-claims.ts'
import type { Allocators } from './service-allocation.ts'

const repairPeriodMs = 180_000

export interface ServiceAllocatorOptions {
  readonly store: Store
  readonly feed: StoreFeed
  /** There before the first Service is written. */
  readonly objects: () => Objects
  readonly random: Random
  readonly clock: Clock
  readonly log: Logger
  /** One, or one of each family. */
  readonly serviceCidrs: readonly string[]
  readonly nodePortRange: PortRange
}

/** Where the addresses and node ports of Services come from. */
export class ServiceAllocators implements Allocators {
  readonly addresses: readonly FamilyAllocator[]
  readonly ports: PortAllocator
  readonly #options: ServiceAllocatorOptions
  readonly #addressClaims: IpAddressClaims
  readonly #portClaims: Claims
  #leaks: { readonly addresses: Leaks; readonly ports: Leaks } = { addresses: new Set(), ports: new Set() }
  #stop: () => void = () => {}
  #unsubscribe: () => void = () => {}

  constructor(options: ServiceAllocatorOptions) {
    const { store, feed, random, objects, serviceCidrs, nodePortRange } = options
    this.#options = options
    this.#addressClaims = new IpAddressClaims(objects)
    this.#portClaims = new Claims('servicenodeports', store, feed)
    this.addresses = serviceCidrs.map(
      (cidr) => new FamilyAllocator(cidr, objects, this.#addressClaims, random),
    )
    this.ports = new PortAllocator(nodePortRange, this.#portClaims, random)
  }

  /** Makes the claims right once, and looks again from time to time and when an address is lost, until `close`. */
  async keepRight(): Promise<void> {
    await this.#repair()
    this.#unsubscribe = this.#addressClaims.onReleased((address) => this.#restore(address))
    this.#repairLater()
  }

  #repairLater(): void {
    const { clock, log } = this.#options
    this.#stop = clock.after(repairPeriodMs, () => {
      this.#repair()
        .catch((error: unknown) => {
          log.error('repairing the claims of services failed', { error: String(error) })
        })
        .finally(() => this.#repairLater())
    })
  }

  /** Somebody may have deleted the object of an address that a Service has. */
  #restore(address: string): void {
    const { log, objects } = this.#options
    const service = objects()
      .list(services)
      .find((candidate) => addressesOf(candidate).includes(address))
    if (!service) return
    this.#addressClaims.claim(address, keyOf(service)).catch((error: unknown) => {
      log.error('claiming the address of a service again failed', { address, error: String(error) })
    })
  }

  close(): void {
    this.#stop()
    this.#unsubscribe()
    this.#portClaims.close()
  }

  async #repair(): Promise<void> {
    const { log, objects } = this.#options
    const all = objects().list(services)
    this.#leaks = {
      addresses: await repairClaims(this.#addressClaims, all, addressesOf, this.#leaks.addresses, log),
      ports: await repairClaims(this.#portClaims, all, nodePortsOf, this.#leaks.ports, log),
    }
  }
}
