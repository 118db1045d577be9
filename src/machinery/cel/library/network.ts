import { goQuote } from '../../go-format.ts'
import {
  cidrContains,
  formatCidr,
  formatIp,
  isIpv4Mapped,
  networkAddress,
  parseCidr,
  parseIp,
  type Cidr,
  type IpAddress,
} from '../../ip.ts'
import { CelError } from '../error.ts'
import { opaqueType } from '../types.ts'
import { CelOpaque } from '../values/opaque.ts'
import type { CelValue } from '../values/value.ts'
import { globalFunction, memberFunction, type Library } from './function.ts'

/** Source: k8s.io/apiserver/pkg/cel/library/ip.go and cidr.go. */

const ipType = opaqueType('net.IP')
const cidrType = opaqueType('net.CIDR')

class CelIp extends CelOpaque {
  override readonly type = ipType
  readonly address: IpAddress

  constructor(address: IpAddress) {
    super()
    this.address = address
  }

  override equals(other: CelValue): boolean {
    return other instanceof CelIp && formatIp(this.address) === formatIp(other.address)
  }

  override get costSize(): number {
    return this.address.family === 4 ? 4 : 16
  }
}

class CelCidr extends CelOpaque {
  override readonly type = cidrType
  readonly cidr: Cidr

  constructor(cidr: Cidr) {
    super()
    this.cidr = cidr
  }

  override equals(other: CelValue): boolean {
    return other instanceof CelCidr && formatCidr(this.cidr) === formatCidr(other.cidr)
  }

  override get costSize(): number {
    return Math.ceil(this.cidr.prefixLength / 8)
  }
}

function parseAddress(text: string): CelIp {
  const address = parseIp(text)
  if (!address) {
    const zone = text.indexOf('%')
    if (zone > 0 && zone < text.length - 1 && parseIp(text.slice(0, zone))?.family === 6) {
      throw new CelError(`IP address ${goQuote(text)} with zone value is not allowed`)
    }
    const problem = `ParseAddr(${goQuote(text)}): ${addressProblem(text)}`
    throw new CelError(`IP Address ${goQuote(text)} parse error during conversion from string: ${problem}`)
  }
  if (isIpv4Mapped(address)) throw new CelError(`IPv4-mapped IPv6 address ${goQuote(text)} is not allowed`)
  return new CelIp(address)
}

/** As netip words the common mistakes. */
function addressProblem(text: string): string {
  const first = /[.:%]/.exec(text)?.[0]
  if (first === undefined) return 'unable to parse IP'
  if (first === '%') return 'missing IPv6 address'
  if (first === ':') return 'unexpected character, want colon'
  if (/[^0-9.]/.test(text)) return 'unexpected character'
  const fields = text.split('.')
  if (fields.some((field) => Number(field) > 255)) return 'IPv4 field has value >255'
  if (fields.some((field) => /^0[0-9]/.test(field))) return 'IPv4 field has octet with leading zero'
  if (fields.length > 4) return 'IPv4 address too long'
  return fields.length < 4 ? 'IPv4 address too short' : 'IPv4 field must have at least one digit'
}

const conversion = 'network address parse error during conversion from string'

function parseNetwork(text: string): CelCidr {
  const cidr = parseCidr(text)
  if (!cidr) {
    const problem = text.includes('/') ? networkProblem(text) : "no '/'"
    throw new CelError(`${conversion}: ${conversion}: netip.ParsePrefix(${goQuote(text)}): ${problem}`)
  }
  if (isIpv4Mapped(cidr.address)) {
    throw new CelError(`${conversion}: IPv4-mapped IPv6 address ${goQuote(text)} is not allowed`)
  }
  return new CelCidr(cidr)
}

function networkProblem(text: string): string {
  const slash = text.lastIndexOf('/')
  const [address, bits] = [text.slice(0, slash), text.slice(slash + 1)]
  if (!parseIp(address)) return `ParseAddr(${goQuote(address)}): ${addressProblem(address)}`
  if (!/^(?:0|[1-9][0-9]*)$/.test(bits)) return `bad bits after slash: ${goQuote(bits)}`
  return 'prefix length out of range'
}

function succeeds(parse: (text: string) => unknown, text: string): boolean {
  try {
    parse(text)
    return true
  } catch (error) {
    if (error instanceof CelError) return false
    throw error
  }
}

function within(network: string, address: IpAddress): boolean {
  return cidrContains(parseCidr(network)!, address)
}

function isLoopback({ address }: CelIp): boolean {
  return address.family === 4 ? within('127.0.0.0/8', address) : address.value === 1n
}

function isUnspecified({ address }: CelIp): boolean {
  return address.value === 0n
}

function isMulticast({ address }: CelIp): boolean {
  return within(address.family === 4 ? '224.0.0.0/4' : 'ff00::/8', address)
}

function isLinkLocalMulticast({ address }: CelIp): boolean {
  if (address.family === 4) return within('224.0.0.0/24', address)
  return address.value >> 120n === 0xffn && ((address.value >> 112n) & 0xfn) === 2n
}

function isLinkLocalUnicast({ address }: CelIp): boolean {
  return within(address.family === 4 ? '169.254.0.0/16' : 'fe80::/10', address)
}

function isGlobalUnicast(ip: CelIp): boolean {
  const isBroadcast = ip.address.family === 4 && ip.address.value === 0xffff_ffffn
  return !isUnspecified(ip) && !isLoopback(ip) && !isMulticast(ip) && !isLinkLocalUnicast(ip) && !isBroadcast
}

const text = ({ address }: CelIp) => formatIp(address)

export const ipLibrary: Library = {
  since: 30,
  types: [ipType],
  functions: [
    globalFunction('ip', 'string_to_ip', ['string'], 'net.IP', parseAddress),
    memberFunction('family', 'ip_family', ['net.IP'], 'int', ({ address }: CelIp) => BigInt(address.family)),
    globalFunction(
      'ip.isCanonical',
      'ip_is_canonical',
      ['string'],
      'bool',
      (address: string) => text(parseAddress(address)) === address,
    ),
    memberFunction('isUnspecified', 'ip_is_unspecified', ['net.IP'], 'bool', isUnspecified),
    memberFunction('isLoopback', 'ip_is_loopback', ['net.IP'], 'bool', isLoopback),
    memberFunction(
      'isLinkLocalMulticast',
      'ip_is_link_local_multicast',
      ['net.IP'],
      'bool',
      isLinkLocalMulticast,
    ),
    memberFunction('isLinkLocalUnicast', 'ip_is_link_local_unicast', ['net.IP'], 'bool', isLinkLocalUnicast),
    memberFunction('isGlobalUnicast', 'ip_is_global_unicast', ['net.IP'], 'bool', isGlobalUnicast),
    globalFunction('isIP', 'is_ip', ['string'], 'bool', (text: string) => succeeds(parseAddress, text)),
    globalFunction('string', 'ip_to_string', ['net.IP'], 'string', text),
  ],
}

function containsIp({ cidr }: CelCidr, { address }: CelIp): boolean {
  return cidrContains(cidr, address)
}

function containsCidr({ cidr }: CelCidr, other: CelCidr): boolean {
  return cidr.prefixLength <= other.cidr.prefixLength && cidrContains(cidr, other.cidr.address)
}

export const cidrLibrary: Library = {
  since: 30,
  types: [cidrType],
  functions: [
    globalFunction('cidr', 'string_to_cidr', ['string'], 'net.CIDR', parseNetwork),
    memberFunction(
      'containsIP',
      'cidr_contains_ip_string',
      ['net.CIDR', 'string'],
      'bool',
      (cidr: CelCidr, ip: string) => containsIp(cidr, parseAddress(ip)),
    ),
    memberFunction('containsIP', 'cidr_contains_ip_ip', ['net.CIDR', 'net.IP'], 'bool', containsIp),
    memberFunction(
      'containsCIDR',
      'cidr_contains_cidr_string',
      ['net.CIDR', 'string'],
      'bool',
      (cidr: CelCidr, other: string) => containsCidr(cidr, parseNetwork(other)),
    ),
    memberFunction('containsCIDR', 'cidr_contains_cidr', ['net.CIDR', 'net.CIDR'], 'bool', containsCidr),
    memberFunction('ip', 'cidr_ip', ['net.CIDR'], 'net.IP', ({ cidr }: CelCidr) => new CelIp(cidr.address)),
    memberFunction('prefixLength', 'cidr_prefix_length', ['net.CIDR'], 'int', ({ cidr }: CelCidr) =>
      BigInt(cidr.prefixLength),
    ),
    memberFunction(
      'masked',
      'cidr_masked',
      ['net.CIDR'],
      'net.CIDR',
      ({ cidr }: CelCidr) => new CelCidr({ ...cidr, address: networkAddress(cidr) }),
    ),
    globalFunction('isCIDR', 'is_cidr', ['string'], 'bool', (text: string) => succeeds(parseNetwork, text)),
    globalFunction('string', 'cidr_to_string', ['net.CIDR'], 'string', ({ cidr }: CelCidr) =>
      formatCidr(cidr),
    ),
  ],
}
