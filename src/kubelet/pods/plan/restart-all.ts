import type { ContainerStatus, Pod, PodStatus } from '../../../api/generated/core.v1.ts'
import { isConditionTrue, withoutCondition } from '../../../machinery/conditions.ts'
import { isAlive, newestInstance, type ObservedContainer, type PodObservation } from '../observation.ts'
import { containersOf } from '../pod.ts'
import type { PlanDraft } from './draft.ts'
import type { PlanInput } from './input.ts'
import { restartRule } from './restart.ts'

/*
 * A container whose rule says RestartAllContainers takes the whole pod back to its beginning when it ends: everything is
 * ended at once, without preStop hooks, and removed from the runtime, the container that asked for it last, so that it is
 * known until then; then the pod starts in its sandbox as a new one does, init containers first. Ephemeral containers and
 * volumes stay. Source: KEP-5532.
 */

export const allContainersRestarting = 'AllContainersRestarting'

/** Whether a container of the pod may ask for that. */
export function mayRestartAll(pod: Pod): boolean {
  return containersOf(pod).some(({ container }) =>
    (container.restartPolicyRules ?? []).some(({ action }) => action === 'RestartAllContainers'),
  )
}

/** Whether the pod is on its way back to its beginning: something of it that ran is still there. */
export function isRestartingAll(pod: Pod, observed: PodObservation): boolean {
  return isTold(pod.status) ? restarted(pod, observed).length > 0 : triggers(pod, observed).length > 0
}

/** The status of a pod that has been taken back; undefined when it has not. */
export function statusTakenBack(pod: Pod, observed: PodObservation): PodStatus | undefined {
  const { status } = pod
  if (!status || !isTold(status) || restarted(pod, observed).length > 0) return undefined
  const { initContainerStatuses, containerStatuses } = status
  return {
    ...status,
    conditions: withoutCondition(status.conditions ?? [], allContainersRestarting),
    ...(initContainerStatuses && { initContainerStatuses: initContainerStatuses.map(takenBack) }),
    ...(containerStatuses && { containerStatuses: containerStatuses.map(takenBack) }),
  }
}

/** Ends and removes everything. */
export function planRestartAll(input: PlanInput, draft: PlanDraft): void {
  const { pod, observed, memory } = input
  const containers = restarted(pod, observed)
  for (const { id: containerID, name } of containers.filter(isAlive)) {
    draft.add({
      type: 'killContainer',
      containerID,
      name,
      graceSeconds: 0,
      reason: 'restartAllContainers',
    })
  }
  const isBusy = [...memory.inFlight.keys()].some((key) => /^(start|kill)\//.test(key))
  if (isBusy || containers.some(isAlive)) return
  const sources = new Set(triggers(pod, observed).map(({ name }) => name))
  const others = containers.filter(({ name }) => !sources.has(name))
  for (const { id: containerID, name } of others.length > 0 ? others : containers) {
    draft.add({ type: 'removeContainer', containerID, name })
  }
}

function isTold(status: PodStatus | undefined): boolean {
  return isConditionTrue(status?.conditions, allContainersRestarting)
}

function triggers(pod: Pod, observed: PodObservation): readonly ObservedContainer[] {
  return containersOf(pod).flatMap(({ container, kind }) => {
    const instance = newestInstance(observed, container.name)
    if (kind === 'ephemeral' || instance?.state !== 'exited') return []
    return restartRule(container, instance.exitCode)?.action === 'RestartAllContainers' ? [instance] : []
  })
}

function restarted(pod: Pod, observed: PodObservation): readonly ObservedContainer[] {
  const names = new Set(
    containersOf(pod).flatMap(({ container, kind }) => (kind === 'ephemeral' ? [] : [container.name])),
  )
  return observed.containers.filter(({ name }) => names.has(name))
}

/** Its end is history; its next start counts as a restart. */
function takenBack(status: ContainerStatus): ContainerStatus {
  const { containerID, state, lastState, restartCount, ...rest } = status
  const ended = state?.terminated ?? lastState?.terminated
  return {
    ...rest,
    ready: false,
    started: false,
    restartCount: containerID === undefined ? restartCount : restartCount + 1,
    state: { waiting: {} },
    lastState: ended ? { terminated: ended } : {},
  }
}
