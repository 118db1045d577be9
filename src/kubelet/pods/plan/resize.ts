import type { Pod, ResourceRequirements } from '../../../api/generated/core.v1.ts'
import { compareQuantity } from '../../../machinery/quantity.ts'
import type { ObservedContainer, PodObservation } from '../observation.ts'
import { newestInstance } from '../observation.ts'
import { containersOf, type AnyContainer } from '../pod.ts'
import type { PlanDraft } from './draft.ts'
import { terminationGraceSeconds } from './grace.ts'
import type { PlanInput } from './input.ts'

const resizable = ['cpu', 'memory'] as const

/** The resources that a running container has; what nobody has changed is as the spec says. */
export function appliedResources(
  pod: Pod,
  container: AnyContainer,
  instance: ObservedContainer,
  remembered: ResourceRequirements | undefined,
): ResourceRequirements {
  if (remembered) return remembered
  const { containerStatuses = [], initContainerStatuses = [] } = pod.status ?? {}
  const status = [...containerStatuses, ...initContainerStatuses].find(({ name }) => name === container.name)
  const told = status?.containerID === instance.reference ? status.resources : undefined
  return told ?? container.resources ?? {}
}

/** CPU and memory that differ between what a container has and what it should have. */
function resizedResources(
  wanted: ResourceRequirements | undefined,
  applied: ResourceRequirements,
): readonly string[] {
  return resizable.filter(
    (name) =>
      differs(wanted?.requests?.[name], applied.requests?.[name]) ||
      differs(wanted?.limits?.[name], applied.limits?.[name]),
  )
}

function differs(a: string | undefined, b: string | undefined): boolean {
  if (a === undefined || b === undefined) return a !== b
  return compareQuantity(a, b) !== 0
}

/** Whether a running container of the pod has other resources than its spec says. */
export function isResizing(
  pod: Pod,
  observed: PodObservation,
  remembered: ReadonlyMap<string, ResourceRequirements>,
): boolean {
  return containersOf(pod).some(({ container, kind }) => {
    if (kind === 'ephemeral' || kind === 'init') return false
    const instance = newestInstance(observed, container.name)
    if (instance?.state !== 'running') return false
    const applied = appliedResources(pod, container, instance, remembered.get(instance.id))
    return resizedResources(container.resources, applied).length > 0
  })
}

/** Gives a running container the resources of its spec, in place or, where its policy says so, by a restart. */
export function planResize(
  input: PlanInput,
  draft: PlanDraft,
  container: AnyContainer,
  instance: ObservedContainer,
): void {
  const { pod, memory } = input
  if (input.resize !== 'fits') return
  const applied = appliedResources(pod, container, instance, memory.appliedResources.get(instance.id))
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
