import type { X509Certificate } from 'node:crypto'
import type { Clock } from '../../machinery/clock.ts'
import { unauthorized } from '../../machinery/status-errors.ts'
import type { Authenticator, Credentials } from './authenticator.ts'
import { createClientCertificateAuthenticator } from './client-certificates.ts'

/** Which proxy may say who its users are, and in which headers (lower case). */
export interface FrontProxyConfiguration {
  readonly authorities: () => readonly X509Certificate[]
  /** Common names of the proxy's certificate; any when empty. */
  readonly allowedNames: readonly string[]
  readonly usernameHeaders: readonly string[]
  readonly uidHeaders: readonly string[]
  readonly groupHeaders: readonly string[]
  readonly extraHeaderPrefixes: readonly string[]
}

/**
 * Believes the user headers of a proxy that proves itself by its client certificate.
 * Source: k8s.io/apiserver/pkg/authentication/request/headerrequest.
 */
export function createFrontProxyAuthenticator(
  configuration: FrontProxyConfiguration,
  clock: Clock,
): Authenticator {
  const proxy = createClientCertificateAuthenticator({ authorities: configuration.authorities, clock })
  return {
    name: 'front-proxy',
    async authenticate(credentials) {
      const name = firstHeader(credentials, configuration.usernameHeaders)
      if (!name || !credentials.certificate) return undefined
      const proxyUser = await proxy.authenticate(credentials)
      if (!proxyUser) return undefined
      const { allowedNames } = configuration
      if (allowedNames.length > 0 && !allowedNames.includes(proxyUser.name)) {
        throw unauthorized(`x509: subject with cn=${proxyUser.name} is not in the allowed list`)
      }
      const uid = firstHeader(credentials, configuration.uidHeaders)
      return {
        name,
        ...(uid && { uid }),
        groups: configuration.groupHeaders
          .flatMap((header) => headerValues(credentials, header))
          .filter((group) => group !== ''),
        extra: extraOf(credentials, configuration.extraHeaderPrefixes),
      }
    },
  }
}

function headerValues({ headers }: Credentials, header: string): readonly string[] {
  return [headers[header] ?? []].flat()
}

function firstHeader(credentials: Credentials, names: readonly string[]): string | undefined {
  for (const name of names) {
    const [value] = headerValues(credentials, name)
    if (value) return value
  }
  return undefined
}

function extraOf(
  credentials: Credentials,
  prefixes: readonly string[],
): Readonly<Record<string, readonly string[]>> {
  const extra = new Map<string, readonly string[]>()
  for (const prefix of prefixes) {
    for (const header of Object.keys(credentials.headers)) {
      if (!header.startsWith(prefix)) continue
      const key = unescapeKey(header.slice(prefix.length).toLowerCase())
      extra.set(key, [...(extra.get(key) ?? []), ...headerValues(credentials, header)])
    }
  }
  return Object.fromEntries(extra)
}

/** Undoes percent-encoding; a key that is encoded wrongly stands for itself. */
export function unescapeKey(encoded: string): string {
  try {
    return decodeURIComponent(encoded)
  } catch {
    return encoded
  }
}
