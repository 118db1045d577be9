import type { Pod, ResourceStatus } from '../../api/generated/core.v1.ts'
import type { AnyContainer } from '../pods/pod.ts'
import type { Device, Mount } from '../runtime/runtime.ts'
import type { Variable } from '../containers/service-environment.ts'

/** What a container gets of the devices that it was given. */
export interface ContainerAdditions {
  readonly environment: readonly Variable[]
  readonly mounts: readonly Mount[]
  readonly devices: readonly Device[]
  readonly annotations: Readonly<Record<string, string>>
  /** Names of devices as the Container Device Interface knows them. */
  readonly cdiDevices: readonly string[]
}

export const noAdditions: ContainerAdditions = {
  environment: [],
  mounts: [],
  devices: [],
  annotations: {},
  cdiDevices: [],
}

/** Devices of this node, as pods are given them: by device plugins, and by drivers of dynamic resources. */
export interface PodResources {
  /** The name of a resource that a device plugin has or had: whether there is enough of it is asked by `allocate`. */
  isPluginResource(name: string): boolean
  /** Whether the pod must be given devices before it may run. */
  wants(pod: Pod): boolean
  /** Gives the pod's containers their devices. Rejects, in words for its status, when that cannot be. */
  allocate(pod: Pod): Promise<void>
  /** Makes ready what the pod's ResourceClaims have been given, before its sandbox. Rejects in words for an event. */
  prepare(pod: Pod): Promise<void>
  /** What the container is to be made with; tells plugins that ask that it is about to start. */
  additions(pod: Pod, container: AnyContainer): Promise<ContainerAdditions>
  /** How the devices of a container are: its status's allocatedResourcesStatus. */
  statusOf(podUID: string, container: string): readonly ResourceStatus[]
  /** Nothing of the pod runs any more: its devices are free. Idempotent; rejects when a driver does not let go. */
  release(podUID: string): Promise<void>
}

/** Where there are none: simulated nodes, and processes of the machine itself. */
export const noPodResources: PodResources = {
  isPluginResource: () => false,
  wants: () => false,
  allocate: () => Promise.resolve(),
  prepare: () => Promise.resolve(),
  additions: () => Promise.resolve(noAdditions),
  statusOf: () => [],
  release: () => Promise.resolve(),
}
