import type { ConfigMap, Pod, PodStatus, Secret, Service } from '../../api/generated/core.v1.ts'
import type { EventRecorder } from '../../client/event-recorder.ts'
import type { Clock } from '../../machinery/clock.ts'
import type { Logger } from '../../machinery/log.ts'
import type { ResourcesNode } from '../containers/resources.ts'
import type { CgroupManager } from '../cgroups/cgroup-manager.ts'
import type { PodResources } from '../devices/pod-resources.ts'
import type { DNSSettings } from '../network/dns.ts'
import type { ImagePuller } from '../images/image-puller.ts'
import type { PodMetrics } from '../metrics/pod-metrics.ts'
import type { ProbeMetrics } from '../probes/probe-metrics.ts'
import type { ContainerRuntime } from '../runtime/runtime.ts'
import type { Mounter } from '../volumes/mounts.ts'
import type { VolumeManager } from '../volumes/volume-manager.ts'
import type { UserNamespaces } from '../user-namespaces/user-namespaces.ts'
import type { BackoffPolicy } from './backoff.ts'
import type { Observer } from './observer.ts'

/** What every pod's worker is given. */
export interface PodServices {
  readonly runtime: ContainerRuntime
  readonly observer: Observer
  readonly clock: Clock
  readonly log: Logger
  readonly recorder: EventRecorder
  readonly volumes: VolumeManager
  readonly mounter: Mounter
  readonly images: ImagePuller
  readonly cgroups: CgroupManager
  readonly users: UserNamespaces
  readonly resources: PodResources
  readonly probeMetrics: ProbeMetrics
  /** Absent where nobody counts. */
  readonly podMetrics?: PodMetrics
  /** How long containers that end again and again wait. */
  readonly restartBackoff: BackoffPolicy
  readonly paths: KubeletPaths
  readonly node: NodeFacts
  configMap(namespace: string, name: string): Promise<ConfigMap>
  secret(namespace: string, name: string): Promise<Secret>
  /** Resolves when sandboxes can have a network; rejects with the signal's reason. */
  networkReady(signal: AbortSignal): Promise<void>
  /** Resolves with all services, when they are known. */
  services(): Promise<readonly Service[]>
  /** The runtime handler of a RuntimeClass; rejects when there is none. */
  runtimeHandler(runtimeClassName: string): Promise<string>
  /** Tells the API server, when it gets to it; the newest status wins. */
  writeStatus(pod: Pod, status: PodStatus): void
  /** Writes the last status, then removes the pod's API object. Resolves when that is done. */
  deletePod(pod: Pod, status: PodStatus): Promise<void>
  /** When the pod's files from the API must be made anew at the latest, because tokens run out. */
  refreshVolumesAtMs(podUID: string): number
}

export interface KubeletPaths {
  readonly rootDirectory: string
  readonly podLogsDirectory: string
  /** Where symlinks to containers' logs are made for log collectors; none when absent. */
  readonly containerLogsDirectory?: string
  readonly seccompDirectory: string
}

/** What pods are told of the node they are on. */
export interface NodeFacts {
  /** Primary first. */
  hostIPs(): readonly string[]
  allocatable(): Readonly<Record<string, string>>
  /** What containers' limits depend on. */
  resources(): ResourcesNode
  /** Containers without a seccomp profile have the runtime's own. */
  readonly seccompDefault: boolean
  dns(): DNSSettings
  /** Whether the runtime's handler can make mounts recursively read-only. */
  supportsRecursiveReadOnly(handler: string): boolean
  /** Why the runtime cannot mount images; undefined when it can. */
  imageVolumeProblem(): string | undefined
}
