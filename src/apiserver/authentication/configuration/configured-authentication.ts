import type { Clock } from '../../../machinery/clock.ts'
import type { AddedAuthentication } from '../create-authentication.ts'
import type { FetchJson } from '../oidc/fetch-json.ts'
import { IssuerKeys } from '../oidc/issuer-keys.ts'
import { createJwtAuthenticator } from '../oidc/jwt-authenticator.ts'
import type { StructuredAuthentication } from './authentication-configuration.ts'

export interface JwtParts {
  readonly fetchJson: FetchJson
  readonly clock: Clock
  readonly onDiscoveryError: (issuer: string, error: unknown) => void
  /** How tokens may be signed. Default: in all the ways that there are. */
  readonly signingAlgorithms?: readonly string[]
}

/** The authenticators of a valid configuration; `close` ends what they do in the background. */
export function configuredAuthentication(
  { jwt, anonymous }: StructuredAuthentication,
  { fetchJson, clock, onDiscoveryError, signingAlgorithms }: JwtParts,
): AddedAuthentication & { close(): void } {
  const keys: IssuerKeys[] = []
  const tokens = jwt.map((configuration) => {
    const { url: issuer = '', discoveryURL, certificateAuthority } = configuration.issuer
    const issuerKeys = new IssuerKeys({
      issuer,
      ...(discoveryURL && { discoveryUrl: discoveryURL }),
      ...(certificateAuthority && { certificateAuthority }),
      fetchJson,
      clock,
      onDiscoveryError: (error) => onDiscoveryError(issuer, error),
    })
    keys.push(issuerKeys)
    return createJwtAuthenticator(configuration, issuerKeys, clock, signingAlgorithms)
  })
  return {
    tokens,
    ...(anonymous && { anonymous }),
    close() {
      for (const one of keys) one.close()
    },
  }
}
