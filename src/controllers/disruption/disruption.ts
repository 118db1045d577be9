import type { Pod } from '../../api/generated/core.v1.ts'
import type { PodDisruptionBudget, PodDisruptionBudgetStatus } from '../../api/generated/policy.v1.ts'
import {
  deployments,
  podDisruptionBudgets,
  pods,
  replicaSets,
  replicationControllers,
  statefulSets,
} from '../../api/generated/resources.ts'
import { again, done, on, type ReconcileContext, type Reconciler } from '../../client/reconciler.ts'
import { goQuote } from '../../machinery/go-format.ts'
import { fromLabelSelector, matchesLabels } from '../../machinery/label-selector.ts'
import { keyOf, type Resource } from '../../machinery/resource.ts'
import { isConflict } from '../../machinery/status-errors.ts'
import { formatTime, parseTime } from '../../machinery/time.ts'
import { messageOf } from '../pods/pod-control.ts'
import { podCondition } from '../pods/pod-state.ts'
import { selectorText } from '../selector-text.ts'
import { sameOnceWritten } from '../same-once-written.ts'
import { expectedScale, UnknownScaleError } from './controller-scale.ts'
import {
  disruptionStatus,
  disruptionTimeoutMs,
  disruptionsOf,
  expectationOf,
  failedStatus,
  needsScale,
} from './plan-disruption.ts'

/** Whose sizes tell how many pods there should be. */
const sized: readonly Resource[] = [replicationControllers, replicaSets, deployments, statefulSets]

/** Says in the status of pod disruption budgets how many pods may be evicted. */
export const disruptionReconciler: Reconciler = {
  name: 'disruption',
  eventSource: 'controllermanager',
  watches: [
    on(podDisruptionBudgets, (budget) => [keyOf(budget)]),
    on(pods, (pod, { cache }) =>
      cache(podDisruptionBudgets)
        .list(pod.metadata?.namespace)
        .filter((budget) => selects(budget, pod))
        .map(keyOf),
    ),
    ...sized.map((resource) =>
      on(resource, ({ metadata }, { cache }) =>
        cache(podDisruptionBudgets).list(metadata?.namespace).filter(needsScale).map(keyOf),
      ),
    ),
  ],

  async reconcile(key, context) {
    const { cache, clock, events } = context
    const budget = cache(podDisruptionBudgets).get(key)
    if (!budget) return done
    const selected = cache(pods)
      .list(budget.metadata?.namespace)
      .filter((pod) => selects(budget, pod))
    warnOfSeveral(selected, context)
    if (selected.length === 0) events.event(budget, 'Normal', 'NoPods', 'No matching pods found')
    try {
      const scale = needsScale(budget) ? await expectedScale(selected, context) : { total: 0, unmanaged: [] }
      if (scale.unmanaged.length > 0) {
        const message =
          `Pods selected by this PodDisruptionBudget (selector: ${selectorText(budget.spec?.selector)}) were found to be unmanaged. As a result, ` +
          'the status of the PDB cannot be calculated correctly, which may result in undefined behavior. ' +
          'To account for these pods please set ".spec.minAvailable" field of the PDB to an integer value.'
        events.event(budget, 'Warning', 'UnmanagedPods', message)
      }
      const nowMs = clock.now()
      const disruptions = disruptionsOf(budget, selected, nowMs)
      for (const pod of disruptions.overdue) {
        const message = `Pod was expected by PDB ${key} to be deleted but it wasn't`
        events.event(pod, 'Warning', 'NotDeleted', message)
      }
      const expectation = expectationOf(budget, selected.length, scale.total)
      await writeStatus(budget, disruptionStatus(budget, selected, expectation, disruptions, nowMs), context)
      return disruptions.nextTimeoutMs === undefined ? done : again(disruptions.nextTimeoutMs - nowMs + 1000)
    } catch (error) {
      if (isConflict(error)) throw error
      const message = `Failed to calculate the number of expected pods: ${messageOf(error)}`
      events.event(budget, 'Warning', 'CalculateExpectedPodCountFailed', message)
      await writeStatus(budget, failedStatus(budget, messageOf(error), clock.now()), context)
      if (error instanceof UnknownScaleError) return done // until something changes
      throw error
    }
  },
}

/** No selector selects nothing, an empty one every pod of the namespace. */
function selects({ spec }: PodDisruptionBudget, { metadata }: Pod): boolean {
  return matchesLabels(fromLabelSelector(spec?.selector), metadata?.labels ?? {})
}

/** The API server refuses to evict a pod that several budgets select. */
function warnOfSeveral(selected: readonly Pod[], { cache, events }: ReconcileContext): void {
  const budgets = cache(podDisruptionBudgets).list(selected[0]?.metadata?.namespace)
  if (budgets.length < 2) return
  for (const pod of selected) {
    const [first, ...others] = budgets.filter((budget) => selects(budget, pod))
    if (!first || others.length === 0) continue
    const { namespace = '', name = '' } = pod.metadata ?? {}
    const message =
      `Pod ${goQuote(namespace)}/${goQuote(name)} matches multiple PodDisruptionBudgets.  ` +
      `Chose ${goQuote(first.metadata?.name ?? '')} arbitrarily.`
    events.event(pod, 'Warning', 'MultiplePodDisruptionBudgets', message)
  }
}

async function writeStatus(
  budget: PodDisruptionBudget,
  status: PodDisruptionBudgetStatus,
  { client }: ReconcileContext,
): Promise<void> {
  if (sameOnceWritten(budget.status, status)) return
  await client.update(podDisruptionBudgets, { ...budget, status }, { subresource: 'status' })
}

/** Takes back that a pod is about to be disrupted, when nothing has come of it. */
export const stalePodDisruptionReconciler: Reconciler = {
  name: 'disruption-stale-pod',
  queueName: 'stale_pod_disruption',
  eventSource: 'controllermanager',
  watches: [on(pods, (pod) => (disruptedSinceMs(pod) === undefined ? [] : [keyOf(pod)]))],

  async reconcile(key, { client, cache, clock }) {
    const pod = cache(pods).get(key)
    const sinceMs = pod && disruptedSinceMs(pod)
    if (sinceMs === undefined) return done
    const leftMs = sinceMs + disruptionTimeoutMs - clock.now()
    if (leftMs > 0) return again(leftMs)
    const lastTransitionTime = formatTime(clock.now())
    const conditions = pod!.status?.conditions?.map((condition) =>
      condition.type === 'DisruptionTarget'
        ? { ...condition, status: 'False', lastTransitionTime }
        : condition,
    )
    const status = { ...pod!.status, ...(conditions && { conditions }) }
    await client.update(pods, { ...pod!, status }, { subresource: 'status' })
    return done
  },
}

/**
 * Since when a pod is marked as about to be disrupted, while it is neither deleted nor ended. A kubelet that ends a pod
 * says so as long as it takes, which may be long.
 */
function disruptedSinceMs(pod: Pod): number | undefined {
  const condition = podCondition(pod, 'DisruptionTarget')
  const { phase } = pod.status ?? {}
  if (condition?.status !== 'True' || pod.metadata?.deletionTimestamp) return undefined
  if (condition.reason === 'TerminationByKubelet') return undefined
  return phase === 'Succeeded' || phase === 'Failed' ? undefined : parseTime(condition.lastTransitionTime)
}
