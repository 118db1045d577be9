import { isAlive, newestInstance } from '../observation.ts'
import { containersOf } from '../pod.ts'
import type { PlanDraft } from './draft.ts'
import type { PlanInput } from './input.ts'
import { usableSandbox } from './sandbox.ts'
import { terminationGraceSeconds } from './grace.ts'

/**
 * Kills what runs and should not: containers the pod does not have, all but the newest instance of each, what runs in
 * another sandbox than the pod's, and what the runtime no longer knows the state of. Releases spare sandboxes.
 */
export function planUnwanted(input: PlanInput, draft: PlanDraft): void {
  const { pod, observed, memory } = input
  const sandbox = usableSandbox(pod, observed)
  const names = new Set(containersOf(pod).map(({ container }) => container.name))
  for (const container of observed.containers) {
    if (!isAlive(container)) continue
    const wanted =
      container.state === 'running' &&
      names.has(container.name) &&
      newestInstance(observed, container.name) === container &&
      container.sandboxID === sandbox?.id
    if (wanted) continue
    draft.add({
      type: 'killContainer',
      containerID: container.id,
      name: container.name,
      graceSeconds: terminationGraceSeconds(pod),
      reason: 'unwanted',
    })
  }

  if (sandbox === undefined) return
  for (const { id: sandboxID, state } of observed.sandboxes) {
    const spare = sandboxID !== sandbox.id && state === 'ready'
    const inUse = observed.containers.some(
      (container) => container.sandboxID === sandboxID && isAlive(container),
    )
    if (spare && !inUse && !memory.stoppedSandboxes.has(sandboxID)) {
      draft.add({ type: 'stopSandbox', sandboxID })
    }
  }
}
