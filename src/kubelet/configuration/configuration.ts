import { decodeConfiguration } from '../../api/configuration/decode-configuration.ts'
import { parseDuration } from '../../machinery/duration.ts'
import type { JsonValue } from '../../machinery/meta.ts'
import { tlsVersions, type TlsVersionName } from '../../machinery/pki/tls-policy.ts'
import { applyMergePatch } from '../../machinery/patch/merge-patch.ts'
import { quantityMilliValue, quantityValue } from '../../machinery/quantity.ts'
import { swapBehaviors } from '../containers/swap.ts'
import { defaultHardThresholds } from '../eviction/threshold.ts'
import type { VerificationPolicyName } from '../images/verification-policy.ts'
import type {
  EnforcementSettings,
  EvictionSettings,
  ImageCollectionSettings,
  KubeletOptions,
} from '../options.ts'
import { periodsOf } from '../shutdown/shutdown-groups.ts'
import { defined } from './defined.ts'
import { kubeletConfigurationKind, type KubeletConfiguration } from './configuration-kind.ts'
import { validateConfiguration, type FieldRefusals } from './validate-configuration.ts'

export type { FieldRefusals } from './validate-configuration.ts'

/** What a KubeletConfiguration file says, as the kubelet's options; what it does not say is absent. */
export interface ConfiguredOptions {
  readonly options: Partial<Omit<KubeletOptions, 'server'>>
  /** Undefined when no API is to be served. */
  readonly server: ConfiguredServer | undefined
}

/** Paths instead of what they hold: the caller reads them. */
export interface ConfiguredServer {
  readonly address?: string
  readonly port?: number
  readonly tlsCertFile?: string
  readonly tlsPrivateKeyFile?: string
  readonly tlsCipherSuites?: readonly string[]
  readonly tlsMinVersion?: TlsVersionName
  readonly clientCAFile?: string
  readonly authenticateTokens?: boolean
  readonly authorize?: boolean
}

/** A file that is read, by the name it is told of. */
export interface ConfigurationFile {
  readonly name: string
  readonly content: string
}

/**
 * Reads a KubeletConfiguration file, YAML or JSON. Throws an Error that names every mistake: also unknown fields, and
 * those that this kubelet would not act on, or that the caller refuses.
 */
export function readConfiguration(content: string, refusals: FieldRefusals = {}): ConfiguredOptions {
  return configuredBy(decode(content), refusals)
}

/**
 * Reads several, each over those before it: what a later one says of a field holds, maps are merged and lists taken whole,
 * as in a JSON merge patch (RFC 7386). Throws as readConfiguration does.
 */
export function readConfigurations(
  files: readonly ConfigurationFile[],
  refusals: FieldRefusals = {},
): ConfiguredOptions {
  let merged: JsonValue = {}
  for (const { name, content } of files) {
    try {
      merged = applyMergePatch(merged, decode(content) as JsonValue)
    } catch (error) {
      throw new Error(`${name}: ${(error as Error).message}`, { cause: error })
    }
  }
  return configuredBy(merged as KubeletConfiguration, refusals)
}

function decode(content: string): KubeletConfiguration {
  return decodeConfiguration(content, [kubeletConfigurationKind]) as KubeletConfiguration
}

function configuredBy(configuration: KubeletConfiguration, refusals: FieldRefusals): ConfiguredOptions {
  const errors = validateConfiguration(configuration, refusals)
  if (errors.length > 0) throw new Error(errors.join('\n'))
  return { options: optionsOf(configuration), server: serverOf(configuration) }
}

function optionsOf(configuration: KubeletConfiguration): ConfiguredOptions['options'] {
  const { containerRuntimeEndpoint: socket, imageServiceEndpoint: imageSocket } = configuration
  return defined({
    staticPodDirectory: configuration.staticPodPath || undefined,
    podLogsDirectory: configuration.podLogsDir || undefined,
    clusterDomain: configuration.clusterDomain || undefined,
    clusterDNS: configuration.clusterDNS,
    cgroupRoot: configuration.cgroupRoot || undefined,
    maxPods: configuration.maxPods,
    podsPerCore: configuration.podsPerCore,
    cpuCFSQuota: configuration.cpuCFSQuota,
    cpuCFSQuotaPeriodMs: durationOf(configuration.cpuCFSQuotaPeriod),
    singleProcessOOMKill: configuration.singleProcessOOMKill,
    failCgroupV1: configuration.failCgroupV1,
    seccompDefault: configuration.seccompDefault,
    nodeStatusMaxImages: configuration.nodeStatusMaxImages,
    podCIDRs: configuration.podCIDR ? configuration.podCIDR.split(',') : undefined,
    podPidsLimit: configuration.podPidsLimit,
    failSwapOn: configuration.failSwapOn ?? true,
    swapBehavior: swapBehaviors.find((name) => name === configuration.memorySwap?.swapBehavior),
    userNamespaceIDsPerPod: configuration.userNamespaces?.idsPerPod,
    resolvConf: configuration.resolvConf,
    containerLogMaxBytes: mapped(configuration.containerLogMaxSize || undefined, quantityValue),
    containerLogMaxFiles: configuration.containerLogMaxFiles,
    containerLogMaxWorkers: configuration.containerLogMaxWorkers,
    containerLogMonitorIntervalMs: durationOf(configuration.containerLogMonitorInterval),
    allowedUnsafeSysctls: configuration.allowedUnsafeSysctls,
    providerID: configuration.providerID || undefined,
    registerTaints: configuration.registerWithTaints,
    reserved: reservedOf(configuration),
    reservedSystemCPUs: configuration.reservedSystemCPUs || undefined,
    enforcement: enforcementOf(configuration),
    eviction: evictionOf(configuration),
    imageCollection: imageCollectionOf(configuration),
    maxParallelImagePulls: configuration.serializeImagePulls ? 1 : configuration.maxParallelImagePulls,
    ...pullRateOf(configuration),
    eventRecordQPS: configuration.eventRecordQPS,
    eventBurst: configuration.eventBurst || undefined,
    imageVerification: imageVerificationOf(configuration),
    shutdown: shutdownOf(configuration),
    maxContainerRestartPeriodMs: durationOf(configuration.crashLoopBackOff?.maxContainerRestartPeriod),
    featureGates: configuration.featureGates,
    configuration,
    runtime: socket ? { type: 'cri' as const, socket, ...(imageSocket && { imageSocket }) } : undefined,
  })
}

/** Upstream's where only one of the two is said. */
function pullRateOf({ registryPullQPS, registryBurst = 0 }: KubeletConfiguration) {
  if (registryPullQPS === undefined && registryBurst === 0) return {}
  return { registryPullQPS: registryPullQPS ?? 5, registryBurst: registryBurst || 10 }
}

function serverOf(configuration: KubeletConfiguration): ConfiguredServer | undefined {
  if (configuration.enableServer === false) return undefined
  const { authentication, authorization } = configuration
  return defined({
    address: configuration.address || undefined,
    port: configuration.port,
    tlsCertFile: configuration.tlsCertFile || undefined,
    tlsPrivateKeyFile: configuration.tlsPrivateKeyFile || undefined,
    tlsCipherSuites: configuration.tlsCipherSuites,
    tlsMinVersion: tlsVersionOf(configuration.tlsMinVersion),
    clientCAFile: authentication?.x509?.clientCAFile || undefined,
    authenticateTokens: authentication?.webhook?.enabled,
    authorize: authorization?.mode ? authorization.mode === 'Webhook' : undefined,
  })
}

/** A name that is none has been refused before. */
function tlsVersionOf(name = ''): TlsVersionName | undefined {
  return Object.hasOwn(tlsVersions, name) ? (name as TlsVersionName) : undefined
}

/** What the system and Kubernetes' own programs keep, together. */
function reservedOf({ systemReserved, kubeReserved }: KubeletConfiguration): KubeletOptions['reserved'] {
  if (!systemReserved && !kubeReserved) return undefined
  const sum = (name: string, value: (text: string) => number) =>
    value(systemReserved?.[name] ?? '0') + value(kubeReserved?.[name] ?? '0')
  return { milliCPU: sum('cpu', quantityMilliValue), memoryBytes: sum('memory', quantityValue) }
}

/** A `-compressible` enforcement is of the CPU alone: memory that is in use cannot be taken back. */
function enforcementOf(configuration: KubeletConfiguration): EnforcementSettings | undefined {
  const { enforceNodeAllocatable: enforced } = configuration
  if (!enforced) return undefined
  const owners = [
    ['System', 'system-reserved', configuration.systemReservedCgroup, configuration.systemReserved],
    ['Kube', 'kube-reserved', configuration.kubeReservedCgroup, configuration.kubeReserved],
  ] as const
  return {
    pods: enforced.includes('pods'),
    reserved: owners.flatMap(([owner, name, cgroup = '', { cpu, memory } = {}]) => {
      const isWhole = enforced.includes(name)
      if (!isWhole && !enforced.includes(`${name}-compressible`)) return []
      const milliCPU = mapped(cpu, quantityMilliValue)
      const memoryBytes = isWhole ? mapped(memory, quantityValue) : undefined
      return [{ owner, cgroup, ...defined({ milliCPU, memoryBytes }) }]
    }),
  }
}

function evictionOf(configuration: KubeletConfiguration): EvictionSettings {
  const { evictionHard, evictionSoftGracePeriod, mergeDefaultEvictionSettings } = configuration
  return defined({
    evictionHard:
      evictionHard && mergeDefaultEvictionSettings
        ? { ...defaultHardThresholds, ...evictionHard }
        : evictionHard,
    evictionSoft: configuration.evictionSoft,
    evictionSoftGracePeriodMs:
      evictionSoftGracePeriod &&
      Object.fromEntries(
        Object.entries(evictionSoftGracePeriod).map(([signal, text]) => [signal, parseDuration(text)]),
      ),
    evictionMinimumReclaim: configuration.evictionMinimumReclaim,
    evictionPressureTransitionPeriodMs: durationOf(configuration.evictionPressureTransitionPeriod),
    evictionMaxPodGracePeriod: configuration.evictionMaxPodGracePeriod,
  })
}

function shutdownOf(configuration: KubeletConfiguration): KubeletOptions['shutdown'] {
  const { shutdownGracePeriodByPodPriority: byPriority = [] } = configuration
  const periods =
    byPriority.length > 0
      ? byPriority
      : periodsOf(
          durationOf(configuration.shutdownGracePeriod) ?? 0,
          durationOf(configuration.shutdownGracePeriodCriticalPods) ?? 0,
        )
  return periods.length > 0 ? { periods } : undefined
}

function imageCollectionOf(configuration: KubeletConfiguration): ImageCollectionSettings {
  return defined({
    imageGCHighThresholdPercent: configuration.imageGCHighThresholdPercent,
    imageGCLowThresholdPercent: configuration.imageGCLowThresholdPercent,
    imageMinimumGCAgeMs: durationOf(configuration.imageMinimumGCAge),
    imageMaximumGCAgeMs: durationOf(configuration.imageMaximumGCAge),
  })
}

function imageVerificationOf(configuration: KubeletConfiguration): KubeletOptions['imageVerification'] {
  const policy = configuration.imagePullCredentialsVerificationPolicy as VerificationPolicyName | undefined
  if (!policy) return undefined
  return { policy, allowlist: configuration.preloadedImagesVerificationAllowlist ?? [] }
}

function mapped<From, To>(value: From | undefined, map: (value: From) => To): To | undefined {
  return value === undefined ? undefined : map(value)
}

/** Milliseconds; no time at all stands for the default. */
function durationOf(text: string | undefined): number | undefined {
  return mapped(text, parseDuration) || undefined
}
