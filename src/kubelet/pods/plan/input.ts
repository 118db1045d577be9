import type { Pod } from '../../../api/generated/core.v1.ts'
import type { PodObservation } from '../observation.ts'
import type { PodMemory } from './memory.ts'
import type { Action } from './action.ts'

export interface PlanInput {
  /** With the resources that are set aside for it. */
  readonly pod: Pod
  readonly observed: PodObservation
  /** Present when the pod must not run, or not any more. Never taken back. */
  readonly ending?: Ending
  readonly probes: ProbeResults
  readonly memory: PodMemory
  readonly now: number
}

/** Why and how a pod ends. */
export interface Ending {
  /** When it was decided, by this kubelet's clock. */
  readonly sinceMs: number
  /** From then until what still runs is killed. */
  readonly graceSeconds: number
  /** The pod is gone from its source, or is to go: nothing of it may stay. */
  readonly remove: boolean
}

/** `Deferred`: there is no room beside the other pods; `Infeasible`: there never is on this node. */
export interface PendingResize {
  readonly reason: 'Deferred' | 'Infeasible'
  readonly message: string
}

export type ProbeResult = 'unknown' | 'success' | 'failure'

/** Latest verdicts, by container id; what has no such probe is `success`. */
export interface ProbeResults {
  startup(containerID: string): ProbeResult
  liveness(containerID: string): ProbeResult
  readiness(containerID: string): ProbeResult
}

export interface Plan {
  readonly actions: readonly Action[]
  /** Look again then, even if nothing happens; Infinity when there is no need. */
  readonly wakeAtMs: number
  /** Why containers that should run do not, by name: the waiting state of their status. */
  readonly waiting: ReadonlyMap<string, Waiting>
  /** Nothing of the pod runs, nothing is under way, and its network is released. */
  readonly stopped: boolean
  /** `stopped`, and the runtime holds nothing of it either. */
  readonly removed: boolean
}

export interface Waiting {
  readonly reason: string
  readonly message: string
}
