import type { Pod, ResourceRequirements } from '../../api/generated/core.v1.ts'
import { quantityValue } from '../../machinery/quantity.ts'
import { containerResources } from '../containers/resources.ts'
import type { ContainerStats } from '../runtime/runtime.ts'
import { newestInstance, type ObservedContainer } from './observation.ts'
import type { AppliedResources } from './plan/memory.ts'
import { appliedResources, appliedWhole } from './plan/resize.ts'
import { containersOf, podUID, type AnyContainer } from './pod.ts'
import type { PodServices } from './services.ts'

export interface ResizeContext {
  readonly services: PodServices
  /** With the resources that it is to have. */
  readonly pod: Pod
  /** What it has. */
  readonly applied: AppliedResources
}

/** Gives a running container, and the pod around it, the limits that the spec says now. */
export async function resizeContainer(
  context: ResizeContext,
  name: string,
  containerID: string,
): Promise<void> {
  const running = runningOf(context)
  await resize(
    context,
    running.filter((one) => one.container.name === name && one.instance.id === containerID),
  )
}

/** Gives the pod as a whole, and the containers that have no limits of their own, the limits that the spec says now. */
export async function resizePod(context: ResizeContext): Promise<void> {
  const running = runningOf(context)
  await resize(
    context,
    running.filter(({ container: { resources } }) => !resources?.limits?.cpu || !resources.limits.memory),
  )
}

interface Running {
  readonly container: AnyContainer
  readonly instance: ObservedContainer
}

function runningOf({ services, pod }: ResizeContext): readonly Running[] {
  const observed = services.observer.get(podUID(pod))
  return containersOf(pod).flatMap(({ container, kind }) => {
    const instance = newestInstance(observed, container.name)
    return kind !== 'ephemeral' && instance?.state === 'running' ? [{ container, instance }] : []
  })
}

async function resize(context: ResizeContext, running: readonly Running[]): Promise<void> {
  const { services, pod } = context
  const { runtime, cgroups, node } = services
  const resizeWhole = async () => {
    if (runtime.usesHost) await cgroups.create(pod)
  }
  await refuseBelowUsage(context, running)
  // More must be given to the pod first, less can be taken from it only last: one of the two tries succeeds.
  await resizeWhole().catch(() => undefined)
  for (const { container, instance } of running) {
    const resources = containerResources(pod, container, node.resources())
    await runtime.updateContainerResources(instance.id, resources)
  }
  await resizeWhole()
}

/** Less memory than is in use would end what uses it. Source: kubernetes pkg/kubelet/kuberuntime. */
async function refuseBelowUsage(context: ResizeContext, running: readonly Running[]): Promise<void> {
  const { services, pod, applied } = context
  const whole = loweredTo(pod.spec?.resources, appliedWhole(pod, applied))
  const lowered = running.flatMap(({ container, instance }) => {
    const limit = loweredTo(container.resources, appliedResources(pod, container, instance, applied))
    return limit === undefined ? [] : [{ limit, name: container.name, containerID: instance.id }]
  })
  if (whole === undefined && lowered.length === 0) return

  const stats = await services.runtime.containerStats({ podUID: podUID(pod) })
  const usageOf = (some: readonly ContainerStats[]) =>
    some.reduce((sum, stat) => sum + (stat.memoryUsageBytes ?? stat.memoryWorkingSetBytes), 0)
  const usage = usageOf(stats)
  if (whole !== undefined && whole <= usage) {
    throw new Error(`attempting to set pod memory limit (${whole}) below current usage (${usage})`)
  }
  for (const { limit, name, containerID } of lowered) {
    const used = usageOf(stats.filter((stat) => stat.containerID === containerID))
    if (limit > used) continue
    throw new Error(
      `attempting to set container "${name}" memory limit (${limit}) below current usage (${used})`,
    )
  }
}

/** The new memory limit in bytes, where there was a higher one or none. */
function loweredTo(wanted?: ResourceRequirements, has?: ResourceRequirements): number | undefined {
  const limit = wanted?.limits?.memory
  if (limit === undefined) return undefined
  const before = has?.limits?.memory
  return before === undefined || quantityValue(limit) < quantityValue(before)
    ? quantityValue(limit)
    : undefined
}
