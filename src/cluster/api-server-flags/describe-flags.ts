import { usualTolerationSeconds } from '../../apiserver/admission/default-toleration-seconds.ts'
import { flagText } from '../../api/zpages/flag-text.ts'
import type { Flags } from '../../api/zpages/flagz.ts'
import { formatDuration } from '../../machinery/duration.ts'
import { serviceAccountIssuer } from '../cluster-security.ts'
import type { ClusterApiServerOptions } from '../cluster-api-server.ts'
import { tokenWebhookDefaults, type SecurityFiles } from '../security/security-files.ts'
import type { ApiServerChoice, StoreChoice } from '../state/cluster-state.ts'
import type { AuditChoice } from './audit-flags.ts'
import { authorizationDefaults, type AuthorizationFlags } from './authorization-flags.ts'
import { oidcDefaults, type OidcFlags } from './oidc-flags.ts'

/** A value of a flag; undefined where the flag says nothing. Numbers of milliseconds come as Go durations. */
type Value =
  | string
  | number
  | boolean
  | readonly string[]
  | Readonly<Record<string, string | boolean>>
  | undefined

/** The options in force by the names of kube-apiserver's flags: what /flagz answers. Flags that say nothing are left out. */
export function apiServerFlags(options: ClusterApiServerOptions): Flags {
  const { apiServer = {}, securityFiles = {} } = options
  const values: Readonly<Record<string, Value>> = {
    'advertise-address': options.advertiseAddress,
    'allow-privileged': true,
    'bind-address': options.bindAddress,
    'secure-port': options.port,
    'service-cluster-ip-range': options.serviceCidr,
    ...storeFlags(options.store),
    ...choiceFlags(apiServer),
    ...auditFlags(apiServer.audit),
    ...securityFlags(securityFiles),
  }
  return Object.fromEntries(
    Object.entries(values).flatMap(([name, value]) => (value === undefined ? [] : [[name, flagText(value)]])),
  )
}

function storeFlags(store: StoreChoice): Readonly<Record<string, Value>> {
  if (store.type !== 'etcd') return {}
  return {
    'storage-backend': 'etcd3',
    'etcd-servers': store.endpoints,
    'etcd-prefix': store.prefix ?? '/registry',
    'etcd-cafile': store.caFile,
    'etcd-certfile': store.certFile,
    'etcd-keyfile': store.keyFile,
  }
}

function choiceFlags(choice: ApiServerChoice): Readonly<Record<string, Value>> {
  const { admission = {}, serviceAccounts = {}, encryption } = choice
  return {
    'admission-control-config-file': admission.configFile,
    'default-not-ready-toleration-seconds': admission.notReadySeconds ?? usualTolerationSeconds,
    'default-unreachable-toleration-seconds': admission.unreachableSeconds ?? usualTolerationSeconds,
    'disable-admission-plugins': admission.disable ?? [],
    'enable-admission-plugins': admission.enable ?? [],
    'api-audiences': serviceAccounts.apiAudiences ?? [],
    'service-account-extend-token-expiration': serviceAccounts.extendExpiration ?? true,
    'service-account-issuer': serviceAccounts.issuers ?? [serviceAccountIssuer],
    'service-account-jwks-uri': serviceAccounts.keySetUri,
    'service-account-key-file': serviceAccounts.keyFiles ?? [],
    'service-account-max-token-expiration': duration((serviceAccounts.maxExpirationSeconds ?? 0) * 1000),
    'encryption-provider-config': encryption?.path,
    'encryption-provider-config-automatic-reload': encryption?.reloads ?? false,
    'feature-gates': choice.featureGates ?? {},
    'runtime-config': choice.runtimeConfig ?? {},
  }
}

function auditFlags(audit: AuditChoice = {}): Readonly<Record<string, Value>> {
  const { log = {}, webhook = {} } = audit
  const delivery = (prefix: string, { mode, bufferSize, maxSize, maxWaitMs }: typeof log) => ({
    [`${prefix}-mode`]: mode,
    [`${prefix}-batch-buffer-size`]: bufferSize,
    [`${prefix}-batch-max-size`]: maxSize,
    [`${prefix}-batch-max-wait`]: duration(maxWaitMs),
  })
  const limits = (prefix: string, flags: typeof log) => ({
    [`${prefix}-batch-throttle-enable`]: flags.throttleEnable,
    [`${prefix}-batch-throttle-qps`]: flags.throttleQps,
    [`${prefix}-batch-throttle-burst`]: flags.throttleBurst,
    [`${prefix}-truncate-enabled`]: flags.truncateEnabled,
    [`${prefix}-truncate-max-event-size`]: flags.truncateMaxEventSize,
    [`${prefix}-truncate-max-batch-size`]: flags.truncateMaxBatchSize,
  })
  return {
    'audit-policy-file': audit.policyFile,
    'audit-log-path': audit.logPath,
    'audit-log-maxage': audit.maxAgeDays,
    'audit-log-maxbackup': audit.maxBackups,
    'audit-log-maxsize': audit.maxSizeMegabytes,
    'audit-log-format': audit.format ?? 'json',
    'audit-log-compress': audit.compress ?? false,
    'audit-webhook-config-file': audit.webhookConfigFile,
    'audit-webhook-initial-backoff': duration(audit.webhookInitialBackoffMs),
    ...delivery('audit-log', log),
    ...limits('audit-log', log),
    ...delivery('audit-webhook', webhook),
    ...limits('audit-webhook', webhook),
  }
}

function securityFlags(files: SecurityFiles): Readonly<Record<string, Value>> {
  return {
    'anonymous-auth': files.anonymousAuth ?? true,
    'authentication-config': files.authenticationConfig,
    'authentication-token-webhook-cache-ttl': duration(
      files.authenticationTokenWebhookCacheTtlMs ?? tokenWebhookDefaults.cacheTtlMs,
    ),
    'authentication-token-webhook-config-file': files.authenticationTokenWebhookConfigFile,
    'authentication-token-webhook-version':
      files.authenticationTokenWebhookVersion ?? tokenWebhookDefaults.version,
    'authorization-config': files.authorizationConfig,
    'token-auth-file': files.tokenAuthFile,
    ...authorizationFlags(files.authorization ?? {}, files.authorizationConfig !== undefined),
    ...(files.oidc && oidcFlags(files.oidc)),
  }
}

function authorizationFlags(
  flags: AuthorizationFlags,
  isConfigured: boolean,
): Readonly<Record<string, Value>> {
  return {
    'authorization-mode': flags.modes ?? (isConfigured ? [] : authorizationDefaults.modes),
    'authorization-policy-file': flags.policyFile,
    'authorization-webhook-cache-authorized-ttl': duration(
      flags.webhookCacheAuthorizedTtlMs ?? authorizationDefaults.webhookCacheAuthorizedTtlMs,
    ),
    'authorization-webhook-cache-unauthorized-ttl': duration(
      flags.webhookCacheUnauthorizedTtlMs ?? authorizationDefaults.webhookCacheUnauthorizedTtlMs,
    ),
    'authorization-webhook-config-file': flags.webhookConfigFile,
    'authorization-webhook-version': flags.webhookVersion ?? authorizationDefaults.webhookVersion,
  }
}

function oidcFlags(flags: OidcFlags): Readonly<Record<string, Value>> {
  return {
    'oidc-ca-file': flags.caFile,
    'oidc-client-id': flags.clientId,
    'oidc-groups-claim': flags.groupsClaim,
    'oidc-groups-prefix': flags.groupsPrefix,
    'oidc-issuer-url': flags.issuerUrl,
    'oidc-required-claim': flags.requiredClaims ?? {},
    'oidc-signing-algs': flags.signingAlgs ?? oidcDefaults.signingAlgs,
    'oidc-username-claim': flags.usernameClaim ?? oidcDefaults.usernameClaim,
    'oidc-username-prefix': flags.usernamePrefix,
  }
}

function duration(milliseconds: number | undefined): string | undefined {
  return milliseconds === undefined ? undefined : formatDuration(milliseconds)
}
