/*
 * What a key may be used for, in the words of certificates.k8s.io, and as X.509 says it (RFC 5280, 4.2.1.3 and 4.2.1.12).
 */

/** The bit of the extension keyUsage. */
const keyUsageBits: Readonly<Record<string, number>> = {
  signing: 0,
  'digital signature': 0,
  'content commitment': 1,
  'key encipherment': 2,
  'data encipherment': 3,
  'key agreement': 4,
  'cert sign': 5,
  'crl sign': 6,
  'encipher only': 7,
  'decipher only': 8,
}

const extendedKeyUsageIds: Readonly<Record<string, string>> = {
  any: '2.5.29.37.0',
  'server auth': '1.3.6.1.5.5.7.3.1',
  'client auth': '1.3.6.1.5.5.7.3.2',
  'code signing': '1.3.6.1.5.5.7.3.3',
  'email protection': '1.3.6.1.5.5.7.3.4',
  's/mime': '1.3.6.1.5.5.7.3.4',
  'ipsec end system': '1.3.6.1.5.5.7.3.5',
  'ipsec tunnel': '1.3.6.1.5.5.7.3.6',
  'ipsec user': '1.3.6.1.5.5.7.3.7',
  timestamping: '1.3.6.1.5.5.7.3.8',
  'ocsp signing': '1.3.6.1.5.5.7.3.9',
  'microsoft sgc': '1.3.6.1.4.1.311.10.3.3',
  'netscape sgc': '2.16.840.1.113730.4.1',
}

export const clientAuthenticationId = extendedKeyUsageIds['client auth']!
export const anyUsageId = extendedKeyUsageIds['any']!

export type KeyUsage = string

/** Bits and identifiers, each once and in order. Throws on a usage that Kubernetes does not know. */
export function splitUsages(usages: readonly KeyUsage[]): {
  readonly bits: readonly number[]
  readonly extendedIds: readonly string[]
} {
  const bits = new Set<number>()
  const extendedIds = new Set<string>()
  for (const usage of usages) {
    const bit = keyUsageBits[usage]
    const id = extendedKeyUsageIds[usage]
    if (bit !== undefined) bits.add(bit)
    else if (id !== undefined) extendedIds.add(id)
    else throw new TypeError(`unrecognized usage value: ${usage}`)
  }
  return { bits: [...bits].sort((a, b) => a - b), extendedIds: [...extendedIds].sort() }
}
