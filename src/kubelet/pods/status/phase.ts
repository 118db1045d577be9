import type { ContainerStatus, Pod, PodPhase } from '../../../api/generated/core.v1.ts'
import { isSidecar } from '../pod.ts'
import { restartsAfter } from '../plan/restart.ts'

type Statuses = readonly ContainerStatus[]

/**
 * The phase that the containers' statuses amount to. `final`: the pod has stopped and nothing of it will start again.
 */
export function phaseOf(
  pod: Pod,
  statuses: { readonly init: Statuses; readonly main: Statuses },
  final: boolean,
): PodPhase {
  const { initContainers = [], containers = [] } = pod.spec ?? {}
  const find = (list: Statuses, name: string) => list.find((status) => status.name === name)

  let initializing = false
  for (const container of initContainers) {
    const status = find(statuses.init, container.name)
    const last = status?.state?.terminated ?? status?.lastState?.terminated
    if (isSidecar(container)) {
      initializing ||= status?.started !== true
    } else if (last === undefined || last.exitCode !== 0) {
      const failed = last !== undefined && status?.state?.running === undefined
      // One that waits is to run again, whatever its policy: all containers are.
      const runsAgain = status?.state?.waiting ?? restartsAfter(pod, container, last?.exitCode ?? 0, true)
      if (failed && (final || !runsAgain)) return 'Failed'
      initializing = true
    }
  }

  let [running, waiting, stopped, succeeded, unknown, restarting] = [0, 0, 0, 0, 0, 0]
  for (const container of containers) {
    const { state, lastState } = find(statuses.main, container.name) ?? {}
    const ended = state?.terminated ?? (state?.waiting && lastState?.terminated)
    if (state?.running) {
      running++
    } else if (ended) {
      stopped++
      if (state?.terminated && ended.exitCode === 0) succeeded++
      if (state?.waiting || restartsAfter(pod, container, ended.exitCode)) restarting++
    } else if (state?.waiting) {
      waiting++
    } else {
      unknown++
    }
  }

  const started = running + stopped > 0
  if (initializing && !started) return 'Pending'
  if (waiting > 0) return 'Pending'
  if (running > 0 && unknown === 0) return 'Running'
  if (stopped > 0 && unknown === 0) {
    if (!final && restarting > 0) return 'Running'
    return succeeded === stopped ? 'Succeeded' : 'Failed'
  }
  return 'Pending'
}
