import type { NodeRuntime } from '../state/cluster-state.ts'

/** Everything one node's process is told, in one file. Paths are absolute. */
export interface AgentConfiguration {
  readonly cluster: string
  readonly node: string
  /** The node's own address. */
  readonly address: string
  readonly runtime: Exclude<NodeRuntime, 'simulated'>
  /** `https://HOST:PORT`, reached from the node. */
  readonly server: string
  /** More of the cluster's API servers, by which the node goes on where that one is gone. */
  readonly otherServers?: readonly string[]
  readonly caFile: string
  readonly kubeletClient: CertificateFiles
  readonly kubeletServer: CertificateFiles
  readonly proxyClient: CertificateFiles
  readonly dnsClient: CertificateFiles
  readonly localPathClient: CertificateFiles
  readonly podCidr: string
  readonly dnsServiceAddress: string
  readonly clusterDomain: string
  readonly containerdSocket: string
  readonly kubeletRoot: string
  readonly podLogs: string
  /** Here are the directories that volumes of the default class are. */
  readonly localVolumes: string
  readonly staticPods: string
  readonly resolvConf: string
  readonly cniConfiguration: string
  readonly cniPlugins: string
  readonly cniData: string
  /** Names the node's network to CNI. */
  readonly cniNetwork: string
  /** A KubeletConfiguration. None when absent. */
  readonly kubeletConfigurationFile?: string
  /** As `--feature-gates` of the cluster; none when absent. */
  readonly featureGates?: Readonly<Record<string, boolean>>
  /** Below it the kubelet keeps the pods' cgroups. */
  readonly cgroupRoot: string
  readonly sandboxImage: string
  /** One log for each component, so that each can be read as that of its pod. */
  readonly logs: {
    readonly kubelet: string
    readonly kubeProxy: string
    readonly coredns: string
    readonly localPath: string
  }
  /** Written when the process has started: its id. */
  readonly pidFile: string
}

/** What each of the node's certificates is for. */
export type NodeCertificate =
  | 'kubeletClient'
  | 'kubeletServer'
  | 'proxyClient'
  | 'dnsClient'
  | 'localPathClient'

export interface CertificateFiles {
  readonly certFile: string
  readonly keyFile: string
}
