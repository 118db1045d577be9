import type { Random } from '../../../machinery/random.ts'
import { AllocationError } from './address-allocator.ts'
import type { Claims } from './claims.ts'
import { candidates, portBand } from './number-band.ts'

/** Both ends belong to it. */
export interface PortRange {
  readonly first: number
  readonly last: number
}

/** As upstream's --service-node-port-range. */
export const defaultNodePortRange: PortRange = { first: 30_000, last: 32_767 }

/** Gives out the node ports, each once. */
export class PortAllocator {
  readonly #range: PortRange
  readonly #claims: Claims
  readonly #random: Random

  constructor(range: PortRange, claims: Claims, random: Random) {
    this.#range = range
    this.#claims = claims
    this.#random = random
  }

  /** Claims exactly this port. Throws AllocationError. */
  async claim(port: number, owner: string, dryRun: boolean): Promise<void> {
    const { first, last } = this.#range
    if (port < first || port > last) {
      throw new AllocationError(
        `provided port is not in the valid range. The range of valid ports is ${first}-${last}`,
      )
    }
    const found = this.#claims.ownerOf(String(port))
    const isFree = dryRun
      ? found === undefined || found === owner
      : await this.#claims.claim(String(port), owner)
    if (!isFree) throw new AllocationError('provided port is already allocated')
  }

  /** Claims any free port but those in `except`. Throws AllocationError. */
  async claimAny(owner: string, dryRun: boolean, except: ReadonlySet<number>): Promise<number> {
    const { first, last } = this.#range
    for (const number of candidates(portBand(last - first + 1), this.#random)) {
      const port = first + number
      if (except.has(port) || this.#claims.ownerOf(String(port)) !== undefined) continue
      if (dryRun || (await this.#claims.claim(String(port), owner))) return port
    }
    throw new AllocationError('range is full')
  }

  async release(port: number, owner: string): Promise<void> {
    await this.#claims.release(String(port), owner)
  }
}
