import type { Pod, ResourceRequirements } from '../../../api/generated/core.v1.ts'
import type { ObservedContainer, PodObservation } from '../observation.ts'
import { newestInstance } from '../observation.ts'
import { containersOf, type AnyContainer } from '../pod.ts'
import { resizedResources } from './allocation.ts'
import type { PlanDraft } from './draft.ts'
import { terminationGraceSeconds } from './grace.ts'
import type { PlanInput } from './input.ts'
import type { AppliedResources } from './memory.ts'

/** The resources that a running container has; what nobody has changed is as the spec says. */
export function appliedResources(
  pod: Pod,
  container: AnyContainer,
  instance: ObservedContainer,
  applied: AppliedResources,
): ResourceRequirements {
  const remembered = applied.containers.get(instance.id)
  if (remembered) return remembered
  const { containerStatuses = [], initContainerStatuses = [] } = pod.status ?? {}
  const status = [...containerStatuses, ...initContainerStatuses].find(({ name }) => name === container.name)
  const told = status?.containerID === instance.reference ? status.resources : undefined
  return told ?? container.resources ?? {}
}

/** What the pod as a whole has; undefined where its spec says nothing of that. */
export function appliedWhole(pod: Pod, applied: AppliedResources): ResourceRequirements | undefined {
  if (!pod.spec?.resources) return undefined
  return applied.whole ?? pod.status?.resources ?? pod.spec.resources
}

/** Whether the pod, or a running container of it, has other resources than are set aside for it. */
export function isResizing(pod: Pod, observed: PodObservation, applied: AppliedResources): boolean {
  return isWholeResizing(pod, observed, applied) || resizingContainers(pod, observed, applied).length > 0
}

function isWholeResizing(pod: Pod, observed: PodObservation, applied: AppliedResources): boolean {
  const hasSandbox = observed.sandboxes.some(({ state }) => state === 'ready')
  return hasSandbox && resizedResources(pod.spec?.resources, appliedWhole(pod, applied)).length > 0
}

function resizingContainers(pod: Pod, observed: PodObservation, applied: AppliedResources) {
  return containersOf(pod).filter(({ container, kind }) => {
    const instance = newestInstance(observed, container.name)
    if (kind === 'ephemeral' || instance?.state !== 'running') return false
    const has = appliedResources(pod, container, instance, applied)
    return resizedResources(container.resources, has).length > 0
  })
}

/** Gives the pod as a whole what is set aside for it, when its containers have theirs. */
export function planWholeResize({ pod, observed, memory }: PlanInput, draft: PlanDraft): void {
  if (!isWholeResizing(pod, observed, memory.applied)) return
  if (resizingContainers(pod, observed, memory.applied).length > 0) return
  draft.add({ type: 'resizePod' })
}

/** Gives a running container what is set aside for it, in place or, where its policy says so, by a restart. */
export function planResize(
  input: PlanInput,
  draft: PlanDraft,
  container: AnyContainer,
  instance: ObservedContainer,
): void {
  const { pod, memory } = input
  const applied = appliedResources(pod, container, instance, memory.applied)
  const resized = resizedResources(container.resources, applied)
  if (resized.length === 0) return
  const restarts = (container.resizePolicy ?? []).some(
    ({ resourceName, restartPolicy }) =>
      restartPolicy === 'RestartContainer' && resized.includes(resourceName),
  )
  const { name } = container
  if (!restarts) {
    draft.add({ type: 'resizeContainer', containerID: instance.id, name })
    return
  }
  draft.add({
    type: 'killContainer',
    containerID: instance.id,
    name,
    graceSeconds: terminationGraceSeconds(pod),
    reason: 'resize',
    message: `Container ${name} resize requires restart`,
  })
}
