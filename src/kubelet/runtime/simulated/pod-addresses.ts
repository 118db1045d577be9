import { addressAt, formatIp, parseCidr } from '../../../machinery/ip.ts'
import { RuntimeError } from '../runtime-error.ts'

/** Gives pods addresses of a range, in turn, as long as one is free. */
export interface PodAddresses {
  next(): string
  release(addresses: readonly string[]): void
  /** From now on addresses are of this range. Throws a RuntimeError when it is none. */
  moveTo(podCIDR: string): void
}

export function createPodAddresses(podCIDR: string): PodAddresses {
  const taken = new Set<string>()
  let range = rangeOf(podCIDR)
  let last = 1
  return {
    next() {
      for (;;) {
        const address = formatIp(addressAt(range, ++last))
        if (taken.has(address)) continue
        taken.add(address)
        return address
      }
    },
    release(addresses) {
      for (const address of addresses) taken.delete(address)
    },
    moveTo(newPodCIDR) {
      range = rangeOf(newPodCIDR)
      last = 1
    },
  }
}

function rangeOf(podCIDR: string) {
  const range = parseCidr(podCIDR)
  if (!range) throw new RuntimeError('invalidArgument', `invalid CIDR address: ${podCIDR}`)
  return range
}
