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
  /** The larger network, as it was given. */
  readonly cluster: string
  /** How many networks there are in all, and how many of them are taken. */
  readonly size: number
  readonly taken: number
  /** A network that nobody has; undefined when there is none left. */
  allocate(): string | undefined
  /** Marks a network (of any size) as taken; false when it is not of this pool. */
  occupy(cidr: string): boolean
  release(cidr: string): void
}

/** Told of each network that is taken and of each that is free again. */
interface PoolWatcher {
  /** `tries`: how many that were taken already were looked at before it was given out; absent when it was named. */
  taken(tries?: number): void
  released(): void
}

/** Networks with `nodePrefixLength` out of `cluster`. Throws a RangeError when they do not fit. */
export function createCidrPool(cluster: string, nodePrefixLength: number, watcher?: PoolWatcher): CidrPool {
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
      const before = taken.get(place) ?? 0
      const users = before + by
      if (users > 0) taken.set(place, users)
      else taken.delete(place)
      if (before === 0 && users > 0) watcher?.taken()
      if (before > 0 && users <= 0) watcher?.released()
    }
    return true
  }

  return {
    family,
    cluster,
    size,
    get taken() {
      return taken.size
    },
    allocate() {
      if (taken.size >= size) return undefined
      let tries = 0
      for (; taken.has(cursor); tries++) cursor = (cursor + 1) % size
      const place = cursor
      taken.set(place, 1)
      watcher?.taken(tries)
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
