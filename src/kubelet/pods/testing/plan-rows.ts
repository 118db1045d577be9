import assert from 'node:assert/strict'
import { it } from 'node:test'
import type { Pod, PodSpec } from '../../../api/generated/core.v1.ts'
import { aPod } from '../../testing/pod-builder.ts'
import { emptyObservation, type PodObservation } from '../observation.ts'
import type { Action } from '../plan/action.ts'
import type { Ending, ProbeResult } from '../plan/input.ts'
import { emptyMemory, type PodMemory } from '../plan/memory.ts'
import { planPod } from '../plan/plan-pod.ts'

/** A scenario, and the actions that are planned in it. */
export interface PlanRow {
  readonly name: string
  readonly spec?: Partial<PodSpec>
  readonly status?: Pod['status']
  readonly observed?: PodObservation
  readonly ending?: Ending
  readonly memory?: Partial<PodMemory>
  readonly startup?: Readonly<Record<string, ProbeResult>>
  readonly liveness?: Readonly<Record<string, ProbeResult>>
  readonly now?: number
  readonly plan: readonly string[]
  readonly waiting?: Readonly<Record<string, string>>
  readonly wakeAtMs?: number
  readonly outcome?: 'stopped' | 'removed'
}

/** When scenarios take place, if they do not say. */
export const planNowMs = 10_000

export function testPlans(rows: readonly PlanRow[]): void {
  for (const row of rows) {
    it(row.name, () => {
      const plan = planPod({
        pod: { ...aPod('pod', row.spec), ...(row.status && { status: row.status }) },
        observed: row.observed ?? emptyObservation('uid', 'pod', 'default'),
        probes: {
          startup: (id) => row.startup?.[id] ?? 'success',
          liveness: (id) => row.liveness?.[id] ?? 'success',
          readiness: () => 'success',
        },
        memory: { ...emptyMemory, ...row.memory },
        now: row.now ?? planNowMs,
        ...(row.ending && { ending: row.ending }),
      })
      assert.deepEqual(plan.actions.map(describeAction), row.plan)
      const waiting = Object.fromEntries(Array.from(plan.waiting, ([name, { reason }]) => [name, reason]))
      assert.deepEqual(waiting, row.waiting ?? {})
      if (row.wakeAtMs !== undefined) assert.equal(plan.wakeAtMs, row.wakeAtMs)
      assert.equal(plan.stopped, row.outcome !== undefined)
      assert.equal(plan.removed, row.outcome === 'removed')
    })
  }
}

function describeAction(action: Action): string {
  switch (action.type) {
    case 'createSandbox':
      return `createSandbox ${action.attempt}`
    case 'startContainer':
      return `start ${action.name} ${action.attempt}${action.createdID ? ` (${action.createdID})` : ''}`
    case 'killContainer':
      return `kill ${action.containerID} ${action.graceSeconds}s ${action.reason}`
    case 'resizePod':
      return 'resizePod'
    case 'resizeContainer':
      return `resize ${action.containerID}`
    case 'removeContainer':
      return `removeContainer ${action.containerID}`
    case 'stopSandbox':
    case 'removeSandbox':
      return `${action.type} ${action.sandboxID}`
  }
}
