import { invalid, type FieldError, type FieldLocation } from '../field-error.ts'
import { goQuote } from '../go-format.ts'
import {
  cidrContains,
  formatCidr,
  formatIp,
  ipBits,
  isIpv4Mapped,
  networkAddress,
  parseCidr,
  parseIp,
  unmapIp,
  type Cidr,
  type IpAddress,
} from '../ip.ts'

/** An IP address in canonical form (RFC 5952): for new fields. */
export function validateIp(path: FieldLocation, value: string): FieldError[] {
  return ipErrors(value).map((message) => invalid(path, value, message))
}

/** What is wrong with an IP address that must be in canonical form. */
export function ipErrors(value: string): string[] {
  const errors = legacyIpErrors(value)
  const address = errors.length === 0 && parseIp(value)
  return !address || formatIp(address) === value ? errors : [notCanonicalText(formatIp(address))]
}

/**
 * An IP address, not necessarily canonical: for fields older than the strict rule. Values in `validOldValues` (those of
 * the object that is being updated) pass.
 */
export function validateIpForLegacyField(
  path: FieldLocation,
  value: string,
  validOldValues: readonly string[] = [],
): FieldError[] {
  if (validOldValues.includes(value)) return []
  return legacyIpErrors(value).map((message) => invalid(path, value, message))
}

function legacyIpErrors(value: string): string[] {
  if (!parseIp(value, { allowLeadingZeros: true })) {
    return ['must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)']
  }
  const address = parseIp(value)
  if (!address) return ['must not have leading 0s']
  return isIpv4Mapped(address) ? ['must not be an IPv4-mapped IPv6 address'] : []
}

/** A network in canonical form, without bits beyond the prefix: for new fields. */
export function validateCidr(path: FieldLocation, value: string): FieldError[] {
  const errors = validateCidrForLegacyField(path, value)
  const cidr = errors.length === 0 && parseCidr(value)
  if (!cidr || formatCidr(cidr) === value) return errors
  return [notCanonical(path, value, formatCidr(cidr))]
}

/** A network, not necessarily canonical: for fields older than the strict rule. */
export function validateCidrForLegacyField(
  path: FieldLocation,
  value: string,
  validOldValues: readonly string[] = [],
): FieldError[] {
  if (validOldValues.includes(value)) return []
  if (!parseCidr(value, { allowLeadingZeros: true })) {
    return [invalid(path, value, 'must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)')]
  }
  const cidr = parseCidr(value)
  if (!cidr) return [invalid(path, value, 'must not have leading 0s in IP or prefix length')]
  if (isIpv4Mapped(cidr.address)) return [invalid(path, value, 'must not have an IPv4-mapped IPv6 address')]
  return networkAddress(cidr).value === cidr.address.value
    ? []
    : [invalid(path, value, 'must not have bits set beyond the prefix length')]
}

/** An address with the length of its network's prefix, `192.168.1.5/24`, in canonical form. */
export function validateInterfaceAddress(path: FieldLocation, value: string): FieldError[] {
  const cidr = parseCidr(value, { allowLeadingZeros: true })
  if (!cidr) {
    return [
      invalid(path, value, 'must be a valid address in CIDR form, (e.g. 10.9.8.7/24 or 2001:db8::1/64)'),
    ]
  }
  const canonical = formatCidr(unmapCidr(cidr))
  return value === canonical ? [] : [notCanonical(path, value, canonical)]
}

/** Warnings for an address that passed validateIpForLegacyField, perhaps on the strength of an old value. */
export function warningsForIp(path: FieldLocation, value: string): string[] {
  const sloppy = parseIp(value, { allowLeadingZeros: true })
  if (!sloppy) return []
  const address = parseIp(value)
  if (!address || isIpv4Mapped(address)) {
    return [
      `${String(path)}: non-standard IP address ${goQuote(value)} is invalid: use ${goQuote(formatIp(unmapIp(sloppy)))}`,
    ]
  }
  return address.family === 6 && formatIp(address) !== value
    ? [
        `${String(path)}: IPv6 address ${goQuote(value)} should be in RFC 5952 canonical format (${goQuote(formatIp(address))})`,
      ]
    : []
}

/** Warnings for a network that passed validateCidrForLegacyField, perhaps on the strength of an old value. */
export function warningsForCidr(path: FieldLocation, value: string): string[] {
  const sloppy = parseCidr(value, { allowLeadingZeros: true })
  if (!sloppy) return []
  const warnings: string[] = []
  const network = networkText(sloppy)
  if (networkAddress(sloppy).value !== sloppy.address.value) {
    const single = `${formatIp(unmapIp(sloppy.address))}/${ipBits(sloppy.address.family)}`
    warnings.push(
      `${String(path)}: CIDR value ${goQuote(value)} is ambiguous in this context ` +
        `(should be ${goQuote(network)} or ${goQuote(single)}?)`,
    )
  }
  const cidr = parseCidr(value)
  if (!cidr || isIpv4Mapped(cidr.address)) {
    warnings.push(
      `${String(path)}: non-standard CIDR value ${goQuote(value)} is invalid: use ${goQuote(network)}`,
    )
  }
  if (warnings.length === 0 && cidr?.address.family === 6 && formatCidr(cidr) !== value) {
    warnings.push(
      `${String(path)}: IPv6 CIDR value ${goQuote(value)} should be in RFC 5952 canonical format ` +
        `(${goQuote(formatCidr(cidr))})`,
    )
  }
  return warnings
}

function notCanonical(path: FieldLocation, value: string, canonical: string): FieldError {
  return invalid(path, value, notCanonicalText(canonical))
}

function notCanonicalText(canonical: string): string {
  return `must be in canonical form (${goQuote(canonical)})`
}

function unmapCidr({ address, prefixLength }: Cidr): Cidr {
  const unmapped = unmapIp(address)
  return { address: unmapped, prefixLength: prefixLength - lostBits(address, unmapped, prefixLength) }
}

/** Going from IPv6 to the IPv4 inside, a prefix loses 96 bits where it has as many. */
function lostBits(from: IpAddress, to: IpAddress, prefixLength: number): number {
  return from.family !== to.family && prefixLength > 32 ? 96 : 0
}

function networkText(cidr: Cidr): string {
  return formatCidr(unmapCidr({ address: networkAddress(cidr), prefixLength: cidr.prefixLength }))
}

/** Upstream shows the address behind it. */
const unspecified = 'may not be unspecified'

const specialRanges = [
  ['0.0.0.0/32', '::/128', unspecified],
  ['127.0.0.0/8', '::1/128', 'may not be in the loopback range (127.0.0.0/8, ::1/128)'],
  ['169.254.0.0/16', 'fe80::/10', 'may not be in the link-local range (169.254.0.0/16, fe80::/10)'],
  ['224.0.0.0/24', 'ff02::/16', 'may not be in the link-local multicast range (224.0.0.0/24, ff02::/10)'],
] as const

/**
 * Endpoints and external addresses must not mean something else on each node, however they are written: who may make
 * them would reach what is only the node's own. Empty for what is no address: that is said elsewhere.
 */
export function validateNonSpecialIp(path: FieldLocation, value: string): FieldError[] {
  const parsed = parseIp(value, { allowLeadingZeros: true })
  if (!parsed) return []
  const address = unmapIp(parsed)
  for (const [ipv4, ipv6, message] of specialRanges) {
    if (cidrContains(parseCidr(address.family === 4 ? ipv4 : ipv6)!, address))
      return [invalid(path, value, message === unspecified ? `${message} (${value})` : message)]
  }
  return []
}
