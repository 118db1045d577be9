import {
  cidrContains,
  formatCidr,
  formatIp,
  networkAddress,
  parseCidr,
  parseIp,
  unmapIp,
  type Cidr,
} from '../machinery/ip.ts'

export type Family = 'IPv4' | 'IPv6'

export interface FamilyAddress {
  readonly address: string
  readonly family: Family
}

const sloppily = { allowLeadingZeros: true }

/**
 * The one spelling of an address: the kernel takes `FD00::1` and `fd00:0::1` for the same, so that two spellings in one
 * map are a mistake. Undefined when the text is no address.
 */
export function canonicalAddress(text: string): FamilyAddress | undefined {
  const parsed = parseIp(text, sloppily)
  if (!parsed) return undefined
  const address = unmapIp(parsed)
  return { address: formatIp(address), family: address.family === 4 ? 'IPv4' : 'IPv6' }
}

/** Those of the addresses that are of this family, each once. */
export function addressesOf(family: Family, addresses: readonly (string | undefined)[]): readonly string[] {
  const found = addresses.flatMap((text) => (text === undefined ? [] : (canonicalAddress(text) ?? [])))
  return [...new Set(found.filter((one) => one.family === family).map(({ address }) => address))]
}

/**
 * Those of the networks that are of this family, as few as say the same: the kernel refuses elements that overlap. Text
 * that is no network counts for nothing.
 */
export function networksOf(family: Family, texts: readonly string[]): readonly string[] {
  const networks = texts
    .flatMap((text) => parseCidr(text.trim(), sloppily) ?? [])
    .filter(({ address }) => (address.family === 4) === (family === 'IPv4'))
    .map((cidr): Cidr => ({ ...cidr, address: networkAddress(cidr) }))
    .sort((a, b) => a.prefixLength - b.prefixLength)
  const apart: Cidr[] = []
  for (const network of networks) {
    if (!apart.some((wider) => cidrContains(wider, network.address))) apart.push(network)
  }
  return apart.map(formatCidr)
}

export function isInNetworks(address: string, networks: readonly string[]): boolean {
  const parsed = parseIp(address)
  if (!parsed) return false
  return networks.some((network) => {
    const cidr = parseCidr(network)
    return cidr !== undefined && cidrContains(cidr, parsed)
  })
}
