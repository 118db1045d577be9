/** A range of IPv4 addresses. */
export interface Cidr {
  /** The first address as a number. */
  readonly base: number
  readonly prefixLength: number
}

/** `10.0.0.0/8`; a bare address is a range of one. Throws TypeError. */
export function parseCidr(text: string): Cidr {
  const [address = '', length = '32'] = text.split('/')
  const prefixLength = Number(length)
  const octets = address.split('.').map(Number)
  const valid =
    octets.length === 4 && octets.every((octet) => Number.isInteger(octet) && octet >= 0 && octet <= 255)
  if (!valid || !Number.isInteger(prefixLength) || prefixLength < 0 || prefixLength > 32) {
    throw new TypeError(`not an IPv4 range: ${text}`)
  }
  const value = octets.reduce((sum, octet) => sum * 256 + octet, 0)
  return { base: value - (value % sizeOf(prefixLength)), prefixLength }
}

export function overlaps(one: Cidr, other: Cidr): boolean {
  return (
    one.base < other.base + sizeOf(other.prefixLength) && other.base < one.base + sizeOf(one.prefixLength)
  )
}

export function formatIpv4(address: number): string {
  return [24, 16, 8, 0].map((shift) => Math.floor(address / 2 ** shift) % 256).join('.')
}

function sizeOf(prefixLength: number): number {
  return 2 ** (32 - prefixLength)
}
