import { flagText } from '../../api/zpages/flag-text.ts'
import type { Flags } from '../../api/zpages/flagz.ts'
import type { KubeletOptions } from '../options.ts'
import { kubeletConfiguration } from './describe-options.ts'

/** Flags of the kubelet, each with the field of KubeletConfiguration that it says. Source: kubernetes/cmd/kubelet/app/options. */
const fields: Readonly<Record<string, string>> = {
  address: 'address',
  'allowed-unsafe-sysctls': 'allowedUnsafeSysctls',
  'anonymous-auth': 'authentication.anonymous.enabled',
  'authentication-token-webhook': 'authentication.webhook.enabled',
  'authentication-token-webhook-cache-ttl': 'authentication.webhook.cacheTTL',
  'authorization-mode': 'authorization.mode',
  'authorization-webhook-cache-authorized-ttl': 'authorization.webhook.cacheAuthorizedTTL',
  'authorization-webhook-cache-unauthorized-ttl': 'authorization.webhook.cacheUnauthorizedTTL',
  'cgroup-driver': 'cgroupDriver',
  'cgroup-root': 'cgroupRoot',
  'cgroups-per-qos': 'cgroupsPerQOS',
  'client-ca-file': 'authentication.x509.clientCAFile',
  'cluster-dns': 'clusterDNS',
  'cluster-domain': 'clusterDomain',
  'container-log-max-files': 'containerLogMaxFiles',
  'container-log-max-size': 'containerLogMaxSize',
  'container-runtime-endpoint': 'containerRuntimeEndpoint',
  'cpu-cfs-quota': 'cpuCFSQuota',
  'cpu-cfs-quota-period': 'cpuCFSQuotaPeriod',
  'cpu-manager-policy': 'cpuManagerPolicy',
  'enable-debugging-handlers': 'enableDebuggingHandlers',
  'enable-server': 'enableServer',
  'enforce-node-allocatable': 'enforceNodeAllocatable',
  'event-burst': 'eventBurst',
  'event-qps': 'eventRecordQPS',
  'eviction-hard': 'evictionHard',
  'eviction-max-pod-grace-period': 'evictionMaxPodGracePeriod',
  'eviction-minimum-reclaim': 'evictionMinimumReclaim',
  'eviction-pressure-transition-period': 'evictionPressureTransitionPeriod',
  'eviction-soft': 'evictionSoft',
  'eviction-soft-grace-period': 'evictionSoftGracePeriod',
  'fail-cgroupv1': 'failCgroupV1',
  'fail-swap-on': 'failSwapOn',
  'feature-gates': 'featureGates',
  'file-check-frequency': 'fileCheckFrequency',
  'hairpin-mode': 'hairpinMode',
  'healthz-bind-address': 'healthzBindAddress',
  'healthz-port': 'healthzPort',
  'http-check-frequency': 'httpCheckFrequency',
  'image-gc-high-threshold': 'imageGCHighThresholdPercent',
  'image-gc-low-threshold': 'imageGCLowThresholdPercent',
  'image-service-endpoint': 'imageServiceEndpoint',
  'kube-api-burst': 'kubeAPIBurst',
  'kube-api-qps': 'kubeAPIQPS',
  'kube-reserved': 'kubeReserved',
  'kube-reserved-cgroup': 'kubeReservedCgroup',
  'max-open-files': 'maxOpenFiles',
  'max-pods': 'maxPods',
  'memory-manager-policy': 'memoryManagerPolicy',
  'minimum-image-ttl-duration': 'imageMinimumGCAge',
  'node-status-max-images': 'nodeStatusMaxImages',
  'node-status-update-frequency': 'nodeStatusUpdateFrequency',
  'pod-cidr': 'podCIDR',
  'pod-manifest-path': 'staticPodPath',
  'pod-max-pids': 'podPidsLimit',
  'pods-per-core': 'podsPerCore',
  port: 'port',
  'protect-kernel-defaults': 'protectKernelDefaults',
  'read-only-port': 'readOnlyPort',
  'register-node': 'registerNode',
  'registry-burst': 'registryBurst',
  'registry-qps': 'registryPullQPS',
  'reserved-cpus': 'reservedSystemCPUs',
  'resolv-conf': 'resolvConf',
  'rotate-certificates': 'rotateCertificates',
  'rotate-server-certificates': 'serverTLSBootstrap',
  'runtime-request-timeout': 'runtimeRequestTimeout',
  'seccomp-default': 'seccompDefault',
  'serialize-image-pulls': 'serializeImagePulls',
  'streaming-connection-idle-timeout': 'streamingConnectionIdleTimeout',
  'sync-frequency': 'syncFrequency',
  'system-reserved': 'systemReserved',
  'system-reserved-cgroup': 'systemReservedCgroup',
  'tls-cert-file': 'tlsCertFile',
  'tls-cipher-suites': 'tlsCipherSuites',
  'tls-min-version': 'tlsMinVersion',
  'tls-private-key-file': 'tlsPrivateKeyFile',
  'topology-manager-policy': 'topologyManagerPolicy',
}

/** Between signal and threshold. */
const thresholds: ReadonlySet<string> = new Set(['eviction-hard', 'eviction-soft'])

/** The options in force by the names of the kubelet's flags: what /flagz answers. */
export function kubeletFlags(options: KubeletOptions): Flags {
  const configuration = kubeletConfiguration(options)
  const values = Object.entries(fields).flatMap(([flag, path]) => {
    const value = path.split('.').reduce(fieldOf, configuration)
    return value === undefined || value === null
      ? []
      : [[flag, flagText(value, thresholds.has(flag) ? '<' : '=')]]
  })
  const taints = options.registerTaints ?? []
  return {
    ...Object.fromEntries(values),
    'hostname-override': options.nodeName ?? '',
    'node-ip': (options.nodeIPs ?? []).join(','),
    'node-labels': flagText(options.registerLabels ?? {}),
    'provider-id': options.providerID ?? '',
    'register-with-taints': taints
      .map(({ key, value = '', effect }) => `${key}=${value}:${effect}`)
      .join(','),
    'root-dir': options.rootDirectory ?? '/var/lib/kubelet',
  }
}

function fieldOf(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>)[name] : undefined
}
