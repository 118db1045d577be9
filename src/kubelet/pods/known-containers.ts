import type { Pod } from '../../api/generated/core.v1.ts'
import { isNotFound } from '../runtime/runtime-error.ts'
import type { PodObservation } from './observation.ts'
import type { PodServices } from './services.ts'

/** Ids of the containers that the pod's status tells of and that have not been seen in the runtime. */
export function unseenContainers(pod: Pod, observed: PodObservation): readonly string[] {
  const { status = {} } = pod
  const statuses = [
    ...(status.containerStatuses ?? []),
    ...(status.initContainerStatuses ?? []),
    ...(status.ephemeralContainerStatuses ?? []),
  ]
  const ids = statuses.flatMap(({ containerID }) => containerID?.split('://')[1] ?? [])
  return ids.filter((id) => !observed.containers.some((container) => container.id === id))
}

/**
 * Whether the containers that an earlier kubelet told of have gone, or been seen. A listing may be of the past: what is
 * missing in it is asked for by name, and where the runtime knows it after all, the pod is listed again. Rejects with a
 * RuntimeError.
 */
export async function knownContainersSeen(
  { runtime, observer }: PodServices,
  pod: Pod,
  podUID: string,
): Promise<boolean> {
  const unseen = unseenContainers(pod, observer.get(podUID))
  const present = await Promise.all(
    unseen.map((id) =>
      runtime.containerStatus(id).then(
        () => true,
        (error: unknown) => {
          if (isNotFound(error)) return false
          throw error
        },
      ),
    ),
  )
  if (!present.includes(true)) return true
  await observer.refresh(podUID)
  return false
}
