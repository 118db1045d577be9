/**
 * IP addresses and networks (RFC 791, 4291, 4632) as numbers. The text form is RFC 5952's; an IPv4 address inside IPv6
 * (`::ffff:1.2.3.4`) is kept apart from the plain IPv4 address.
 */
export interface IpAddress {
  readonly family: 4 | 6
  /** 32 or 128 bits. */
  readonly value: bigint
}

export interface Cidr {
  /** As written, with the bits beyond the prefix; see networkAddress. */
  readonly address: IpAddress
  readonly prefixLength: number
}

export interface IpParseOptions {
  /** As upstream's ParseIPSloppy: `010.0.0.1` is 10.0.0.1. Default false. */
  readonly allowLeadingZeros?: boolean
}

/** Undefined when the text is no address. Zones (`fe80::1%eth0`) are none. */
export function parseIp(
  text: string,
  { allowLeadingZeros = false }: IpParseOptions = {},
): IpAddress | undefined {
  const value = text.includes(':') ? parseIpv6(text, allowLeadingZeros) : parseIpv4(text, allowLeadingZeros)
  return value === undefined ? undefined : { family: text.includes(':') ? 6 : 4, value }
}

function parseIpv4(text: string, allowLeadingZeros: boolean): bigint | undefined {
  const parts = text.split('.')
  if (parts.length !== 4) return undefined
  let value = 0
  for (const part of parts) {
    if (!(allowLeadingZeros ? /^[0-9]+$/ : /^(0|[1-9][0-9]{0,2})$/).test(part)) return undefined
    const octet = Number(part)
    if (octet > 255) return undefined
    value = value * 256 + octet
  }
  return BigInt(value)
}

function parseIpv6(text: string, allowLeadingZeros: boolean): bigint | undefined {
  const lastColon = text.lastIndexOf(':')
  let groupsText = text
  let embedded: bigint | undefined
  if (text.includes('.')) {
    embedded = parseIpv4(text.slice(lastColon + 1), allowLeadingZeros)
    if (embedded === undefined) return undefined
    groupsText = `${text.slice(0, lastColon + 1)}${(embedded >> 16n).toString(16)}:${(embedded & 0xffffn).toString(16)}`
  }
  const [head = '', tail, ...more] = groupsText.split('::')
  if (more.length > 0) return undefined
  const before = parseGroups(head, allowLeadingZeros)
  const after = tail === undefined ? [] : parseGroups(tail, allowLeadingZeros)
  if (!before || !after) return undefined
  const missing = 8 - before.length - after.length
  if (tail === undefined ? missing !== 0 : missing < 1) return undefined
  return [...before, ...Array.from({ length: missing }, () => 0), ...after].reduce(
    (value, group) => (value << 16n) | BigInt(group),
    0n,
  )
}

function parseGroups(text: string, allowLeadingZeros: boolean): number[] | undefined {
  if (text === '') return []
  const groups: number[] = []
  for (const part of text.split(':')) {
    if (!(allowLeadingZeros ? /^[0-9a-fA-F]+$/ : /^[0-9a-fA-F]{1,4}$/).test(part)) return undefined
    const group = Number.parseInt(part, 16)
    if (group > 0xffff) return undefined
    groups.push(group)
  }
  return groups
}

/** `10.0.0.1`, `fd00::1`, `::ffff:10.0.0.1`. */
export function formatIp(address: IpAddress): string {
  const { family, value } = address
  if (family === 4) return formatIpv4(value)
  if (isIpv4Mapped(address)) return `::ffff:${formatIpv4(value & 0xffff_ffffn)}`
  const groups = Array.from({ length: 8 }, (_, index) =>
    Number((value >> BigInt(112 - 16 * index)) & 0xffffn),
  )
  const zeros = longestZeroRun(groups)
  const text = (part: readonly number[]) => part.map((group) => group.toString(16)).join(':')
  if (zeros.length < 2) return text(groups)
  return `${text(groups.slice(0, zeros.start))}::${text(groups.slice(zeros.start + zeros.length))}`
}

function formatIpv4(value: bigint): string {
  const bits = Number(value)
  return [24, 16, 8, 0].map((shift) => (bits >>> shift) & 255).join('.')
}

function longestZeroRun(groups: readonly number[]): { start: number; length: number } {
  let best = { start: 0, length: 0 }
  for (let start = 0; start < groups.length; start++) {
    let length = 0
    while (groups[start + length] === 0) length++
    if (length > best.length) best = { start, length }
    start += length
  }
  return best
}

/** An IPv4 address written as IPv6: `::ffff:10.0.0.1`. */
export function isIpv4Mapped({ family, value }: IpAddress): boolean {
  return family === 6 && value >> 32n === 0xffffn
}

/** The IPv4 address inside an IPv4-mapped one; any other address as it is. */
export function unmapIp(address: IpAddress): IpAddress {
  return isIpv4Mapped(address) ? { family: 4, value: address.value & 0xffff_ffffn } : address
}

export function ipBits(family: 4 | 6): 32 | 128 {
  return family === 4 ? 32 : 128
}

/** Undefined when the text is no network: `10.0.0.0/24`, `fd00::/64`. Bits beyond the prefix are kept. */
export function parseCidr(text: string, options: IpParseOptions = {}): Cidr | undefined {
  const slash = text.indexOf('/')
  if (slash < 0) return undefined
  const address = parseIp(text.slice(0, slash), options)
  const prefix = text.slice(slash + 1)
  const prefixFormat = options.allowLeadingZeros ? /^[0-9]+$/ : /^(0|[1-9][0-9]*)$/
  if (!address || !prefixFormat.test(prefix)) return undefined
  const prefixLength = Number(prefix)
  return prefixLength <= ipBits(address.family) ? { address, prefixLength } : undefined
}

/** `10.0.0.0/24`, with the bits beyond the prefix as they are. */
export function formatCidr({ address, prefixLength }: Cidr): string {
  return `${formatIp(address)}/${prefixLength}`
}

/** The network's first address: all bits beyond the prefix are zero. */
export function networkAddress({ address: { family, value }, prefixLength }: Cidr): IpAddress {
  const hostBits = BigInt(ipBits(family) - prefixLength)
  return { family, value: (value >> hostBits) << hostBits }
}

/** The network's last address. */
export function lastAddress(cidr: Cidr): IpAddress {
  const { family, value } = networkAddress(cidr)
  return { family, value: value + cidrSize(cidr) - 1n }
}

/** How many addresses the network has. */
export function cidrSize({ address, prefixLength }: Cidr): bigint {
  return 1n << BigInt(ipBits(address.family) - prefixLength)
}

export function cidrContains(cidr: Cidr, address: IpAddress): boolean {
  if (cidr.address.family !== address.family) return false
  return networkAddress({ address, prefixLength: cidr.prefixLength }).value === networkAddress(cidr).value
}

/** The address `offset` places after the network's first one. */
export function addressAt(cidr: Cidr, offset: bigint | number): IpAddress {
  const { family, value } = networkAddress(cidr)
  return { family, value: value + BigInt(offset) }
}
