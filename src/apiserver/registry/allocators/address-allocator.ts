import {
  addressAt,
  cidrContains,
  cidrSize,
  formatCidr,
  formatIp,
  lastAddress,
  networkAddress,
  parseCidr,
  parseIp,
  type Cidr,
} from '../../../machinery/ip.ts'
import type { Random } from '../../../machinery/random.ts'
import type { OwnedItems } from './claims.ts'
import { addressBand, candidates, type NumberBand } from './number-band.ts'

/** What is wrong with an address or a port that somebody wants. */
export class AllocationError extends Error {
  constructor(message: string) {
    super(message)
    this.name = 'AllocationError'
  }
}

/** As many addresses are tried at random; a larger range is as good as endless. */
const maxTriedAddresses = 65_536

/** Gives out the addresses of one range, each once. */
export class AddressAllocator {
  readonly family: 'IPv4' | 'IPv6'
  readonly #cidr: Cidr
  readonly #claims: OwnedItems
  readonly #random: Random
  readonly #band: NumberBand

  /** `cidr` as in --service-cluster-ip-range. Throws when it is none. */
  constructor(cidr: string, claims: OwnedItems, random: Random) {
    const parsed = parseCidr(cidr)
    if (!parsed) throw new Error(`${cidr} is not a range of addresses`)
    this.#cidr = parsed
    this.#claims = claims
    this.#random = random
    this.family = parsed.address.family === 4 ? 'IPv4' : 'IPv6'
    // Neither the network's own address nor, in IPv4, the broadcast address.
    const reserved = parsed.address.family === 4 ? 2n : 1n
    const size = cidrSize(parsed) - reserved
    const usable = size < 1n ? 0 : Number(size > BigInt(maxTriedAddresses) ? maxTriedAddresses : size)
    this.#band = addressBand(usable)
  }

  /** The address of the Service `kubernetes`. */
  get first(): string {
    return this.#at(0)
  }

  /** Neither the network's own address nor, in IPv4, its broadcast address is given out. */
  contains(address: string): boolean {
    const parsed = parseIp(address)
    if (!parsed || !cidrContains(this.#cidr, parsed)) return false
    if (parsed.value === networkAddress(this.#cidr).value) return false
    return parsed.family === 6 || parsed.value !== lastAddress(this.#cidr).value
  }

  /** Claims exactly this address, which the range contains. Throws AllocationError. */
  async claim(address: string, owner: string, dryRun: boolean): Promise<void> {
    const parsed = parseIp(address)
    if (!parsed || !this.contains(address)) {
      throw new AllocationError(
        `the provided IP (${address}) is not in the valid range. The range of valid IPs is ${formatCidr(this.#cidr)}`,
      )
    }
    const item = formatIp(parsed)
    const isFree = dryRun ? this.#isFreeFor(item, owner) : await this.#claims.claim(item, owner)
    if (!isFree) throw new AllocationError('provided IP is already allocated')
  }

  /** Claims any free address. Throws AllocationError. */
  async claimAny(owner: string, dryRun: boolean): Promise<string> {
    for (const number of candidates(this.#band, this.#random)) {
      const address = this.#at(number)
      if (this.#claims.ownerOf(address) !== undefined) continue
      if (dryRun || (await this.#claims.claim(address, owner))) return address
    }
    throw new AllocationError('range is full')
  }

  #at(number: number): string {
    return formatIp(addressAt(this.#cidr, number + 1))
  }

  #isFreeFor(item: string, owner: string): boolean {
    const found = this.#claims.ownerOf(item)
    return found === undefined || found === owner
  }
}
