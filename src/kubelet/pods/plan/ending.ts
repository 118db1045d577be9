import { isAlive, type ObservedContainer } from '../observation.ts'
import { isSidecar } from '../pod.ts'
import { PlanDraft } from './draft.ts'
import { planGarbage } from './garbage.ts'
import type { Ending, Plan, PlanInput } from './input.ts'

/** A kill that is due this much earlier than the one under way replaces it. */
const replaceKillMs = 500

/** Stops what runs, then releases the network, then, when the pod is to go, removes everything. */
export function planEnding(input: PlanInput, ending: Ending): Plan {
  const { observed, memory } = input
  const draft = new PlanDraft(input)
  const alive = observed.containers.filter(isAlive)
  planKills(input, ending, alive, draft)

  const busy = [...memory.inFlight.keys()].some((key) => /^(start|kill|createSandbox|stopSandbox)/.test(key))
  if (alive.length > 0 || busy) return draft.done({ stopped: false, removed: false })

  const unreleased = observed.sandboxes.filter(
    ({ id, state }) => state === 'ready' || !memory.stoppedSandboxes.has(id),
  )
  for (const { id: sandboxID } of unreleased) draft.add({ type: 'stopSandbox', sandboxID })
  if (unreleased.length > 0) return draft.done({ stopped: false, removed: false })

  if (!ending.remove) {
    planGarbage(input, draft)
    return draft.done({ stopped: true, removed: false })
  }
  for (const { id: containerID, name } of observed.containers) {
    draft.add({ type: 'removeContainer', containerID, name })
  }
  if (observed.containers.length === 0) {
    for (const { id: sandboxID } of observed.sandboxes) draft.add({ type: 'removeSandbox', sandboxID })
  }
  const removed =
    observed.containers.length === 0 && observed.sandboxes.length === 0 && memory.inFlight.size === 0
  return draft.done({ stopped: true, removed })
}

/**
 * Everything is told to stop at once, except sidecars: each stops when the main containers and the sidecars after it
 * have, the last one first, or when the grace period is over.
 */
function planKills(
  input: PlanInput,
  ending: Ending,
  alive: readonly ObservedContainer[],
  draft: PlanDraft,
): void {
  const { memory, now } = input
  const deadlineMs = ending.sinceMs + ending.graceSeconds * 1000
  const sidecars = (input.pod.spec?.initContainers ?? []).filter(isSidecar).map(({ name }) => name)
  for (const container of alive) {
    const position = sidecars.indexOf(container.name)
    const after = position < 0 ? [] : sidecars.slice(position + 1)
    const waits =
      position >= 0 &&
      now < deadlineMs &&
      alive.some(({ name }) => !sidecars.includes(name) || after.includes(name))
    if (waits) {
      draft.wakeAt(deadlineMs)
      continue
    }
    const action = {
      type: 'killContainer',
      containerID: container.id,
      name: container.name,
      graceSeconds: Math.max(0, (deadlineMs - now) / 1000),
      reason: 'podEnding',
    } as const
    const underWay = memory.inFlight.get(`kill/${container.id}`)
    const dueMs = Math.max(deadlineMs, now)
    if (underWay?.deadlineMs !== undefined && underWay.deadlineMs - dueMs > replaceKillMs) {
      draft.actions.push(action)
    } else {
      draft.add(action)
    }
  }
}
