import type { Clock } from '../../../machinery/clock.ts'
import { goQuote } from '../../../machinery/go-format.ts'
import type { AddedAuthentication } from '../create-authentication.ts'
import { DistributedClaims } from '../oidc/distributed-claims.ts'
import type { FetchText } from '../oidc/fetch-text.ts'
import { IssuerKeys } from '../oidc/issuer-keys.ts'
import { createJwtAuthenticator } from '../oidc/jwt-authenticator.ts'
import type { JwtMetrics } from '../oidc/jwt-metrics.ts'
import { signingAlgorithms as allSigningAlgorithms } from '../oidc/verify-signature.ts'
import type { TokenAuthenticator } from '../token-authenticator.ts'
import type { JwtConfiguration, StructuredAuthentication } from './authentication-configuration.ts'

export interface JwtParts {
  readonly fetchText: FetchText
  readonly clock: Clock
  readonly onDiscoveryError: (issuer: string, error: unknown) => void
  /** How tokens may be signed. Default: in all the ways that there are. */
  readonly signingAlgorithms?: readonly string[]
  readonly metrics?: JwtMetrics
}

export interface ConfiguredAuthentication extends AddedAuthentication {
  readonly issuers: readonly string[]
  /** Why tokens of some issuer cannot be verified yet; undefined as soon as all can. */
  fault(): Error | undefined
  /** Ends what is done in the background. */
  close(): void
}

/** The authenticators of a valid configuration. Throws an Error where it asks for what there is not. */
export function configuredAuthentication(
  { jwt, anonymous }: StructuredAuthentication,
  parts: JwtParts,
): ConfiguredAuthentication {
  for (const { issuer } of jwt) checkEgress(issuer.egressSelectorType)
  const authenticators = jwt.map((configuration) => issuerAuthenticator(configuration, parts))
  return {
    tokens: authenticators.map(({ authenticator }) => authenticator),
    ...(anonymous && { anonymous }),
    issuers: jwt.map(({ issuer: { url = '' } }) => url),
    fault: () => authenticators.map(({ keys }) => keys.fault).find((fault) => fault !== undefined),
    close() {
      for (const { keys, distributedClaims } of authenticators) {
        keys.close()
        distributedClaims?.close()
      }
    },
  }
}

/** There is no configuration of egress selectors: every issuer is reached directly. */
function checkEgress(type: string | undefined): void {
  if (type) throw new Error(`oidc: egress lookup required with egress selector type ${goQuote(type)}`)
}

function issuerAuthenticator(configuration: JwtConfiguration, parts: JwtParts) {
  const { fetchText, clock, onDiscoveryError, signingAlgorithms = allSigningAlgorithms, metrics } = parts
  const { url = '', discoveryURL, certificateAuthority, audiences = [] } = configuration.issuer
  const common = { ...(certificateAuthority && { certificateAuthority }), fetchText, clock }
  const keysOf = (issuer: string) =>
    new IssuerKeys({ ...common, issuer, onDiscoveryError: (error) => onDiscoveryError(issuer, error) })
  const keys = new IssuerKeys({
    ...common,
    issuer: url,
    ...(discoveryURL && { discoveryUrl: discoveryURL }),
    onDiscoveryError: (error) => onDiscoveryError(url, error),
    ...(metrics && { onKeysFetched: (keySet) => metrics.keysFetched(url, keySet) }),
  })
  const rules = { audiences, algorithms: signingAlgorithms, clock }
  const { claim } = configuration.claimMappings.groups ?? {}
  const distributedClaims = claim ? new DistributedClaims({ ...common, claim, rules, keysOf }) : undefined
  const plain = createJwtAuthenticator(configuration, {
    keys,
    rules,
    ...(distributedClaims && { distributedClaims }),
  })
  const authenticator: TokenAuthenticator = metrics
    ? { ...plain, authenticateToken: metrics.observe(url, plain.authenticateToken.bind(plain)) }
    : plain
  return { keys, distributedClaims, authenticator }
}
