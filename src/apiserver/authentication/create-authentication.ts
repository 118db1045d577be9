import type { X509Certificate } from 'node:crypto'
import type { TokenRequest, TokenReview } from '../../api/generated/authentication.v1.ts'
import type { Clock } from '../../machinery/clock.ts'
import { createMetrics, type Metrics } from '../../machinery/metrics.ts'
import type { ObjectName } from '../../machinery/resource.ts'
import type { Objects } from '../objects.ts'
import { whenReloaded, type Reloadable } from '../reloadable.ts'
import type { TokenAuthenticator } from './token-authenticator.ts'
import type { AnonymousConfiguration } from './anonymous.ts'
import type { User } from './authenticator.ts'
import { createBearerTokenAuthenticator } from './bearer-token.ts'
import { createBootstrapTokenAuthenticator } from './bootstrap-tokens.ts'
import { createClientCertificateAuthenticator } from './client-certificates.ts'
import { createFrontProxyAuthenticator, type FrontProxyConfiguration } from './front-proxy.ts'
import { reviewToken } from './reviews.ts'
import { createServiceAccountToken, type CreateTokenOptions } from './service-accounts/create-token.ts'
import { discoveryDocuments, type DiscoveryDocument } from './service-accounts/discovery-documents.ts'
import { createLegacyTokenAuthenticator } from './service-accounts/legacy-token-authenticator.ts'
import { createServiceAccountTokenAuthenticator } from './service-accounts/token-authenticator.ts'
import type { TokenKeys } from './service-accounts/token-keys.ts'
import { createStaticTokenAuthenticator } from './static-tokens.ts'
import { createRequestAuthenticator, type RequestAuthenticator } from './union.ts'

export interface AuthenticationConfiguration {
  readonly objects: Objects
  readonly clock: Clock
  /** Who signs client certificates; the list may be replaced by another at any time. */
  readonly clientAuthorities: () => readonly X509Certificate[]
  readonly frontProxy?: FrontProxyConfiguration
  readonly staticTokens?: Iterable<{ readonly token: string; readonly user: User }>
  readonly serviceAccounts: {
    /** The first one signs; tokens of all of them are believed. */
    readonly issuers: readonly string[]
    readonly keys: TokenKeys
    /** The issuer alone when absent. */
    readonly apiAudiences?: readonly string[]
    readonly maxExpirationSeconds?: number
    /** Default true. */
    readonly extendExpiration?: boolean
    /** Where relying parties find the keys: `https://host:port/openid/v1/jwks`. */
    readonly keySetUri: string
  }
  /** Everywhere when absent. */
  readonly anonymous?: AnonymousConfiguration
  /** What an operator adds, and may replace at any time. */
  readonly added?: Reloadable<AddedAuthentication>
  /** A failure that does no harm to the request at hand, for the log. */
  readonly onBackgroundError: (error: unknown) => void
  readonly metrics?: Metrics
}

export interface AddedAuthentication {
  /** Asked when no other authenticator knows a token. */
  readonly tokens: readonly TokenAuthenticator[]
  /** Instead of that of the configuration. */
  readonly anonymous?: AnonymousConfiguration
}

/** Everything about who it is. */
export interface Authentication extends RequestAuthenticator {
  /** Answers `create` on serviceaccounts/token, after admission. */
  createToken(name: ObjectName, request: TokenRequest, options: CreateTokenOptions): Promise<TokenRequest>
  /** Answers `create` on tokenreviews. */
  reviewToken(review: TokenReview): Promise<TokenReview>
  /** To be served under their paths. */
  readonly discoveryDocuments: readonly DiscoveryDocument[]
}

const nothingAdded: Reloadable<AddedAuthentication> = { current: { tokens: [] } }

/** Upstream's usual chain: the front proxy, client certificates, then tokens: static, of service accounts, for bootstrap, then what is added. */
export function createAuthentication(configuration: AuthenticationConfiguration): Authentication {
  const { objects, clock, serviceAccounts, metrics = createMetrics() } = configuration
  const { issuers, keys, maxExpirationSeconds, extendExpiration = true } = serviceAccounts
  const issuer = issuers[0] ?? ''
  const apiAudiences = serviceAccounts.apiAudiences ?? [issuer]
  const own = [
    createStaticTokenAuthenticator(configuration.staticTokens ?? []),
    createServiceAccountTokenAuthenticator({ objects, clock, issuers, keys, metrics }),
    createLegacyTokenAuthenticator({
      objects,
      clock,
      keys,
      apiAudiences,
      onTrackingError: configuration.onBackgroundError,
      metrics,
    }),
    createBootstrapTokenAuthenticator(objects, clock),
  ]
  const added = configuration.added ?? nothingAdded
  const tokens = whenReloaded(added, (more) => [...own, ...more.tokens])
  const anonymous = configuration.anonymous ?? { enabled: true }
  const { authenticate } = createRequestAuthenticator(
    [
      ...(configuration.frontProxy ? [createFrontProxyAuthenticator(configuration.frontProxy, clock)] : []),
      createClientCertificateAuthenticator({ authorities: configuration.clientAuthorities, clock, metrics }),
      createBearerTokenAuthenticator(tokens, apiAudiences),
    ],
    () => added.current.anonymous ?? anonymous,
  )
  const tokenIssuer = {
    objects,
    clock,
    issuer,
    keys,
    apiAudiences,
    extendExpiration,
    ...(maxExpirationSeconds && { maxExpirationSeconds }),
  }
  return {
    authenticate,
    createToken: (name, request, options) => createServiceAccountToken(tokenIssuer, name, request, options),
    reviewToken: (review) => reviewToken(review, tokens(), apiAudiences),
    discoveryDocuments: discoveryDocuments({ issuer, keySetUri: serviceAccounts.keySetUri, keys }),
  }
}
