import type { Pod, PodStatus, ResourceRequirements } from '../../api/generated/core.v1.ts'
import { findCondition, isConditionTrue } from '../../machinery/conditions.ts'
import { goJson, withSortedKeys } from '../../machinery/go-json.ts'
import type { PodEvents } from './events.ts'
import {
  allocatedPod,
  askedAllocation,
  isResized,
  toldAllocation,
  type Allocation,
} from './plan/allocation.ts'
import type { PendingResize } from './plan/input.ts'

/** Follows the resizes of one pod: what is set aside for it, and what events tell of that. */
export interface PodResize {
  /** Why what the pod asks for is not set aside for it; undefined when it is. */
  readonly pending: PendingResize | undefined
  readonly pendingSinceMs: number | undefined
  /** The pod with what is set aside for it in place of what it asks for. */
  allocated(pod: Pod): Pod
  /** Sets aside what the pod asks for now, if there is room. True when something else is set aside than before. */
  decide(pod: Pod, now: number): boolean
  /** Tells of what has become of a resize since the status before. */
  tell(pod: Pod, before: PodStatus | undefined, after: PodStatus): void
}

/** A resize that waits is tried again after this long, if nothing else happens. */
export const pendingResizeRetryMs = 180_000

export function createPodResize(
  first: Pod,
  events: () => PodEvents,
  problemOf: (pod: Pod) => PendingResize | undefined,
): PodResize {
  let allocation: Allocation = toldAllocation(first)
  let pending: PendingResize | undefined
  let pendingSinceMs: number | undefined
  /** A resize was begun of which no end was told. */
  let isBegun = isInProgress(first.status)

  const allocated = (pod: Pod) => allocatedPod(pod, allocation)

  function wait(pod: Pod, problem: PendingResize, now: number): void {
    const isTold = pending?.reason === problem.reason && pending.message === problem.message
    pending = problem
    pendingSinceMs ??= now
    if (isTold) return
    const { reason, message } = problem
    events().warning(`Resize${reason}`, resizeMessage(`Pod resize ${reason}`, pod, message))
  }

  return {
    get pending() {
      return pending
    },
    get pendingSinceMs() {
      return pendingSinceMs
    },
    allocated,
    decide(pod, now) {
      const isAsking = isResized(pod, allocation)
      const problem = isAsking ? problemOf(pod) : undefined
      if (problem) {
        wait(pod, problem, now)
        return false
      }
      pending = undefined
      pendingSinceMs = undefined
      if (isAsking) allocation = askedAllocation(pod)
      return isAsking
    },
    tell(pod, before, after) {
      if (isInProgress(after) && !isBegun) {
        events().normal('ResizeStarted', resizeMessage('Pod resize started', allocated(pod)))
      } else if (isBegun && !isInProgress(after)) {
        events().normal('ResizeCompleted', resizeMessage('Pod resize completed', allocated(pod)))
      }
      isBegun = isInProgress(after)
      const error = errorOf(after)
      if (error !== undefined && error !== errorOf(before)) {
        events().warning('ResizeError', resizeMessage('Pod resize error', allocated(pod), error))
      }
    },
  }
}

function isInProgress(status: PodStatus | undefined): boolean {
  return isConditionTrue(status?.conditions, 'PodResizeInProgress')
}

function errorOf(status: PodStatus | undefined): string | undefined {
  const condition = findCondition(status?.conditions, 'PodResizeInProgress')
  return condition?.reason === 'Error' ? condition.message : undefined
}

/** Upstream's words. Source: kubernetes pkg/kubelet/events. */
function resizeMessage(words: string, { metadata, spec }: Pod, error?: string): string {
  const named = (containers: NonNullable<Pod['spec']>['containers'] = []) =>
    containers.map(({ name, resources }) => ({ name, resources: amounts(resources) }))
  const { resources, initContainers = [], containers } = spec ?? {}
  return `${words}: ${goJson({
    ...(resources && { resources: amounts(resources) }),
    ...(initContainers.length > 0 && { initContainers: named(initContainers) }),
    containers: named(containers),
    generation: metadata?.generation ?? 0,
    ...(error !== undefined && { error }),
  })}`
}

function amounts({ limits = {}, requests = {} }: ResourceRequirements = {}) {
  return withSortedKeys({
    ...(Object.keys(limits).length > 0 && { limits }),
    ...(Object.keys(requests).length > 0 && { requests }),
  })
}
