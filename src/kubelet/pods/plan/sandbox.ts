import type { Pod } from '../../../api/generated/core.v1.ts'
import type { SandboxStatus } from '../../runtime/runtime.ts'
import { instancesOf, isAlive, newestInstance, type PodObservation } from '../observation.ts'
import { isSidecar } from '../pod.ts'
import type { PlanDraft } from './draft.ts'
import type { PlanInput } from './input.ts'
import { hasEndedForGood, restartsAfter } from './restart.ts'

/** The newest ready sandbox, if its network is what the pod asks for. */
export function usableSandbox(pod: Pod, observed: PodObservation): SandboxStatus | undefined {
  const sandbox = observed.sandboxes.find(({ state }) => state === 'ready')
  if (sandbox === undefined) return undefined
  const hostNetwork = pod.spec?.hostNetwork === true
  if (sandbox.network !== undefined && (sandbox.network === 'node') !== hostNetwork) return undefined
  if (!hostNetwork && sandbox.ips.length === 0) return undefined
  return sandbox
}

/** There is no usable sandbox: clear what is left of old ones away, then create one, if anything is to run in it. */
export function planSandbox(input: PlanInput, draft: PlanDraft): void {
  const { pod, observed, memory, now } = input
  if (!wantsSandbox(pod, observed)) return
  const { sandboxes, containers } = observed
  // Killing what still runs is planned as unwanted.
  if (containers.some(isAlive)) return

  const unstopped = sandboxes.filter(({ id }) => !memory.stoppedSandboxes.has(id))
  for (const { id: sandboxID } of unstopped) draft.add({ type: 'stopSandbox', sandboxID })
  if (unstopped.length > 0) return

  if (memory.sandboxFailure && memory.sandboxFailure.retryAtMs > now) {
    draft.wakeAt(memory.sandboxFailure.retryAtMs)
    return
  }
  const newest = sandboxes[0]
  draft.add({ type: 'createSandbox', attempt: newest === undefined ? 0 : newest.attempt + 1 })
}

/** A pod whose containers have all run as often as they should needs no new sandbox. */
function wantsSandbox(pod: Pod, observed: PodObservation): boolean {
  const { containers = [], initContainers = [] } = pod.spec ?? {}
  const ran = containers.some(
    (container) => newestInstance(observed, container.name) !== undefined || hasEndedForGood(pod, container),
  )
  if (!ran) return !initContainers.some((container) => hasFailedForGood(pod, observed, container))
  return containers.some((container) => {
    const instance = newestInstance(observed, container.name)
    if (instance === undefined) return !hasEndedForGood(pod, container)
    return instance.state !== 'exited' || restartsAfter(pod, container, instance.exitCode)
  })
}

function hasFailedForGood(
  pod: Pod,
  observed: PodObservation,
  container: NonNullable<NonNullable<Pod['spec']>['initContainers']>[number],
): boolean {
  if (isSidecar(container)) return false
  const instance = instancesOf(observed, container.name)[0]
  if (instance?.state !== 'exited' || instance.exitCode === 0) return false
  return !restartsAfter(pod, container, instance.exitCode, true)
}
