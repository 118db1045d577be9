import type { ResourceDefinition } from '../api/definition.ts'
import type { IsServed } from '../apiserver/enablement/resource-config.ts'
import type { HealthCheck } from '../apiserver/discovery/health-endpoint.ts'
import type { Store } from '../store/store.ts'
import { builtInDefinitions } from '../api/registry.ts'
import { startApiServer, type ApiServer } from '../apiserver/api-server.ts'
import { reconcileBootstrapPolicy } from '../apiserver/authorization/bootstrap-policy/reconcile-bootstrap-policy.ts'
import type { RunningComponent } from '../client/component.ts'
import type { Clock } from '../machinery/clock.ts'
import type { Logger } from '../machinery/log.ts'
import { featureGatesWith, type FeatureGates } from '../machinery/feature-gates.ts'
import { createMetrics, type Metrics } from '../machinery/metrics.ts'
import type { Random } from '../machinery/random.ts'
import { clusterSecurity, serviceAccountIssuer } from './cluster-security.ts'
import type { ClusterPki } from './pki/cluster-pki.ts'
import type { LoadedSecurity } from './security/load-security.ts'
import type { SecurityFiles } from './security/security-files.ts'
import type { ApiServerChoice, StoreChoice } from './state/cluster-state.ts'
import { openClusterStore } from './state/cluster-store.ts'

export interface ClusterApiServerOptions {
  readonly pki: ClusterPki
  readonly store: StoreChoice
  /** Of the embedded store. */
  readonly dataFolder: string
  readonly bindAddress: string
  /** 0 takes a free one. */
  readonly port: number
  /** Where nodes reach the API server. */
  readonly advertiseAddress: string
  /** Of this machine. Default: the server does not say who it is. */
  readonly hostName?: string
  readonly serviceCidr: string
  /** What the operator says about who may come in and do what, in files. */
  readonly securityFiles?: SecurityFiles
  readonly apiServer?: ApiServerChoice | undefined
  readonly clock: Clock
  readonly random: Random
  readonly log: Logger
}

/**
 * Opens the store and starts an API server over it, secured as kubeadm does. What ends both is added to `undo`.
 * `running` are other components of this process, for its component statuses.
 */
export async function startClusterApiServer(
  options: ClusterApiServerOptions,
  undo: (() => void | Promise<void>)[],
  running: readonly RunningComponent[],
): Promise<ApiServer> {
  const { pki, clock, random, log } = options
  const inner = await openClusterStore(options.store, options.dataFolder, { clock, log })
  undo.push(() => inner.close())
  const { store, healthChecks } = await encrypted(inner, options, undo)
  const server = `https://${options.advertiseAddress}:${options.port}`
  const metrics = createMetrics()
  const loaded = options.securityFiles && (await loadFiles(options.securityFiles, metrics, options))
  if (loaded) undo.push(() => loaded.close())
  const featureGates = featureGatesWith(options.apiServer?.featureGates)
  const isServed = await servedApis(options.apiServer)
  const admission =
    options.apiServer?.admission &&
    (await import('./security/load-admission.ts')).loadAdmission(options.apiServer.admission, clock)
  const audit =
    options.apiServer?.audit &&
    (await (
      await import('./security/open-audit.ts')
    ).openAudit(options.apiServer.audit, { clock, random, log, metrics }))
  const apiServer = await startApiServer({
    store,
    healthChecks,
    audit,
    security: clusterSecurity({
      pki,
      server,
      clock,
      random,
      log,
      admission,
      featureGates,
      serviceAccounts: options.apiServer?.serviceAccounts,
      ...(loaded && { loaded }),
    }),
    hooks: [
      { name: 'rbac/bootstrap-roles', run: ({ objects }) => reconcileBootstrapPolicy(objects, featureGates) },
    ],
    definitions: [...builtInDefinitions, ...(await featureDefinitions(featureGates, isServed))],
    featureGates,
    ...(isServed && { isServed }),
    flags: async () => (await import('./api-server-flags/describe-flags.ts')).apiServerFlags(options),
    components: () =>
      running.map((component) => ({
        name: component.name.replace(/^kube-/, ''),
        health: () => component.health(),
      })),
    tls: { certificate: pki.apiServer.certificatePem, key: pki.apiServer.privateKeyPem },
    clientCertificateAuthority: pki.authority.certificatePem + pki.frontProxyAuthority.certificatePem,
    // Read when it is used: it is renewed.
    kubeletClient: {
      get certificate() {
        return pki.kubeletClient.certificatePem
      },
      get key() {
        return pki.kubeletClient.privateKeyPem
      },
      certificateAuthority: pki.authority.certificatePem,
    },
    frontProxyClient: {
      certificate: pki.frontProxyClient.certificatePem,
      key: pki.frontProxyClient.privateKeyPem,
    },
    extensionAuthentication: {
      clientAuthority: pki.authority.certificatePem,
      frontProxyAuthority: pki.frontProxyAuthority.certificatePem,
      allowedNames: ['front-proxy-client'],
    },
    address: options.bindAddress,
    port: options.port,
    advertiseAddress: options.advertiseAddress,
    ...(options.hostName !== undefined && { hostName: options.hostName }),
    // Nobody else can open the others.
    sharesStore: options.store.type === 'etcd',
    serviceCidrs: [options.serviceCidr],
    clock,
    random,
    log,
    metrics,
  })
  undo.push(() => apiServer.stop())
  return apiServer
}

/** What `--runtime-config` says; undefined where it says nothing. */
async function servedApis(choice: ApiServerChoice | undefined): Promise<IsServed | undefined> {
  if (!choice?.runtimeConfig) return undefined
  const { resourceConfig } = await import('../apiserver/enablement/resource-config.ts')
  const { builtInApis } = await import('./api-server-flags/feature-flags.ts')
  return resourceConfig(choice.runtimeConfig, builtInApis)
}

/** Kinds that are served only where their feature is on, and one of their versions is chosen: none is stable. */
async function featureDefinitions(
  { ClusterTrustBundle }: FeatureGates,
  isServed: IsServed | undefined,
): Promise<readonly ResourceDefinition[]> {
  if (!ClusterTrustBundle || !isServed) return []
  const { clusterTrustBundleDefinition } = await import('../api/certificates/cluster-trust-bundle.ts')
  const { resource, alsoServedAs = [] } = clusterTrustBundleDefinition
  const versions = [resource, ...alsoServedAs.map((conversion) => conversion.resource)]
  return versions.some(isServed) ? [clusterTrustBundleDefinition] : []
}

/** CEL and all that reads files is loaded for clusters that have some. */
async function loadFiles(
  files: SecurityFiles,
  metrics: Metrics,
  { clock, random, log, apiServer, hostName }: ClusterApiServerOptions,
): Promise<LoadedSecurity | undefined> {
  if (Object.keys(files).length === 0) return undefined
  const { loadSecurity } = await import('./security/load-security.ts')
  const { serverId } = await import('../apiserver/bootstrap/server-identity.ts')
  const { issuers: ownIssuers = [serviceAccountIssuer], apiAudiences } = apiServer?.serviceAccounts ?? {}
  return loadSecurity(files, {
    ownIssuers,
    apiAudiences,
    clock,
    random,
    log,
    metrics,
    serverId: hostName === undefined ? '' : serverId(hostName),
  })
}

/** The store as the API server sees it: encrypted where that is chosen. */
async function encrypted(
  store: Store,
  { apiServer, clock, log }: ClusterApiServerOptions,
  undo: (() => void | Promise<void>)[],
): Promise<{ readonly store: Store; readonly healthChecks: readonly HealthCheck[] }> {
  if (!apiServer?.encryption) return { store, healthChecks: [] }
  const { openEncryptionFile } = await import('../apiserver/encryption/reloading-encryption.ts')
  const { encryptedStore } = await import('../apiserver/encryption/encrypted-store.ts')
  const encryption = await openEncryptionFile(apiServer.encryption, { clock, log })
  undo.push(() => encryption.close())
  return {
    store: encryptedStore(store, () => encryption.current()),
    healthChecks: [{ name: 'kms-providers', check: () => Promise.resolve(encryption.current().fault) }],
  }
}
