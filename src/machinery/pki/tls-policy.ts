import type { SecureContextOptions } from 'node:tls'
import { opensslCipher } from './cipher-suites.ts'

export type TlsPolicy = Pick<SecureContextOptions, 'minVersion' | 'ciphers' | 'honorCipherOrder'>

/**
 * What our servers speak: TLS 1.2 with forward secrecy and authenticated encryption, and TLS 1.3, all of whose suites have
 * both. Source: CIS Kubernetes Benchmark 1.12, 1.2.29 and 4.2.12.
 */
export const serverTls: TlsPolicy = {
  minVersion: 'TLSv1.2',
  ciphers: [
    'TLS_AES_128_GCM_SHA256',
    'TLS_AES_256_GCM_SHA384',
    'TLS_CHACHA20_POLY1305_SHA256',
    'ECDHE-ECDSA-AES128-GCM-SHA256',
    'ECDHE-RSA-AES128-GCM-SHA256',
    'ECDHE-ECDSA-AES256-GCM-SHA384',
    'ECDHE-RSA-AES256-GCM-SHA384',
    'ECDHE-ECDSA-CHACHA20-POLY1305',
    'ECDHE-RSA-CHACHA20-POLY1305',
  ].join(':'),
  honorCipherOrder: true,
}

/** The versions of TLS that a server can be told to speak at least, as Kubernetes' options name them. */
export const tlsVersions = { VersionTLS12: 'TLSv1.2', VersionTLS13: 'TLSv1.3' } as const

export type TlsVersionName = keyof typeof tlsVersions

/** Those of TLS 1.3, which cannot be chosen among: they are there whenever it is spoken. */
const always = ['TLS_AES_128_GCM_SHA256', 'TLS_AES_256_GCM_SHA384', 'TLS_CHACHA20_POLY1305_SHA256']

/**
 * The policy with what is said otherwise: suites by their IANA names, in the order of preference. Throws an Error for a
 * suite that there is none of, in upstream's words.
 */
export function tlsPolicyWith(
  cipherSuites: readonly string[] = [],
  minVersion: TlsVersionName = 'VersionTLS12',
): TlsPolicy {
  const policy = { ...serverTls, minVersion: tlsVersions[minVersion] }
  if (cipherSuites.length === 0) return policy
  const chosen = cipherSuites.map((name) => {
    const cipher = opensslCipher(name)
    if (cipher === undefined) throw new Error(`Cipher suite ${name} not supported or doesn't exist`)
    return cipher
  })
  return { ...policy, ciphers: [...new Set([...always, ...chosen])].join(':') }
}
