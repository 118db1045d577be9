import type { ContainerStatus, Pod } from '../../api/generated/core.v1.ts'
import { compareGoStrings } from '../../machinery/go-format.ts'
import { parseTime } from '../../machinery/time.ts'
import { isReady, readySinceMs } from './pod-state.ts'

export const deletionCostAnnotation = 'controller.kubernetes.io/pod-deletion-cost'

/**
 * The pods in the order in which a controller gives them up, the least missed first. `related` are all pods that do the
 * same work (those of the deployment's other replica sets too): a pod whose node has many of them goes earlier.
 * Source: pkg/controller/controller_utils.go, ActivePodsWithRanks.
 */
export function inDeletionOrder(
  pods: readonly Pod[],
  related: readonly Pod[],
  nowMs: number,
): readonly Pod[] {
  const onNode = new Map<string, number>()
  for (const { spec } of related) {
    if (spec?.nodeName) onNode.set(spec.nodeName, (onNode.get(spec.nodeName) ?? 0) + 1)
  }
  const rankOf = (pod: Pod) => onNode.get(pod.spec?.nodeName ?? '') ?? 0
  return pods.toSorted(
    (a, b) =>
      compareProgress(a, b) ||
      deletionCost(a) - deletionCost(b) ||
      rankOf(b) - rankOf(a) ||
      compareAge(readyTime(a), readyTime(b), a, b, nowMs) ||
      compareRestarts(a, b) ||
      compareAge(
        parseTime(a.metadata?.creationTimestamp),
        parseTime(b.metadata?.creationTimestamp),
        a,
        b,
        nowMs,
      ),
  )
}

/** The pods in the order in which a job gives them up: those that got least far first. Source: as above, ActivePods. */
export function leastFarFirst(pods: readonly Pod[]): readonly Pod[] {
  return pods.toSorted(
    (a, b) =>
      compareProgress(a, b) ||
      compareTimes(readyTime(a), readyTime(b)) ||
      compareRestarts(a, b) ||
      compareTimes(parseTime(a.metadata?.creationTimestamp), parseTime(b.metadata?.creationTimestamp)),
  )
}

function compareProgress(a: Pod, b: Pod): number {
  return (
    Number(!!a.spec?.nodeName) - Number(!!b.spec?.nodeName) ||
    phaseRank(a) - phaseRank(b) ||
    Number(isReady(a)) - Number(isReady(b))
  )
}

/** Later first; an unknown time counts as latest. */
function compareTimes(a = Infinity, b = Infinity): number {
  return a === b ? 0 : a < b ? 1 : -1
}

/** The annotation's value; 0 without one, or with one that is no 32-bit integer in canonical form. */
export function deletionCost({ metadata }: Pod): number {
  const text = metadata?.annotations?.[deletionCostAnnotation]
  if (text === undefined || !/^(0|-?[1-9]\d*)$/.test(text)) return 0
  const cost = Number(text)
  return cost >= -(2 ** 31) && cost < 2 ** 31 ? cost : 0
}

function phaseRank({ status }: Pod): number {
  switch (status?.phase) {
    case 'Pending':
    case undefined:
      return 0
    case 'Unknown':
      return 1
    case 'Running':
    case 'Succeeded':
    case 'Failed':
      return 2
  }
}

/** Ready pods are compared by since when; a ready pod that does not say so counts as just made ready. */
function readyTime(pod: Pod): number | undefined {
  return isReady(pod) ? readySinceMs(pod) : undefined
}

/**
 * Younger first, but only by orders of magnitude: within one, the uid decides, so that scaling down does not always
 * hit the newest pods. An unknown time counts as youngest.
 */
function compareAge(
  a: number | undefined,
  b: number | undefined,
  podA: Pod,
  podB: Pod,
  nowMs: number,
): number {
  if (a === b) return 0
  if (a === undefined) return -1
  if (b === undefined) return 1
  return (
    magnitude(nowMs - a) - magnitude(nowMs - b) ||
    compareGoStrings(podA.metadata?.uid ?? '', podB.metadata?.uid ?? '')
  )
}

function magnitude(ageMs: number): number {
  return ageMs > 0 ? Math.floor(Math.log2(ageMs * 1e6)) : -1
}

/** More restarts first; sidecars count only between equals. */
function compareRestarts(a: Pod, b: Pod): number {
  return (
    maxRestarts(b.status?.containerStatuses) - maxRestarts(a.status?.containerStatuses) ||
    sidecarRestarts(b) - sidecarRestarts(a)
  )
}

function sidecarRestarts({ spec, status }: Pod): number {
  const sidecars = new Set(
    spec?.initContainers?.filter((c) => c.restartPolicy === 'Always').map((c) => c.name),
  )
  return maxRestarts(status?.initContainerStatuses?.filter(({ name }) => sidecars.has(name)))
}

function maxRestarts(statuses: readonly ContainerStatus[] = []): number {
  return statuses.reduce((most, { restartCount }) => Math.max(most, restartCount), 0)
}
