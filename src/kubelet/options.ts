import type { Taint } from '../api/generated/core.v1.ts'
import type { KubeletConfiguration } from './configuration/configuration-kind.ts'
import type { SwapBehavior } from './containers/swap.ts'
import type { Readings } from './eviction/threshold.ts'
import type { VerificationPolicyName } from './images/verification-policy.ts'
import type { TlsVersionName } from '../machinery/pki/tls-policy.ts'
import type { CNIOptions } from './network/cni-config.ts'
import type { SimulatedRuntimeOptions } from './runtime/simulated/simulated-runtime.ts'
import type { ContainerRuntime } from './runtime/runtime.ts'
import type { ShutdownInhibitor } from './shutdown/inhibitor.ts'
import type { ShutdownPeriod } from './shutdown/shutdown-groups.ts'
import type { Machine } from './node/machine.ts'

/** How a kubelet runs. Defaults are upstream's where they are not said. */
export interface KubeletOptions {
  /** The name of the node, as it is registered. Default: the machine's host name. */
  readonly nodeName?: string
  /** The node's addresses, primary first. Default: the machine's first address that others can reach. */
  readonly nodeIPs?: readonly string[]
  /** What runs pods. */
  readonly runtime: RuntimeChoice
  /** Pods' volumes, the kubelet's own files. Default `/var/lib/kubelet`. */
  readonly rootDirectory?: string
  /** Containers' logs. Default `/var/log/pods`. */
  readonly podLogsDirectory?: string
  /** Symlinks to containers' logs, for log collectors. Default `/var/log/containers`; `''` for none. */
  readonly containerLogsDirectory?: string
  /** Localhost seccomp profiles. Default `<rootDirectory>/seccomp`. */
  readonly seccompDirectory?: string
  /** The cgroup below which `kubepods` is made. Default `/`. Two kubelets on one machine need two. */
  readonly cgroupRoot?: string
  /** Name servers of the cluster, for pods with DNS policy ClusterFirst. Default none: pods get the node's. */
  readonly clusterDNS?: readonly string[]
  /** Default `cluster.local`. */
  readonly clusterDomain?: string
  /** What the node says that its machine is; looked up when absent. */
  readonly machine?: Machine
  /** The node's resolver configuration, for pods with DNS policy Default; '' for none. Default `/etc/resolv.conf`. */
  readonly resolvConf?: string
  /** Manifests of static pods. Default none. */
  readonly staticPodDirectory?: string
  /** Labels that the node registers with, beside its own. */
  readonly registerLabels?: Readonly<Record<string, string>>
  /** Taints that the node registers with. */
  readonly registerTaints?: readonly Taint[]
  readonly providerID?: string
  /** Default 110. */
  readonly maxPods?: number
  /** Pods for each CPU of the node at most, where that is fewer than maxPods; 0 for no such limit, the default. */
  readonly podsPerCore?: number
  /** Hold containers' limits of CPU by CFS quota. Default true. */
  readonly cpuCFSQuota?: boolean
  /** The period that quota is of. Default 100. */
  readonly cpuCFSQuotaPeriodMs?: number
  /** Where memory runs out, have one process of the container die, not all. Of cgroup version 2; version 1 always does. */
  readonly singleProcessOOMKill?: boolean
  /** Refuse to start on a machine with cgroup version 1. Default false, where upstream's is true: both are supported. */
  readonly failCgroupV1?: boolean
  /** Containers without a seccomp profile have the runtime's own. Default false: none. */
  readonly seccompDefault?: boolean
  /** Images that the node's status tells of, the largest first; -1 for all. Default 50. */
  readonly nodeStatusMaxImages?: number
  /** Refuse to start on a machine that swaps. Default false; of a KubeletConfiguration, true. */
  readonly failSwapOn?: boolean
  /** Which containers may use the machine's swap space. Default `NoSwap`: none. */
  readonly swapBehavior?: SwapBehavior
  /** Processes of one pod at most; below 1 there is no limit. Default none. */
  readonly podPidsLimit?: number
  /** Users and groups of each pod with `hostUsers: false`; a multiple of 65,536, which is the default. */
  readonly userNamespaceIDsPerPod?: number
  /** Sysctls that pods may set beyond the safe ones; `*` at the end stands for all that begin so. Default none. */
  readonly allowedUnsafeSysctls?: readonly string[]
  /** When pods are ended because the node runs short of something. */
  readonly eviction?: EvictionSettings
  /** When images that no container has are removed. */
  readonly imageCollection?: ImageCollectionSettings
  /** Images that are pulled at a time, at most. Default any number. */
  readonly maxParallelImagePulls?: number
  /** Pulls of images a second, more of which fail, and as many at once as `registryBurst`. Default 0: any number. */
  readonly registryPullQPS?: number
  /** Default 10. */
  readonly registryBurst?: number
  /** Events that are written a second, and as many at once as `eventBurst`; 0 for any number. Default 50. */
  readonly eventRecordQPS?: number
  /** Default 100. */
  readonly eventBurst?: number
  /** Which pods must have credentials for images that are on the node already. */
  readonly imageVerification?: ImageVerificationSettings
  /** Kept from pods: thousandths of a CPU, bytes. Default nothing. */
  readonly reserved?: { readonly milliCPU?: number; readonly memoryBytes?: number }
  /** CPUs of the system, as `0-1,4`: as many are kept from pods, whatever `reserved` says. Default none. */
  readonly reservedSystemCPUs?: string
  /** Which of these limits are held. Default what all pods together may use. */
  readonly enforcement?: EnforcementSettings
  /** Writes a CNI configuration when the node is given its pod CIDR. Default: somebody else does. */
  readonly cni?: CNIOptions
  /** Pods' addresses; when absent, what node.spec.podCIDRs says when it comes. */
  readonly podCIDRs?: readonly string[]
  /** The kubelet's HTTPS API. Absent: none is served, and the node says port 0. */
  readonly server?: KubeletServerOptions
  /** When a container's log is rotated and how many files of it are kept. */
  readonly containerLogMaxBytes?: number
  readonly containerLogMaxFiles?: number
  /** Logs that are rotated at a time, at most; default 1. */
  readonly containerLogMaxWorkers?: number
  /** How often logs are looked at; default 10,000. */
  readonly containerLogMonitorIntervalMs?: number
  /** How long containers that end again and again wait, at most; default 300,000. */
  readonly maxContainerRestartPeriodMs?: number
  /** Ends pods in order when the machine goes down. Default: they end with it. */
  readonly shutdown?: ShutdownSettings
  /** Features that are on or off other than by default; they are checked where they are said. */
  readonly featureGates?: Readonly<Record<string, boolean>>
  /** The file that these options have been read from in part: /configz tells what it says. */
  readonly configuration?: KubeletConfiguration
}

/** As KubeletConfiguration's enforceNodeAllocatable. */
export interface EnforcementSettings {
  /** All pods together may use what is not kept from them; false: all that the machine has. */
  readonly pods: boolean
  /** Whose cgroups are limited to what is kept for them. */
  readonly reserved: readonly EnforcedReservation[]
}

export interface EnforcedReservation {
  /** The system, or Kubernetes' own programs. */
  readonly owner: 'System' | 'Kube'
  /** The path of their cgroup, which must be there. */
  readonly cgroup: string
  readonly milliCPU?: number
  readonly memoryBytes?: number
}

/** As KubeletConfiguration names them; durations in milliseconds. */
export interface EvictionSettings {
  /** By signal: a quantity, or a part of the capacity (`10%`). Default upstream's. */
  readonly evictionHard?: Readonly<Record<string, string>>
  readonly evictionSoft?: Readonly<Record<string, string>>
  readonly evictionSoftGracePeriodMs?: Readonly<Record<string, number>>
  readonly evictionMinimumReclaim?: Readonly<Record<string, string>>
  /** Default 5 minutes. */
  readonly evictionPressureTransitionPeriodMs?: number
  readonly evictionMaxPodGracePeriod?: number
  /** Instead of what this machine says. */
  readonly read?: () => Promise<Readings>
}

/** As KubeletConfiguration's imagePullCredentialsVerificationPolicy and preloadedImagesVerificationAllowlist. */
export interface ImageVerificationSettings {
  /** Default `NeverVerifyPreloadedImages`. */
  readonly policy?: VerificationPolicyName
  /** For `NeverVerifyAllowlistedImages`. */
  readonly allowlist?: readonly string[]
}

export interface ShutdownSettings {
  /** How long pods have to end, by the least priority that they have. */
  readonly periods: readonly ShutdownPeriod[]
  /** Instead of systemd-logind. */
  readonly inhibitor?: ShutdownInhibitor
}

export interface ImageCollectionSettings {
  /** Default 85; 100 for never. */
  readonly imageGCHighThresholdPercent?: number
  /** Default 80. */
  readonly imageGCLowThresholdPercent?: number
  /** Default 2 minutes. */
  readonly imageMinimumGCAgeMs?: number
  /** Default 0: never. */
  readonly imageMaximumGCAgeMs?: number
}

export type RuntimeChoice =
  /** containerd, CRI-O, ...: the path or `unix://` address of its socket. */
  | { readonly type: 'cri'; readonly socket: string; readonly imageSocket?: string }
  | ({ readonly type: 'simulated' } & Omit<SimulatedRuntimeOptions, 'clock'>)
  /** One that the caller has made, and closes. */
  | { readonly type: 'given'; readonly runtime: ContainerRuntime }

/** What the kubelet shows to those who ask it. */
export interface ServingCertificate {
  /** PEM. */
  readonly certificate: string
  /** PEM. Never logged. */
  readonly privateKey: string
}

export interface KubeletServerOptions extends ServingCertificate {
  /** Default all addresses. */
  readonly address?: string
  /** Default 10250; 0 for any that is free. */
  readonly port?: number
  /** IANA's names, in the order of preference, beside those of TLS 1.3. Default: with forward secrecy and authentication. */
  readonly tlsCipherSuites?: readonly string[]
  /** Default `VersionTLS12`. */
  readonly tlsMinVersion?: TlsVersionName
  /** PEM: client certificates signed by these name their users. */
  readonly clientCA?: string
  /** Ask the API server who a bearer token is (TokenReview). Default true. */
  readonly authenticateTokens?: boolean
  /** Ask the API server whether the user may (SubjectAccessReview). Default true; false allows all who are known. */
  readonly authorize?: boolean
}
