import type { Pod, PodCondition } from '../../api/generated/core.v1.ts'
import type { PodDisruptionBudget } from '../../api/generated/policy.v1.ts'
import { isConditionTrue, setCondition } from '../../machinery/conditions.ts'
import { fromLabelSelector, matchesLabels } from '../../machinery/label-selector.ts'
import type { Condition, DeleteOptions } from '../../machinery/meta.ts'
import { SelectorError } from '../../machinery/selector-error.ts'
import { forbidden, isConflict, tooManyRequests } from '../../machinery/status-errors.ts'
import { StatusError } from '../../machinery/status.ts'
import { formatTime } from '../../machinery/time.ts'
import { changeDirectly } from './change-directly.ts'
import { checkPreconditions, deleteObject } from './delete.ts'
import type { Registry } from './registry.ts'
import { isDryRun, type RequestScope } from './request.ts'

/** Evictions that were allowed but that nobody has noticed yet, per budget. */
const maxDisruptedPods = 2000
const violation = "Cannot evict pod as it would violate the pod's disruption budget."

/**
 * Deletes a pod if its disruption budget allows it, and takes the disruption off the budget. Throws 429 when it does
 * not allow it now. Source: kubernetes/pkg/registry/core/pod/storage/eviction.go.
 */
export async function evictPod(
  pods: Registry,
  budgets: Registry,
  scope: RequestScope,
  name: string,
  options: DeleteOptions,
): Promise<void> {
  const { stored, exempt } = await currentPod(pods, scope, name)
  const pod = stored.object as Pod
  if (exempt) {
    // A pending pod may become ready meanwhile, and then its budget counts.
    const guarded = pod.status?.phase === 'Pending' && !pod.metadata?.deletionTimestamp
    await deletePod(pods, scope, name, guarded ? unlessChanged(options, stored.resourceVersion) : options)
    return
  }
  const budget = budgetOf(budgets, pod)
  if (!budget) {
    await markAndDelete(pods, scope, name, options)
    return
  }
  if (isUnreadyAndExpendable(pod, budget)) {
    await deleteUnready(pods, scope, name, options, stored.resourceVersion, budget)
    return
  }
  await takeDisruption(budgets, pod, budget, isDryRun(options))
  await markAndDelete(pods, scope, name, options)
}

async function currentPod(pods: Registry, scope: RequestScope, name: string) {
  const stored = await pods.get(scope, name, {})
  const { metadata, status } = stored.object as Pod
  const over = status?.phase === 'Succeeded' || status?.phase === 'Failed' || status?.phase === 'Pending'
  return { stored, exempt: over || metadata?.deletionTimestamp !== undefined }
}

/** The budget that covers the pod, if one does. Throws when there are several. */
function budgetOf(budgets: Registry, pod: Pod): PodDisruptionBudget | undefined {
  const { namespace = '', labels = {} } = pod.metadata ?? {}
  const covering = budgets.cache
    .all(namespace)
    .map(({ object }) => object as PodDisruptionBudget)
    .filter(({ spec }) => covers(spec?.selector, labels))
  if (covering.length > 1) {
    throw new StatusError(
      500,
      '',
      'This pod has more than one PodDisruptionBudget, which the eviction subresource does not support.',
    )
  }
  return covering[0]
}

function covers(
  selector: Parameters<typeof fromLabelSelector>[0],
  labels: Readonly<Record<string, string>>,
): boolean {
  try {
    return matchesLabels(fromLabelSelector(selector), labels)
  } catch (error) {
    // A selector that is not valid covers nothing.
    if (error instanceof SelectorError) return false
    throw error
  }
}

/** A pod that is not ready is no loss where enough others are, or where the budget says so. */
function isUnreadyAndExpendable(pod: Pod, { spec, status }: PodDisruptionBudget): boolean {
  if (isConditionTrue(pod.status?.conditions, 'Ready')) return false
  if (spec?.unhealthyPodEvictionPolicy === 'AlwaysAllow') return true
  const { currentHealthy = 0, desiredHealthy = 0 } = status ?? {}
  return currentHealthy >= desiredHealthy && desiredHealthy > 0
}

async function deleteUnready(
  pods: Registry,
  scope: RequestScope,
  name: string,
  options: DeleteOptions,
  resourceVersion: string,
  budget: PodDisruptionBudget,
): Promise<void> {
  try {
    await markAndDelete(pods, scope, name, unlessChanged(options, resourceVersion))
  } catch (error) {
    if (!isConflict(error) || options.preconditions?.resourceVersion) throw error
    throw stillProcessed(budget)
  }
}

/** Notes in the budget that the pod goes. */
async function takeDisruption(
  budgets: Registry,
  pod: Pod,
  { metadata }: PodDisruptionBudget,
  dryRun: boolean,
): Promise<void> {
  const now = budgets.context.clock.now()
  const key = budgets.keyOf(metadata?.namespace ?? '', metadata?.name ?? '')
  await changeDirectly<PodDisruptionBudget>(
    budgets,
    key,
    (budget) => {
      checkBudget(budget)
      const disruptionsAllowed = (budget.status?.disruptionsAllowed ?? 0) - 1
      const disruptedPods = { ...budget.status?.disruptedPods, [pod.metadata?.name ?? '']: formatTime(now) }
      const conditions = disruptionsAllowed === 0 ? exhausted(budget, now) : budget.status?.conditions
      return {
        ...budget,
        status: { ...budget.status, disruptionsAllowed, disruptedPods, ...(conditions && { conditions }) },
      }
    },
    { dryRun },
  )
}

function checkBudget(budget: PodDisruptionBudget): void {
  const { name = '', generation = 0 } = budget.metadata ?? {}
  const { observedGeneration = 0, disruptionsAllowed = 0, disruptedPods = {} } = budget.status ?? {}
  if (observedGeneration < generation) throw stillProcessed(budget)
  if (disruptionsAllowed < 0) {
    throw forbidden('poddisruptionbudget.policy', name, 'pdb disruptions allowed is negative')
  }
  if (Object.keys(disruptedPods).length > maxDisruptedPods) {
    const detail = 'DisruptedPods map too big - too many evictions not confirmed by PDB controller'
    throw forbidden('poddisruptionbudget.policy', name, detail)
  }
  if (disruptionsAllowed > 0) return
  const { desiredHealthy = 0, currentHealthy = 0 } = budget.status ?? {}
  const needs = `The disruption budget ${name} needs ${desiredHealthy} healthy pods and has ${currentHealthy} currently`
  throw budgetRefusal(needs, 0)
}

function exhausted(budget: PodDisruptionBudget, now: number): readonly Condition[] {
  const { generation } = budget.metadata ?? {}
  const condition: Omit<Condition, 'lastTransitionTime'> = {
    type: 'DisruptionAllowed',
    status: 'False',
    ...(generation !== undefined && { observedGeneration: generation }),
    reason: 'InsufficientPods',
    message: '',
  }
  return setCondition<Condition>(budget.status?.conditions, condition, now)
}

function stillProcessed({ metadata }: PodDisruptionBudget): StatusError {
  return budgetRefusal(`The disruption budget ${metadata?.name} is still being processed by the server.`, 10)
}

function budgetRefusal(cause: string, retryAfterSeconds: number): StatusError {
  const { status } = tooManyRequests(violation, retryAfterSeconds)
  return new StatusError(status.code, status.reason, status.message, {
    ...status.details,
    causes: [{ reason: 'DisruptionBudget', message: cause }],
  })
}

/** Tells why the pod goes before it does, for whoever counts its failure. */
async function markAndDelete(
  pods: Registry,
  scope: RequestScope,
  name: string,
  options: DeleteOptions,
): Promise<void> {
  const now = pods.context.clock.now()
  const dryRun = isDryRun(options)
  const marked = await changeDirectly<Pod>(
    pods,
    pods.keyOf(scope.namespace, name),
    (pod) => {
      checkPreconditions(pods, pod.metadata ?? {}, options)
      const disrupted = {
        type: 'DisruptionTarget',
        status: 'True',
        reason: 'EvictionByEvictionAPI',
        message: 'Eviction API: evicting',
      } as const
      const conditions = setCondition<PodCondition>(pod.status?.conditions, disrupted, now)
      return { ...pod, status: { ...pod.status, conditions } }
    },
    { dryRun },
  )
  const { resourceVersion } = marked
  const preconditions = options.preconditions?.resourceVersion && {
    ...options.preconditions,
    resourceVersion,
  }
  await deletePod(pods, scope, name, preconditions ? { ...options, preconditions } : options)
}

async function deletePod(
  pods: Registry,
  scope: RequestScope,
  name: string,
  options: DeleteOptions,
): Promise<void> {
  await deleteObject(pods, { ...scope, subresource: '' }, name, options)
}

function unlessChanged(options: DeleteOptions, resourceVersion: string): DeleteOptions {
  if (options.preconditions?.resourceVersion) return options
  return { ...options, preconditions: { ...options.preconditions, resourceVersion } }
}
