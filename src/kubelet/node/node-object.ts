import type { ContainerImage, Node, NodeAddress, NodeCondition, Taint } from '../../api/generated/core.v1.ts'
import { builtVersion } from '../../api/kubernetes-version.ts'
import { formatQuantity, milliQuantityOf, quantityOf } from '../../machinery/quantity.ts'
import { formatTime } from '../../machinery/time.ts'
import type { Image, RuntimeStatus, RuntimeVersion } from '../runtime/runtime.ts'
import type { NodePressure } from '../eviction/threshold.ts'
import type { Machine } from './machine.ts'

const defaultMaximumImages = 50
const maximumImageNames = 5
/** Upstream's hard eviction threshold: what pods may not take. */
const keptMemoryBytes = 100 * 1024 * 1024
const storageForPods = 0.9
/** What pods may need that kubelets of other versions do not have, by its gate; in order. */
const declaredFeatures = [
  'ExtendWebSocketsToKubelet',
  'InPlacePodLevelResourcesVerticalScaling',
  'InPlacePodVerticalScalingInitContainers',
  'RestartAllContainersOnContainerExits',
]

export interface NodeDescription {
  readonly name: string
  readonly addresses: readonly string[]
  readonly labels: Readonly<Record<string, string>>
  readonly taints: readonly Taint[]
  readonly maxPods: number
  /** Images that the status tells of; below 0 all. Default 50. */
  readonly maxImages?: number
  readonly port: number
  readonly providerID?: string
  /** Kept for the system, beside what upstream keeps. */
  readonly reserved: { readonly milliCPU: number; readonly memoryBytes: number }
  readonly machine: Machine
}

export interface NodeState {
  readonly version: RuntimeVersion
  readonly runtime: RuntimeStatus | undefined
  /** Why the node is not ready. */
  readonly problems: readonly string[]
  readonly images: readonly Image[]
  /** What the node is short of. */
  readonly pressures: ReadonlySet<NodePressure>
  /** Resources of device plugins, by name. */
  readonly devices: Readonly<Record<string, { readonly capacity: number; readonly allocatable: number }>>
  readonly now: number
}

/** The labels a node has by itself. */
export function nodeLabels({ name, machine, labels }: NodeDescription): Readonly<Record<string, string>> {
  return {
    'beta.kubernetes.io/arch': machine.architecture,
    'beta.kubernetes.io/os': 'linux',
    'kubernetes.io/arch': machine.architecture,
    'kubernetes.io/hostname': name,
    'kubernetes.io/os': 'linux',
    ...labels,
  }
}

/** The node as it registers itself. */
export function newNode(description: NodeDescription, state: NodeState): Node {
  return {
    apiVersion: 'v1',
    kind: 'Node',
    metadata: {
      name: description.name,
      labels: nodeLabels(description),
      annotations: { 'volumes.kubernetes.io/controller-managed-attach-detach': 'true' },
    },
    spec: {
      ...(description.taints.length > 0 && { taints: description.taints }),
      ...(description.providerID !== undefined && { providerID: description.providerID }),
    },
    status: nodeStatus(description, state, undefined),
  }
}

/** The node's status now. Conditions keep the time of their last change, and resources that others declared stay. */
export function nodeStatus(
  description: NodeDescription,
  state: NodeState,
  previous: Node['status'],
): NonNullable<Node['status']> {
  const { machine } = description
  const own = resourcesOf(description)
  const declared = declaredResources(previous?.capacity ?? {}, own.capacity)
  const { version, runtime } = state
  return {
    capacity: { ...own.capacity, ...declared, ...amountsOf(state, 'capacity') },
    allocatable: { ...own.allocatable, ...declared, ...amountsOf(state, 'allocatable') },
    conditions: conditionsOf(state, previous?.conditions ?? []),
    addresses: addressesOf(description),
    daemonEndpoints: { kubeletEndpoint: { Port: description.port } },
    nodeInfo: {
      machineID: machine.machineID,
      systemUUID: machine.systemUUID,
      bootID: machine.bootID,
      kernelVersion: machine.kernelVersion,
      osImage: machine.osImage,
      containerRuntimeVersion: `${version.runtimeName}://${version.runtimeVersion}`,
      kubeletVersion: builtVersion,
      kubeProxyVersion: '',
      operatingSystem: 'linux',
      architecture: machine.architecture,
      swap: { capacity: machine.swapBytes },
    },
    images: imagesOf(state.images, description.maxImages),
    ...(runtime?.handlers?.length && {
      runtimeHandlers: runtime.handlers.map(({ name, recursiveReadOnlyMounts, userNamespaces }) => ({
        name,
        features: { recursiveReadOnlyMounts, userNamespaces },
      })),
    }),
    ...(runtime?.features && { features: runtime.features }),
    declaredFeatures,
  }
}

type Quantities = Readonly<Record<string, string>>

/** What others have said of the node's capacity: extended resources, all of which pods may have. */
function declaredResources(capacity: Quantities, own: Quantities): Quantities {
  const isDeclared = (name: string) => !Object.hasOwn(own, name) && !name.startsWith('hugepages-')
  return Object.fromEntries(Object.entries(capacity).filter(([name]) => isDeclared(name)))
}

export function resourcesOf({ machine, maxPods, reserved }: NodeDescription) {
  const hugepages = Object.fromEntries(
    Object.entries(machine.hugepages).map(([size, bytes]) => [`hugepages-${size}`, bytesText(bytes)]),
  )
  const hugeBytes = Object.values(machine.hugepages).reduce((sum, bytes) => sum + bytes, 0)
  const memoryBytes = Math.max(0, machine.memoryBytes - reserved.memoryBytes - keptMemoryBytes - hugeBytes)
  return {
    capacity: {
      cpu: countText(machine.cpus),
      'ephemeral-storage': bytesText(machine.ephemeralStorageBytes),
      ...hugepages,
      memory: bytesText(machine.memoryBytes),
      pods: countText(maxPods),
    },
    allocatable: {
      cpu: formatQuantity(milliQuantityOf(machine.cpus * 1000 - reserved.milliCPU)),
      'ephemeral-storage': bytesText(machine.ephemeralStorageBytes * storageForPods),
      ...hugepages,
      memory: bytesText(memoryBytes),
      pods: countText(maxPods),
    },
  }
}

/** As the API server keeps it: another text of the same amount would be a change in every report. */
function bytesText(bytes: number): string {
  return formatQuantity(quantityOf(Math.floor(bytes), 'BinarySI'))
}

function countText(count: number): string {
  return formatQuantity(quantityOf(count))
}

function amountsOf({ devices }: NodeState, of: 'capacity' | 'allocatable'): Readonly<Record<string, string>> {
  return Object.fromEntries(Object.entries(devices).map(([name, amounts]) => [name, countText(amounts[of])]))
}

function addressesOf({ addresses, name }: NodeDescription): readonly NodeAddress[] {
  return [
    ...addresses.map((address) => ({ type: 'InternalIP', address })),
    // As upstream with --hostname-override, which is what gives a node a name that is not its machine's.
    { type: 'Hostname', address: name },
  ]
}

/** What each pressure is told as, while it lasts and while it does not. */
const pressureConditions = [
  {
    type: 'MemoryPressure',
    calm: { reason: 'KubeletHasSufficientMemory', message: 'kubelet has sufficient memory available' },
    pressed: {
      reason: 'KubeletHasInsufficientMemory',
      message: 'kubelet has insufficient memory available',
    },
  },
  {
    type: 'DiskPressure',
    calm: { reason: 'KubeletHasNoDiskPressure', message: 'kubelet has no disk pressure' },
    pressed: { reason: 'KubeletHasDiskPressure', message: 'kubelet has disk pressure' },
  },
  {
    type: 'PIDPressure',
    calm: { reason: 'KubeletHasSufficientPID', message: 'kubelet has sufficient PID available' },
    pressed: { reason: 'KubeletHasInsufficientPID', message: 'kubelet has insufficient PID available' },
  },
] as const

/** The pressures as conditions tell them. */
export function pressureVerdicts(pressures: NodeState['pressures']) {
  return pressureConditions.map(({ type, calm, pressed }) =>
    pressures.has(type) ? { type, status: 'True', ...pressed } : { type, status: 'False', ...calm },
  )
}

function conditionsOf(
  { problems, pressures, now }: NodeState,
  previous: readonly NodeCondition[],
): readonly NodeCondition[] {
  const ready =
    problems.length === 0
      ? { status: 'True', reason: 'KubeletReady', message: 'kubelet is posting ready status' }
      : { status: 'False', reason: 'KubeletNotReady', message: messageOf(problems) }
  const verdicts = [...pressureVerdicts(pressures), { type: 'Ready', ...ready }]
  return verdicts.map((verdict) => {
    const before = previous.find(({ type }) => type === verdict.type)
    const same = before?.status === verdict.status
    return {
      ...verdict,
      lastHeartbeatTime: formatTime(now),
      lastTransitionTime: (same && before.lastTransitionTime) || formatTime(now),
    }
  })
}

function messageOf(problems: readonly string[]): string {
  return problems.length === 1 ? problems[0]! : `[${problems.join(', ')}]`
}

/** The largest images, with the names users know them by first. */
function imagesOf(images: readonly Image[], maximum = defaultMaximumImages): readonly ContainerImage[] {
  return [...images]
    .sort((a, b) => b.sizeBytes - a.sizeBytes)
    .slice(0, maximum < 0 ? undefined : maximum)
    .map(({ repoDigests, repoTags, sizeBytes }) => ({
      names: [...repoDigests, ...repoTags].slice(0, maximumImageNames),
      sizeBytes,
    }))
}
