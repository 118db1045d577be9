import { isIPv6 } from 'node:net'

/** The address that a name under in-addr.arpa or ip6.arpa asks about; undefined for every other name. */
export function addressOfReverseName(name: string): string | undefined {
  if (name.endsWith('.in-addr.arpa')) {
    const octets = name.slice(0, -'.in-addr.arpa'.length).split('.').toReversed()
    const isAddress =
      octets.length === 4 && octets.every((octet) => /^\d{1,3}$/.test(octet) && Number(octet) <= 255)
    return isAddress ? octets.join('.') : undefined
  }
  if (!name.endsWith('.ip6.arpa')) return undefined
  const nibbles = name.slice(0, -'.ip6.arpa'.length).split('.').toReversed()
  if (nibbles.length !== 32 || !nibbles.every((nibble) => /^[0-9a-f]$/.test(nibble))) return undefined
  return canonicalAddress(nibbles.join('').replaceAll(/(.{4})(?=.)/g, '$1:'))
}

/** The shortest form of an address, as Kubernetes writes it. */
export function canonicalAddress(address: string): string {
  return isIPv6(address) ? new URL(`http://[${address}]`).hostname.slice(1, -1) : address
}
