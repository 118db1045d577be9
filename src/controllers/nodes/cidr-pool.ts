import {
  addressAt,
  cidrContains,
  formatCidr,
  ipBits,
  networkAddress,
  parseCidr,
  type Cidr,
} from '../../machinery/ip.ts'

/** The networks of one size within a larger one, of which each is given out once. */
export interface CidrPool {
  readonly family: 4 | 6
  /** A network that nobody has; undefined when there is none left. */
  allocate(): string | undefined
  /** Marks a network (of any size) as taken; false when it is not of this pool. */
  occupy(cidr: string): boolean
  release(cidr: string): void
}

/** Networks with `nodePrefixLength` out of `cluster`. Throws a RangeError when they do not fit. */
export function createCidrPool(cluster: string, nodePrefixLength: number): CidrPool {
  const range = parseCidr(cluster)
  if (!range) throw new RangeError(`${cluster} is not a network`)
  const bits = nodePrefixLength - range.prefixLength
  if (bits < 0 || bits > 32 || nodePrefixLength > ipBits(range.address.family))
    throw new RangeError(`${cluster} cannot be divided into networks of /${nodePrefixLength}`)
  const { family } = range.address
  const size = 2 ** bits
  const step = 1n << BigInt(ipBits(family) - nodePrefixLength)
  const taken = new Map<number, number>()
  let cursor = 0

  /** The places that a network covers; undefined when it lies outside. */
  function placesOf(text: string): { readonly first: number; readonly last: number } | undefined {
    const cidr = parseCidr(text)
    if (!cidr || cidr.address.family !== family || !overlaps(range!, cidr)) return undefined
    if (cidr.prefixLength <= range!.prefixLength) return { first: 0, last: size - 1 }
    const offset = networkAddress(cidr).value - networkAddress(range!).value
    const first = Number(offset / step)
    const count = cidr.prefixLength >= nodePrefixLength ? 1 : 2 ** (nodePrefixLength - cidr.prefixLength)
    return { first, last: first + count - 1 }
  }

  function count(text: string, by: 1 | -1): boolean {
    const places = placesOf(text)
    if (!places) return false
    for (let place = places.first; place <= places.last; place++) {
      const users = (taken.get(place) ?? 0) + by
      if (users > 0) taken.set(place, users)
      else taken.delete(place)
    }
    return true
  }

  return {
    family,
    allocate() {
      if (taken.size >= size) return undefined
      while (taken.has(cursor)) cursor = (cursor + 1) % size
      const place = cursor
      taken.set(place, 1)
      cursor = (cursor + 1) % size
      return formatCidr({ address: addressAt(range, BigInt(place) * step), prefixLength: nodePrefixLength })
    },
    occupy: (cidr) => count(cidr, 1),
    release: (cidr) => void count(cidr, -1),
  }
}

function overlaps(a: Cidr, b: Cidr): boolean {
  return cidrContains(a, b.address) || cidrContains(b, a.address)
}
