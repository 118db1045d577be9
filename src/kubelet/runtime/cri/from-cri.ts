import { isIP } from 'node:net'
import type {
  ContainerState,
  ContainerStats,
  ContainerStatus,
  ContainerSummary,
  Image,
  Mount,
  NamespaceMode,
  RuntimeStatus,
  SandboxStatus,
  SandboxSummary,
} from '../runtime.ts'
import {
  ContainerState as CriContainerState,
  MountPropagation,
  NamespaceMode as CriNamespaceMode,
  PodSandboxState,
  type Container as CriContainer,
  type ContainerStats as CriContainerStats,
  type ContainerStatus as CriContainerStatus,
  type Image as CriImage,
  type Mount as CriMount,
  type PodSandbox,
  type PodSandboxStatus,
  type StatusResponse,
} from './generated/api_pb.ts'

/** CRI messages as our shapes. CRI's times are nanoseconds since the epoch, 0 for never. */

export function sandboxFromCri(sandbox: PodSandbox | PodSandboxStatus): SandboxSummary {
  const { metadata } = sandbox
  return {
    id: sandbox.id,
    name: metadata?.name ?? '',
    namespace: metadata?.namespace ?? '',
    uid: metadata?.uid ?? '',
    attempt: metadata?.attempt ?? 0,
    state: sandbox.state === PodSandboxState.SANDBOX_READY ? 'ready' : 'notReady',
    createdAtMs: milliseconds(sandbox.createdAt),
    labels: sandbox.labels,
    annotations: sandbox.annotations,
  }
}

export function sandboxStatusFromCri(status: PodSandboxStatus): SandboxStatus {
  const { network } = status
  const ips = network?.ip ? [network.ip, ...network.additionalIps.map(({ ip }) => ip)] : []
  const mode = status.linux?.namespaces?.options?.network
  return {
    ...sandboxFromCri(status),
    ips: addressesFromCri(ips),
    network: mode === undefined ? undefined : namespaceModes[mode],
  }
}

export function containerFromCri(container: CriContainer): ContainerSummary {
  return {
    id: container.id,
    sandboxID: container.podSandboxId,
    name: container.metadata?.name ?? '',
    attempt: container.metadata?.attempt ?? 0,
    state: containerStates[container.state] ?? 'unknown',
    createdAtMs: milliseconds(container.createdAt),
    labels: container.labels,
    annotations: container.annotations,
  }
}

export function containerStatusFromCri(status: CriContainerStatus, runtimeName: string): ContainerStatus {
  const user = status.user?.linux
  return {
    id: status.id,
    name: status.metadata?.name ?? '',
    attempt: status.metadata?.attempt ?? 0,
    state: containerStates[status.state] ?? 'unknown',
    createdAtMs: milliseconds(status.createdAt),
    labels: status.labels,
    annotations: status.annotations,
    reference: `${runtimeName}://${status.id}`,
    image: status.image?.image ?? '',
    imageRef: status.imageRef,
    startedAtMs: milliseconds(status.startedAt),
    finishedAtMs: milliseconds(status.finishedAt),
    exitCode: status.exitCode,
    reason: status.reason,
    message: status.message,
    logPath: status.logPath,
    mounts: status.mounts.map(mountFromCri),
    ...(user && {
      user: {
        uid: Number(user.uid),
        gid: Number(user.gid),
        supplementalGroups: user.supplementalGroups.map(Number),
      },
    }),
  }
}

/** Undefined for a container that does not run: all that runtimes tell of it is what it left on the disk. */
export function statsFromCri(stats: CriContainerStats): ContainerStats | undefined {
  const { attributes, cpu, memory, writableLayer } = stats
  if (!cpu && !memory) return undefined
  const labels = attributes?.labels ?? {}
  return {
    containerID: attributes?.id ?? '',
    name: attributes?.metadata?.name ?? '',
    podUID: labels['io.kubernetes.pod.uid'] ?? '',
    podName: labels['io.kubernetes.pod.name'] ?? '',
    podNamespace: labels['io.kubernetes.pod.namespace'] ?? '',
    timestampMs: milliseconds(cpu?.timestamp ?? memory?.timestamp ?? 0n),
    cpuUsageNanoseconds: cpu?.usageCoreNanoSeconds?.value ?? 0n,
    memoryWorkingSetBytes: Number(memory?.workingSetBytes?.value ?? 0n),
    ...numberField('memoryUsageBytes', memory?.usageBytes?.value),
    ...numberField('memoryRSSBytes', memory?.rssBytes?.value),
    ...numberField('pageFaults', memory?.pageFaults?.value),
    ...numberField('majorPageFaults', memory?.majorPageFaults?.value),
    ...numberField('filesystemUsedBytes', writableLayer?.usedBytes?.value),
    ...numberField('filesystemInodesUsed', writableLayer?.inodesUsed?.value),
  }
}

export function imageFromCri(image: CriImage): Image {
  return {
    id: image.id,
    repoTags: image.repoTags,
    repoDigests: image.repoDigests,
    sizeBytes: Number(image.size),
    ...numberField('uid', image.uid?.value),
    username: image.username,
    pinned: image.pinned,
  }
}

export function statusFromCri(response: StatusResponse): RuntimeStatus {
  return {
    conditions: (response.status?.conditions ?? []).map(({ type, status, reason, message }) => ({
      type,
      ready: status,
      reason,
      message,
    })),
    ...(response.features && {
      features: { supplementalGroupsPolicy: response.features.supplementalGroupsPolicy },
    }),
    handlers: response.runtimeHandlers.map(({ name, features }) => ({
      name,
      recursiveReadOnlyMounts: features?.recursiveReadOnlyMounts ?? false,
      userNamespaces: features?.userNamespaces ?? false,
    })),
  }
}

const namespaceModes: Readonly<Record<CriNamespaceMode, NamespaceMode>> = {
  [CriNamespaceMode.POD]: 'pod',
  [CriNamespaceMode.CONTAINER]: 'container',
  [CriNamespaceMode.NODE]: 'node',
  [CriNamespaceMode.TARGET]: 'container',
}

const containerStates: Readonly<Record<CriContainerState, ContainerState>> = {
  [CriContainerState.CONTAINER_CREATED]: 'created',
  [CriContainerState.CONTAINER_RUNNING]: 'running',
  [CriContainerState.CONTAINER_EXITED]: 'exited',
  [CriContainerState.CONTAINER_UNKNOWN]: 'unknown',
}

function mountFromCri(mount: CriMount): Mount {
  return {
    containerPath: mount.containerPath,
    hostPath: mount.hostPath,
    readonly: mount.readonly,
    recursiveReadonly: mount.recursiveReadOnly,
    selinuxRelabel: mount.selinuxRelabel,
    propagation: propagationFromCri(mount.propagation),
  }
}

function propagationFromCri(propagation: MountPropagation): Mount['propagation'] {
  switch (propagation) {
    case MountPropagation.PROPAGATION_BIDIRECTIONAL:
      return 'bidirectional'
    case MountPropagation.PROPAGATION_HOST_TO_CONTAINER:
      return 'hostToContainer'
    default:
      return 'private'
  }
}

/** Up to the first that is no address: an API server would refuse the status that tells it, as long as it stands. */
function addressesFromCri(ips: readonly string[]): readonly string[] {
  const wrong = ips.findIndex((ip) => isIP(ip) === 0)
  return wrong < 0 ? ips : ips.slice(0, wrong)
}

/** The end of the year 9999: no time of the API is later. */
const latestNanoseconds = 253_402_300_799_000_000_000n

/** A time that the API cannot tell is none. */
function milliseconds(nanoseconds: bigint): number {
  if (nanoseconds <= 0n || nanoseconds > latestNanoseconds) return 0
  return Number(nanoseconds / 1000n) / 1000
}

function numberField<Name extends string>(
  name: Name,
  value: bigint | undefined,
): Partial<Record<Name, number>> {
  return value === undefined ? {} : ({ [name]: Number(value) } as Record<Name, number>)
}
