import { formatDuration } from '../../machinery/duration.ts'
import { defaultHardThresholds } from '../eviction/threshold.ts'
import type { KubeletOptions } from '../options.ts'

/** The options in force as kubelet.config.k8s.io/v1beta1 names them: what /configz answers. */
export function kubeletConfiguration(options: KubeletOptions): object {
  const { server, eviction = {}, imageCollection: images = {} } = options
  return {
    kind: 'KubeletConfiguration',
    apiVersion: 'kubelet.config.k8s.io/v1beta1',
    enableServer: server !== undefined,
    ...(options.staticPodDirectory !== undefined && { staticPodPath: options.staticPodDirectory }),
    syncFrequency: '1m0s',
    fileCheckFrequency: '20s',
    ...(server && { address: server.address ?? '0.0.0.0', port: server.port ?? 10_250 }),
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
    nodeStatusUpdateFrequency: '10s',
    nodeStatusReportFrequency: '5m0s',
    nodeLeaseDurationSeconds: 40,
    cgroupRoot: options.cgroupRoot ?? '/',
    cgroupDriver: 'cgroupfs',
    maxPods: options.maxPods ?? 110,
    podPidsLimit: options.podPidsLimit ?? -1,
    imageMinimumGCAge: formatDuration(images.imageMinimumGCAgeMs ?? 120_000),
    imageMaximumGCAge: formatDuration(images.imageMaximumGCAgeMs ?? 0),
    imageGCHighThresholdPercent: images.imageGCHighThresholdPercent ?? 85,
    imageGCLowThresholdPercent: images.imageGCLowThresholdPercent ?? 80,
    evictionHard: eviction.evictionHard ?? defaultHardThresholds,
    ...(eviction.evictionSoft && { evictionSoft: eviction.evictionSoft }),
    evictionPressureTransitionPeriod: formatDuration(eviction.evictionPressureTransitionPeriodMs ?? 300_000),
    ...(options.podCIDRs && { podCIDR: options.podCIDRs.join(',') }),
    resolvConf: options.resolvConf ?? '/etc/resolv.conf',
    containerLogMaxSize: String(options.containerLogMaxBytes ?? '10Mi'),
    containerLogMaxFiles: options.containerLogMaxFiles ?? 5,
    registerNode: true,
    ...(options.registerTaints && { registerWithTaints: options.registerTaints }),
    ...(options.runtime.type === 'cri' && { containerRuntimeEndpoint: options.runtime.socket }),
  }
}
