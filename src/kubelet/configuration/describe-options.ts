import { formatDuration } from '../../machinery/duration.ts'
import { defaultHardThresholds } from '../eviction/threshold.ts'
import { defaultVerificationPolicy } from '../images/verification-policy.ts'
import type { KubeletOptions } from '../options.ts'
import { idsUnit } from '../user-namespaces/id-range.ts'
import { fixedFields } from './configuration-kind.ts'

/** The options in force as kubelet.config.k8s.io/v1beta1 names them: what /configz answers. */
export function kubeletConfiguration(options: KubeletOptions): object {
  const { server, eviction = {}, imageCollection: images = {}, configuration = {} } = options
  return {
    kind: 'KubeletConfiguration',
    apiVersion: 'kubelet.config.k8s.io/v1beta1',
    ...doneAnyhow(),
    ...configuration,
    enableServer: server !== undefined,
    ...(options.staticPodDirectory !== undefined && { staticPodPath: options.staticPodDirectory }),
    ...(server && { address: server.address ?? '0.0.0.0', port: server.port ?? 10_250 }),
    tlsMinVersion: server?.tlsMinVersion ?? 'VersionTLS12',
    ...(server?.tlsCipherSuites?.length && { tlsCipherSuites: server.tlsCipherSuites }),
    authentication: {
      x509: {},
      webhook: { enabled: server?.authenticateTokens ?? true, cacheTTL: '2m0s' },
      anonymous: { enabled: false },
    },
    authorization: {
      mode: server?.authorize === false ? 'AlwaysAllow' : 'Webhook',
      webhook: { cacheAuthorizedTTL: '5m0s', cacheUnauthorizedTTL: '30s' },
    },
    clusterDomain: options.clusterDomain ?? 'cluster.local',
    clusterDNS: options.clusterDNS ?? [],
    cgroupRoot: options.cgroupRoot ?? '/',
    maxPods: options.maxPods ?? 110,
    podsPerCore: options.podsPerCore ?? 0,
    cpuCFSQuota: options.cpuCFSQuota ?? true,
    cpuCFSQuotaPeriod: formatDuration(options.cpuCFSQuotaPeriodMs ?? 100),
    failCgroupV1: options.failCgroupV1 ?? false,
    seccompDefault: options.seccompDefault ?? false,
    nodeStatusMaxImages: options.nodeStatusMaxImages ?? 50,
    podPidsLimit: options.podPidsLimit ?? -1,
    failSwapOn: options.failSwapOn ?? false,
    memorySwap: { swapBehavior: options.swapBehavior ?? 'NoSwap' },
    userNamespaces: { idsPerPod: options.userNamespaceIDsPerPod ?? idsUnit },
    imageMinimumGCAge: formatDuration(images.imageMinimumGCAgeMs ?? 120_000),
    imageMaximumGCAge: formatDuration(images.imageMaximumGCAgeMs ?? 0),
    imageGCHighThresholdPercent: images.imageGCHighThresholdPercent ?? 85,
    imageGCLowThresholdPercent: images.imageGCLowThresholdPercent ?? 80,
    imagePullCredentialsVerificationPolicy: options.imageVerification?.policy ?? defaultVerificationPolicy,
    registryPullQPS: options.registryPullQPS ?? 0,
    registryBurst: options.registryBurst ?? 10,
    eventRecordQPS: options.eventRecordQPS ?? 50,
    eventBurst: options.eventBurst ?? 100,
    serializeImagePulls: options.maxParallelImagePulls === 1,
    enforceNodeAllocatable: configuration.enforceNodeAllocatable ?? ['pods'],
    evictionHard: eviction.evictionHard ?? defaultHardThresholds,
    evictionPressureTransitionPeriod: formatDuration(eviction.evictionPressureTransitionPeriodMs ?? 300_000),
    ...(options.featureGates && { featureGates: options.featureGates }),
    ...(options.podCIDRs && { podCIDR: options.podCIDRs.join(',') }),
    resolvConf: options.resolvConf ?? '/etc/resolv.conf',
    containerLogMaxSize: String(options.containerLogMaxBytes ?? '10Mi'),
    containerLogMaxFiles: options.containerLogMaxFiles ?? 5,
    containerLogMaxWorkers: options.containerLogMaxWorkers ?? 1,
    containerLogMonitorInterval: formatDuration(options.containerLogMonitorIntervalMs ?? 10_000),
    crashLoopBackOff: {
      maxContainerRestartPeriod: formatDuration(options.maxContainerRestartPeriodMs ?? 300_000),
    },
    enableSystemLogHandler: configuration.enableSystemLogHandler ?? true,
    enableSystemLogQuery: configuration.enableSystemLogQuery ?? false,
    ...(options.registerTaints && { registerWithTaints: options.registerTaints }),
    ...(options.runtime.type === 'cri' && { containerRuntimeEndpoint: options.runtime.socket }),
  }
}

/** What no file can change; as upstream's encoding, without what is empty. */
function doneAnyhow(): object {
  const values = Object.entries(fixedFields).map(([name, [, value]]) => [name, value] as const)
  return Object.fromEntries(values.filter(([, value]) => !isEmpty(value)))
}

function isEmpty(value: unknown): boolean {
  return value === '' || (typeof value === 'object' && value !== null && Object.keys(value).length === 0)
}
