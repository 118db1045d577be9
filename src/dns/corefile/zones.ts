import { isIP, isIPv6 } from 'node:net'
import { CorefileError } from './corefile-error.ts'

/** Domains of one word: `example.org`, `.`, or a network, `10.0.0.0/8`, whose reverse names are meant. */
export function zonesOf(word: string, line: number): string[] {
  const [address = '', bits, ...rest] = word.split('/')
  if (bits !== undefined && rest.length === 0 && isIP(address))
    return reverseZones(address, Number(bits), line)
  const zone = word.toLowerCase().replace(/\.$/, '')
  const isZone = zone === '' || zone.split('.').every((label) => /^[^\s/:{}()*]{1,63}$/.test(label))
  if (!isZone || zone.length > 253) throw new CorefileError(line, `'${word}' is not a domain`)
  return [zone]
}

/** Where a network does not end at a label, every zone that has part of it is meant whole, as CoreDNS does. */
function reverseZones(address: string, bits: number, line: number): string[] {
  const width = isIPv6(address) ? 4 : 8
  const labels = isIPv6(address) ? nibbles(address) : address.split('.')
  if (!Number.isInteger(bits) || bits < 0 || bits > labels.length * width) {
    throw new CorefileError(line, `'${address}/${bits}' is not a network`)
  }
  const suffix = isIPv6(address) ? 'ip6.arpa' : 'in-addr.arpa'
  const whole = Math.floor(bits / width)
  const fixed = labels.slice(0, whole)
  const nameOf = (parts: readonly string[]) => [...parts.toReversed(), suffix].join('.')
  if (bits % width === 0) return [nameOf(fixed)]
  const radix = width === 4 ? 16 : 10
  const count = 2 ** (width - (bits % width))
  const first = Math.floor(Number.parseInt(labels[whole]!, radix) / count) * count
  return Array.from({ length: count }, (_, index) => nameOf([...fixed, (first + index).toString(radix)]))
}

function nibbles(address: string): string[] {
  const canonical = new URL(`http://[${address}]`).hostname.slice(1, -1)
  const [head = '', tail] = canonical.split('::')
  const groupsOf = (text: string) => (text === '' ? [] : text.split(':'))
  const after = groupsOf(tail ?? '')
  const before = groupsOf(head)
  const zeros = Array.from({ length: 8 - before.length - after.length }, () => '0')
  const groups = tail === undefined ? before : [...before, ...zeros, ...after]
  return groups.flatMap((group) => group.padStart(4, '0').split(''))
}
