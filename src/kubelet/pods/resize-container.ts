import type { Pod } from '../../api/generated/core.v1.ts'
import { containerResources } from '../containers/resources.ts'
import { findContainer } from './pod.ts'
import type { PodServices } from './services.ts'

/** Gives a running container, and the pod around it, the limits that the spec says now. */
export async function resizeContainer(
  { runtime, cgroups, node }: PodServices,
  pod: Pod,
  name: string,
  containerID: string,
): Promise<void> {
  const container = findContainer(pod, name)?.container
  if (!container) return
  const resize = async () => {
    if (runtime.usesHost) await cgroups.create(pod)
  }
  // More must be given to the pod first, less can be taken from it only last: one of the two tries succeeds.
  await resize().catch(() => undefined)
  const resources = containerResources(pod, container, node.memoryCapacityBytes, cgroups.version)
  await runtime.updateContainerResources(containerID, resources)
  await resize()
}
