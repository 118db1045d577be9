import {
  duration,
  file,
  flag,
  fraction,
  integer,
  listOf,
  longInteger,
  mapOf,
  optional,
  struct,
  text,
} from '../../api/configuration/configuration-schema.ts'
import type { Taint } from '../../api/generated/core.v1.ts'
import type { FixedFields } from '../../api/configuration/fixed-fields.ts'
import type { ConfigurationKind } from '../../api/configuration/decode-configuration.ts'
import type { ShutdownPeriod } from '../shutdown/shutdown-groups.ts'
import type { Field, Schema } from '../../machinery/schema.ts'

/** `kubelet.config.k8s.io/v1beta1`, KubeletConfiguration: what of it this kubelet acts on. */
export interface KubeletConfiguration {
  readonly enableServer?: boolean
  readonly staticPodPath?: string
  readonly podLogsDir?: string
  readonly address?: string
  readonly port?: number
  readonly tlsCertFile?: string
  readonly tlsPrivateKeyFile?: string
  readonly tlsCipherSuites?: readonly string[]
  readonly tlsMinVersion?: string
  readonly authentication?: {
    readonly x509?: { readonly clientCAFile?: string }
    readonly webhook?: { readonly enabled?: boolean; readonly cacheTTL?: string }
    readonly anonymous?: { readonly enabled?: boolean }
  }
  readonly authorization?: {
    readonly mode?: string
    readonly webhook?: { readonly cacheAuthorizedTTL?: string; readonly cacheUnauthorizedTTL?: string }
  }
  readonly clusterDomain?: string
  readonly clusterDNS?: readonly string[]
  /** Go durations. */
  readonly imageMinimumGCAge?: string
  readonly imageMaximumGCAge?: string
  readonly imageGCHighThresholdPercent?: number
  readonly imageGCLowThresholdPercent?: number
  readonly imagePullCredentialsVerificationPolicy?: string
  readonly preloadedImagesVerificationAllowlist?: readonly string[]
  readonly serializeImagePulls?: boolean
  readonly maxParallelImagePulls?: number
  readonly registryPullQPS?: number
  readonly registryBurst?: number
  readonly eventRecordQPS?: number
  readonly eventBurst?: number
  readonly cgroupRoot?: string
  readonly maxPods?: number
  readonly podsPerCore?: number
  readonly cpuCFSQuota?: boolean
  readonly cpuCFSQuotaPeriod?: string
  readonly singleProcessOOMKill?: boolean
  readonly failCgroupV1?: boolean
  readonly seccompDefault?: boolean
  readonly nodeStatusMaxImages?: number
  readonly podCIDR?: string
  readonly podPidsLimit?: number
  readonly failSwapOn?: boolean
  readonly memorySwap?: { readonly swapBehavior?: string }
  readonly resolvConf?: string
  readonly evictionHard?: Readonly<Record<string, string>>
  readonly evictionSoft?: Readonly<Record<string, string>>
  readonly evictionSoftGracePeriod?: Readonly<Record<string, string>>
  readonly evictionPressureTransitionPeriod?: string
  readonly evictionMaxPodGracePeriod?: number
  readonly evictionMinimumReclaim?: Readonly<Record<string, string>>
  readonly mergeDefaultEvictionSettings?: boolean
  readonly containerLogMaxSize?: string
  readonly containerLogMaxFiles?: number
  readonly containerLogMaxWorkers?: number
  readonly containerLogMonitorInterval?: string
  readonly systemReserved?: Readonly<Record<string, string>>
  readonly kubeReserved?: Readonly<Record<string, string>>
  readonly reservedSystemCPUs?: string
  readonly enforceNodeAllocatable?: readonly string[]
  readonly systemReservedCgroup?: string
  readonly kubeReservedCgroup?: string
  readonly allowedUnsafeSysctls?: readonly string[]
  readonly providerID?: string
  readonly registerWithTaints?: readonly Taint[]
  readonly shutdownGracePeriod?: string
  readonly shutdownGracePeriodCriticalPods?: string
  readonly shutdownGracePeriodByPodPriority?: readonly ShutdownPeriod[]
  readonly enableSystemLogHandler?: boolean
  readonly enableSystemLogQuery?: boolean
  readonly crashLoopBackOff?: { readonly maxContainerRestartPeriod?: string }
  readonly userNamespaces?: { readonly idsPerPod?: number }
  readonly featureGates?: Readonly<Record<string, boolean>>
  readonly containerRuntimeEndpoint?: string
  readonly imageServiceEndpoint?: string
}

const quantities = mapOf(text)

const acted: Readonly<Record<keyof KubeletConfiguration, Schema | Field>> = {
  enableServer: optional(flag),
  staticPodPath: text,
  podLogsDir: text,
  address: text,
  port: optional(integer),
  tlsCertFile: text,
  tlsPrivateKeyFile: text,
  tlsCipherSuites: listOf(text),
  tlsMinVersion: text,
  authentication: struct({
    x509: struct({ clientCAFile: text }),
    webhook: struct({ enabled: optional(flag), cacheTTL: duration }),
    anonymous: struct({ enabled: optional(flag) }),
  }),
  authorization: struct({
    mode: text,
    webhook: struct({ cacheAuthorizedTTL: duration, cacheUnauthorizedTTL: duration }),
  }),
  clusterDomain: text,
  clusterDNS: listOf(text),
  imageMinimumGCAge: duration,
  imageMaximumGCAge: duration,
  imageGCHighThresholdPercent: optional(integer),
  imageGCLowThresholdPercent: optional(integer),
  imagePullCredentialsVerificationPolicy: text,
  preloadedImagesVerificationAllowlist: listOf(text),
  serializeImagePulls: optional(flag),
  maxParallelImagePulls: optional(integer),
  registryPullQPS: optional(integer),
  registryBurst: integer,
  eventRecordQPS: optional(integer),
  eventBurst: integer,
  cgroupRoot: text,
  maxPods: optional(integer),
  podsPerCore: optional(integer),
  cpuCFSQuota: optional(flag),
  cpuCFSQuotaPeriod: duration,
  singleProcessOOMKill: optional(flag),
  failCgroupV1: optional(flag),
  seccompDefault: optional(flag),
  nodeStatusMaxImages: optional(integer),
  podCIDR: text,
  podPidsLimit: optional(longInteger),
  failSwapOn: optional(flag),
  memorySwap: struct({ swapBehavior: text }),
  resolvConf: optional(text),
  evictionHard: quantities,
  evictionSoft: quantities,
  evictionSoftGracePeriod: mapOf(text),
  evictionPressureTransitionPeriod: duration,
  evictionMaxPodGracePeriod: optional(integer),
  evictionMinimumReclaim: quantities,
  mergeDefaultEvictionSettings: optional(flag),
  containerLogMaxSize: text,
  containerLogMaxFiles: optional(integer),
  containerLogMaxWorkers: optional(integer),
  containerLogMonitorInterval: duration,
  systemReserved: quantities,
  kubeReserved: quantities,
  reservedSystemCPUs: text,
  enforceNodeAllocatable: listOf(text),
  systemReservedCgroup: text,
  kubeReservedCgroup: text,
  allowedUnsafeSysctls: listOf(text),
  providerID: text,
  registerWithTaints: listOf(struct({ key: text, value: text, effect: text, timeAdded: text })),
  shutdownGracePeriod: duration,
  shutdownGracePeriodCriticalPods: duration,
  shutdownGracePeriodByPodPriority: listOf(
    struct({ priority: integer, shutdownGracePeriodSeconds: longInteger }),
  ),
  enableSystemLogHandler: optional(flag),
  enableSystemLogQuery: optional(flag),
  crashLoopBackOff: struct({ maxContainerRestartPeriod: duration }),
  userNamespaces: struct({ idsPerPod: optional(longInteger) }),
  featureGates: mapOf(flag),
  containerRuntimeEndpoint: text,
  imageServiceEndpoint: text,
}

/** Fields that this kubelet does not act on, with what it does anyhow. */
export const fixedFields: FixedFields = {
  syncFrequency: [duration, '1m0s'],
  fileCheckFrequency: [duration, '20s'],
  httpCheckFrequency: [duration, '20s'],
  staticPodURL: [text, ''],
  staticPodURLHeader: [mapOf(listOf(text)), {}],
  readOnlyPort: [integer, 0],
  rotateCertificates: [flag, true],
  serverTLSBootstrap: [flag, true],
  enableDebuggingHandlers: [optional(flag), true],
  enableContentionProfiling: [flag, false],
  healthzPort: [optional(integer), 0],
  healthzBindAddress: [text, '127.0.0.1'],
  oomScoreAdj: [optional(integer), -999],
  streamingConnectionIdleTimeout: [duration, '4h0m0s'],
  nodeStatusUpdateFrequency: [duration, '10s'],
  nodeStatusReportFrequency: [duration, '5m0s'],
  nodeLeaseDurationSeconds: [integer, 40],
  volumeStatsAggPeriod: [duration, '1m0s'],
  kubeletCgroups: [text, ''],
  systemCgroups: [text, ''],
  cgroupsPerQOS: [optional(flag), true],
  cgroupDriver: [text, 'cgroupfs'],
  cpuManagerPolicy: [text, 'none'],
  cpuManagerPolicyOptions: [mapOf(text), {}],
  cpuManagerReconcilePeriod: [duration, '10s'],
  memoryManagerPolicy: [text, 'None'],
  topologyManagerPolicy: [text, 'none'],
  topologyManagerScope: [text, 'container'],
  topologyManagerPolicyOptions: [mapOf(text), {}],
  qosReserved: [mapOf(text), {}],
  runtimeRequestTimeout: [duration, '2m0s'],
  hairpinMode: [text, 'promiscuous-bridge'],
  runOnce: [flag, false],
  maxOpenFiles: [longInteger, 1_000_000],
  contentType: [text, 'application/json'],
  kubeAPIQPS: [optional(integer), 50],
  kubeAPIBurst: [integer, 100],
  enableControllerAttachDetach: [optional(flag), true],
  protectKernelDefaults: [flag, false],
  makeIPTablesUtilChains: [optional(flag), true],
  iptablesMasqueradeBit: [optional(integer), 14],
  iptablesDropBit: [optional(integer), 15],
  configMapAndSecretChangeDetectionStrategy: [text, 'Watch'],
  showHiddenMetricsForVersion: [text, ''],
  volumePluginDir: [text, ''],
  kernelMemcgNotification: [flag, false],
  logging: [struct({ format: text }), { format: 'text' }],
  reservedMemory: [listOf(struct({ numaNode: integer, limits: mapOf(text) })), []],
  enableProfilingHandler: [optional(flag), false],
  enableDebugFlagsHandler: [optional(flag), false],
  memoryThrottlingFactor: [optional(fraction), 0.9],
  registerNode: [optional(flag), true],
  tracing: [struct({ endpoint: text, samplingRatePerMillion: integer }), {}],
  localStorageCapacityIsolation: [optional(flag), true],
}

export const kubeletConfigurationKind: ConfigurationKind = {
  group: 'kubelet.config.k8s.io',
  version: 'v1beta1',
  kind: 'KubeletConfiguration',
  schema: file({
    ...acted,
    ...Object.fromEntries(Object.entries(fixedFields).map(([name, [schema]]) => [name, schema])),
  }),
}
