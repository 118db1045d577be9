/**
 * What the kubelet needs of a container runtime, and no more. The words are CRI's (k8s.io/cri-api runtime/v1), the
 * shapes are ours: times in milliseconds since the epoch, unions for states. Implementations: cri (containerd,
 * CRI-O), simulated (in process), component (processes outside containers).
 *
 * Every method rejects with a RuntimeError and nothing else. Stop and remove are idempotent: what is not there is
 * stopped and removed. Every listing is a state the runtime had; it may be stale by the time it is read.
 */
export interface ContainerRuntime {
  readonly type: string
  /**
   * False when nothing of a pod touches this machine (simulated): volumes, cgroups and hosts files are then not made.
   */
  readonly usesHost: boolean

  version(): Promise<RuntimeVersion>
  status(): Promise<RuntimeStatus>
  /** Tells the runtime the node's pod CIDR, for its own CNI template. */
  updatePodCIDR(podCIDR: string): Promise<void>

  /** Creates and starts a sandbox with its network. Resolves with its id. */
  runSandbox(config: SandboxConfig): Promise<string>
  /** Kills what runs in the sandbox and releases its network. */
  stopSandbox(sandboxID: string): Promise<void>
  removeSandbox(sandboxID: string): Promise<void>
  listSandboxes(filter?: RuntimeFilter): Promise<readonly SandboxSummary[]>
  sandboxStatus(sandboxID: string): Promise<SandboxStatus>

  createContainer(sandboxID: string, config: ContainerConfig, sandbox: SandboxConfig): Promise<string>
  startContainer(containerID: string): Promise<void>
  /** Sends the stop signal, and SIGKILL after `timeoutSeconds`; resolves when the container has exited. */
  stopContainer(containerID: string, timeoutSeconds: number): Promise<void>
  removeContainer(containerID: string): Promise<void>
  listContainers(filter?: RuntimeFilter): Promise<readonly ContainerSummary[]>
  containerStatus(containerID: string): Promise<ContainerStatus>
  updateContainerResources(containerID: string, resources: LinuxResources): Promise<void>
  /** Opens the container's log file anew, after it was rotated. */
  reopenContainerLog(containerID: string): Promise<void>
  /** Of the containers that run. */
  containerStats(filter?: RuntimeFilter): Promise<readonly ContainerStats[]>
  /** What the whole node uses, where that is not what this machine uses. Absent where it is. */
  nodeUsage?(): Promise<NodeUsage>

  /** Runs a command to its end. `timeoutSeconds` 0 is none; when it passes, rejects with `deadlineExceeded`. */
  execSync(containerID: string, command: readonly string[], timeoutSeconds: number): Promise<ExecResult>
  exec(containerID: string, options: ExecOptions): Promise<ExecSession>
  attach(containerID: string, options: AttachOptions): Promise<ExecSession>
  /** A connection to `port` on the loopback of the sandbox's network. */
  portForward(sandboxID: string, port: number): Promise<ByteChannel>

  listImages(): Promise<readonly Image[]>
  /** Undefined when the image is not on this machine. */
  imageStatus(image: ImageSpec): Promise<Image | undefined>
  /** Resolves with the reference to create containers with. */
  pullImage(image: ImageSpec, auth: RegistryAuth | undefined, sandbox: SandboxConfig): Promise<string>
  removeImage(image: ImageSpec): Promise<void>
  imageFilesystem(): Promise<readonly FilesystemUsage[]>

  /**
   * What happens in pods, until the signal aborts. Absent, or rejecting with `unimplemented`, when the runtime cannot
   * tell: then it is listed again and again. The iterator ends, or rejects, when events may have been missed.
   */
  events?(signal: AbortSignal): AsyncIterable<RuntimeEvent>

  /**
   * Answers a network probe of a pod in the pod's stead, where pods have no real network. Absent where they have one.
   */
  probeNetwork?(sandboxID: string, containerID: string): Promise<NetworkProbeAnswer>

  /**
   * A container's whole log in CRI's format, where it is not in the file that its status names. Absent where it is.
   */
  containerLog?(containerID: string): Promise<Uint8Array>

  /** Ends connections and timers; containers keep running. */
  close(): Promise<void>
}

export interface RuntimeVersion {
  /** `containerd`; the scheme of container ids in pod statuses. */
  readonly runtimeName: string
  readonly runtimeVersion: string
}

export interface RuntimeStatus {
  readonly conditions: readonly RuntimeCondition[]
  readonly features?: { readonly supplementalGroupsPolicy: boolean }
  readonly handlers?: readonly RuntimeHandler[]
}

export interface RuntimeCondition {
  /** `RuntimeReady`, `NetworkReady`. */
  readonly type: string
  readonly ready: boolean
  readonly reason: string
  readonly message: string
}

export interface RuntimeHandler {
  readonly name: string
  readonly recursiveReadOnlyMounts: boolean
  readonly userNamespaces: boolean
}

/** Only what belongs to one pod, or one object. */
export interface RuntimeFilter {
  readonly podUID?: string
  readonly id?: string
}

export type NamespaceMode = 'pod' | 'container' | 'node'

export interface SandboxConfig {
  readonly name: string
  readonly namespace: string
  readonly uid: string
  /** Grows with each sandbox of the same pod, from 0. */
  readonly attempt: number
  readonly hostname: string
  readonly logDirectory: string
  readonly dns?: DNSConfig
  readonly portMappings: readonly PortMapping[]
  readonly labels: Readonly<Record<string, string>>
  readonly annotations: Readonly<Record<string, string>>
  /** RuntimeClass handler; `''` is the runtime's default. */
  readonly runtimeHandler: string
  readonly cgroupParent: string
  readonly sysctls: Readonly<Record<string, string>>
  readonly security: SandboxSecurity
  readonly resources?: LinuxResources
  readonly overhead?: LinuxResources
}

export interface Namespaces {
  readonly network: NamespaceMode
  readonly pid: NamespaceMode
  readonly ipc: NamespaceMode
  /** Share the process namespace of this container (ephemeral containers), whatever `pid` says. */
  readonly targetContainerID?: string
  /** The users and groups of a namespace of the pod's own; absent where they are the node's. */
  readonly users?: IDMapping
}

/** Users and groups of the node, by number, that stand for those of a user namespace. */
export interface IDMapping {
  readonly hostID: number
  readonly containerID: number
  readonly length: number
}

export interface SandboxSecurity {
  readonly namespaces: Namespaces
  readonly runAsUser?: number
  readonly runAsGroup?: number
  readonly supplementalGroups: readonly number[]
  readonly supplementalGroupsPolicy?: 'Merge' | 'Strict'
  readonly privileged: boolean
  readonly seccomp: SecurityProfile
  readonly seLinux?: SELinuxOptions
}

export type SecurityProfile =
  | { readonly type: 'RuntimeDefault' }
  | { readonly type: 'Unconfined' }
  | { readonly type: 'Localhost'; readonly path: string }

export interface SELinuxOptions {
  readonly user: string
  readonly role: string
  readonly type: string
  readonly level: string
}

export interface DNSConfig {
  readonly servers: readonly string[]
  readonly searches: readonly string[]
  readonly options: readonly string[]
}

export interface PortMapping {
  readonly protocol: 'TCP' | 'UDP' | 'SCTP'
  readonly containerPort: number
  readonly hostPort: number
  readonly hostIP: string
}

export interface SandboxSummary {
  readonly id: string
  readonly name: string
  readonly namespace: string
  readonly uid: string
  readonly attempt: number
  readonly state: 'ready' | 'notReady'
  readonly createdAtMs: number
  readonly labels: Readonly<Record<string, string>>
  readonly annotations: Readonly<Record<string, string>>
}

export interface SandboxStatus extends SandboxSummary {
  /** Primary first. Empty when the pod uses the node's network, or has none any more. */
  readonly ips: readonly string[]
  /** Undefined when the runtime does not say. */
  readonly network: NamespaceMode | undefined
}

export interface LinuxResources {
  readonly cpuPeriod?: number
  readonly cpuQuota?: number
  readonly cpuShares?: number
  readonly memoryLimitBytes?: number
  readonly oomScoreAdj?: number
  readonly hugepageLimits?: readonly { readonly pageSize: string; readonly limitBytes: number }[]
  /** cgroup v2 files and what to write. */
  readonly unified?: Readonly<Record<string, string>>
}

export interface ContainerConfig {
  readonly name: string
  readonly attempt: number
  /** What imageStatus or pullImage answered. */
  readonly image: ImageSpec
  readonly command: readonly string[]
  readonly args: readonly string[]
  readonly workingDir: string
  readonly environment: readonly { readonly name: string; readonly value: string }[]
  readonly mounts: readonly Mount[]
  readonly devices: readonly Device[]
  /** Devices by their names in the Container Device Interface: `vendor.com/class=name`. */
  readonly cdiDevices: readonly string[]
  readonly labels: Readonly<Record<string, string>>
  readonly annotations: Readonly<Record<string, string>>
  /** Relative to the sandbox's log directory. */
  readonly logPath: string
  readonly stdin: boolean
  readonly stdinOnce: boolean
  readonly tty: boolean
  readonly resources: LinuxResources
  readonly security: ContainerSecurity
  readonly stopSignal?: string
}

export interface ContainerSecurity {
  readonly namespaces: Namespaces
  readonly privileged: boolean
  readonly addCapabilities: readonly string[]
  readonly dropCapabilities: readonly string[]
  readonly runAsUser?: number
  readonly runAsUserName?: string
  readonly runAsGroup?: number
  readonly readonlyRootfs: boolean
  readonly supplementalGroups: readonly number[]
  readonly supplementalGroupsPolicy?: 'Merge' | 'Strict'
  readonly noNewPrivileges: boolean
  readonly maskedPaths: readonly string[]
  readonly readonlyPaths: readonly string[]
  readonly seccomp: SecurityProfile
  readonly appArmor?: SecurityProfile
  readonly seLinux?: SELinuxOptions
}

export interface Mount {
  readonly containerPath: string
  /** `''` for an image. */
  readonly hostPath: string
  /** An image whose files are mounted, by its reference in the runtime, and the path in it; `''` for all of it. */
  readonly image?: { readonly ref: string; readonly subPath: string }
  readonly readonly: boolean
  readonly recursiveReadonly: boolean
  readonly selinuxRelabel: boolean
  readonly propagation: 'private' | 'hostToContainer' | 'bidirectional'
}

export interface Device {
  readonly containerPath: string
  readonly hostPath: string
  readonly permissions: string
}

export type ContainerState = 'created' | 'running' | 'exited' | 'unknown'

export interface ContainerIdentity {
  readonly id: string
  readonly name: string
  readonly attempt: number
  readonly state: ContainerState
  readonly createdAtMs: number
  readonly labels: Readonly<Record<string, string>>
  readonly annotations: Readonly<Record<string, string>>
}

export interface ContainerSummary extends ContainerIdentity {
  readonly sandboxID: string
}

export interface ContainerStatus extends ContainerIdentity {
  /** As pod statuses show it: `containerd://<id>`. */
  readonly reference: string
  readonly image: string
  /** With digest where there is one: pod statuses' imageID. */
  readonly imageRef: string
  /** 0 before it started. */
  readonly startedAtMs: number
  /** 0 before it ended. */
  readonly finishedAtMs: number
  readonly exitCode: number
  /** `Completed`, `Error`, `OOMKilled`, `StartError`, ... or `''`. */
  readonly reason: string
  readonly message: string
  /** Absolute. */
  readonly logPath: string
  /** The log is lines of text, not entries in CRI's format. */
  readonly isPlainLog?: boolean
  readonly mounts: readonly Mount[]
  readonly user?: {
    readonly uid: number
    readonly gid: number
    readonly supplementalGroups: readonly number[]
  }
}

export interface ContainerStats {
  readonly containerID: string
  readonly name: string
  readonly podUID: string
  readonly podName: string
  readonly podNamespace: string
  readonly timestampMs: number
  readonly cpuUsageNanoseconds: bigint
  readonly memoryWorkingSetBytes: number
  readonly memoryUsageBytes?: number
  readonly memoryRSSBytes?: number
  readonly pageFaults?: number
  readonly majorPageFaults?: number
  readonly filesystemUsedBytes?: number
  readonly filesystemInodesUsed?: number
}

export type NodeUsage = Pick<ContainerStats, 'cpuUsageNanoseconds' | 'memoryWorkingSetBytes'>

export interface ExecResult {
  readonly stdout: Uint8Array
  readonly stderr: Uint8Array
  readonly exitCode: number
}

export interface AttachOptions {
  readonly stdin: boolean
  readonly stdout: boolean
  readonly stderr: boolean
  readonly tty: boolean
}

export interface ExecOptions extends AttachOptions {
  readonly command: readonly string[]
}

/** Takes bytes; what it returns resolves when it can take more, and rejects when nobody reads them any more. */
export interface ByteSink {
  write(data: Uint8Array): Promise<void>
  /** Nothing more comes. */
  end(): Promise<void>
}

/** Bytes both ways, each way ended by itself. */
export interface ByteChannel extends ByteSink, AsyncIterable<Uint8Array> {
  /** Ends both ways at once. */
  close(): void
}

/** A command, or a container's first process, with its streams. Ending `stdin` half-closes it. */
export interface ExecSession {
  readonly stdin?: ByteSink
  readonly stdout?: AsyncIterable<Uint8Array>
  readonly stderr?: AsyncIterable<Uint8Array>
  resize(columns: number, rows: number): void
  /** Resolves when the command has ended; its output may still have to be read. Rejects with a RuntimeError. */
  readonly exit: Promise<{ readonly exitCode: number }>
  /** Ends the session at once; the command may go on. */
  close(): void
}

export interface ImageSpec {
  readonly image: string
  readonly annotations?: Readonly<Record<string, string>>
  readonly userSpecifiedImage?: string
  readonly runtimeHandler?: string
}

export interface Image {
  readonly id: string
  readonly repoTags: readonly string[]
  readonly repoDigests: readonly string[]
  readonly sizeBytes: number
  /** The user the image asks for, when it is a number. */
  readonly uid?: number
  /** The user the image asks for, when it is a name; `''` when neither: root. */
  readonly username: string
  readonly pinned: boolean
}

/** Never logged. */
export interface RegistryAuth {
  readonly username?: string
  readonly password?: string
  readonly auth?: string
  readonly serverAddress?: string
  readonly identityToken?: string
  readonly registryToken?: string
}

export interface FilesystemUsage {
  readonly mountpoint: string
  readonly usedBytes: number
  readonly inodesUsed: number
}

/** What a runtime tells by itself. */
export type RuntimeEvent =
  /** First of all: what happens from now on is told. */
  | { readonly type: 'subscribed' }
  /** Something has changed in a pod, and the runtime's answers have it. */
  | { readonly type: 'podChanged'; readonly podUID: string }
  /**
   * A container or sandbox was removed, its first process has begun or ended, or one of its processes was killed for
   * want of memory. The runtime's answers may come to have it only a little later. It may be told twice.
   */
  | { readonly type: 'started' | 'exited' | 'outOfMemory' | 'removed'; readonly id: string }

export type NetworkProbeAnswer = { readonly success: boolean; readonly message: string }
