import { isAlive } from '../observation.ts'
import { containersOf } from '../pod.ts'
import type { PlanDraft } from './draft.ts'
import type { PlanInput } from './input.ts'
import { isStarting } from './start.ts'

/**
 * Removes instances that are not needed any more: all but the newest ended one of each container, whose status and
 * logs users still ask for; and old sandboxes with nothing in them.
 */
export function planGarbage(input: PlanInput, draft: PlanDraft): void {
  const { observed, memory } = input
  const names = new Set(containersOf(input.pod).map(({ container }) => container.name))
  const kept = new Set<string>()
  const newest = new Set<string>()
  for (const container of observed.containers) {
    const { name, id: containerID } = container
    const isNewest = !newest.has(name)
    newest.add(name)
    if (isAlive(container) || isStarting(input, name)) continue
    const keep = names.has(name) && !kept.has(name) && (container.state === 'exited' || isNewest)
    if (container.state === 'exited' && keep) kept.add(name)
    if (!keep) draft.add({ type: 'removeContainer', containerID, name })
  }

  for (const { id: sandboxID, state } of observed.sandboxes.slice(1)) {
    if (state === 'ready') continue
    if (observed.containers.some((container) => container.sandboxID === sandboxID)) continue
    const stopped = memory.stoppedSandboxes.has(sandboxID)
    draft.add({ type: stopped ? 'removeSandbox' : 'stopSandbox', sandboxID })
  }
}
