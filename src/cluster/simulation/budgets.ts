import type { Deployment } from '../../api/generated/apps.v1.ts'
import type { Pod } from '../../api/generated/core.v1.ts'
import { deployments, pods } from '../../api/generated/resources.ts'
import { maxSurge, maxUnavailable, replicasOf } from '../../controllers/deployment/rollout-limits.ts'
import { isAvailable } from '../../controllers/pods/pod-state.ts'
import type { KubernetesObject } from '../../machinery/meta.ts'
import type { Resource } from '../../machinery/resource.ts'
import type { Simulation } from './simulation.ts'
import { appOf, isActive, namespace } from './workloads.ts'

/** So long must a deployment have had enough pods before everybody is taken to know what it asks for now. */
export const budgetsKnownMs = 60_000

/** So long may a write that its writer has not heard of go unseen by it. */
const unseenMs = 30_000

/** What a deployment may have at most and must have at least, by all that somebody may still believe it asks for. */
interface Budget {
  most: number
  /** Of the specs that are not known to be forgotten, each one's least. */
  leasts: number[]
  minReadySeconds: number
  /** Since when there have been enough pods for the last spec; undefined while there are not. */
  enoughSinceMs: number | undefined
  /** Below the least since then: told once. */
  isShort: boolean
}

/**
 * Tells of each pod that a deployment has beyond what any of its specs so far allowed, and, where nothing but controllers
 * may take pods away, of each time when a deployment has fewer available pods than its budget says.
 */
export function watchBudgets(
  simulation: Simulation,
  /** Whether nothing but controllers takes pods away now. */
  isAvailabilityOwed: () => boolean,
  tell: (fault: string) => void,
): AbortController {
  const { client, clock, lostWrites } = simulation
  const abort = new AbortController()
  const budgets = new Map<string, Budget>()
  const known = new Map<string, Pod>()
  const podsOf = (app: string) => [...known.values()].filter((pod) => appOf(pod) === app)
  const follow = async <T extends KubernetesObject>(
    resource: Resource<T>,
    see: (type: string, object: T) => void,
  ) => {
    const options = { namespace, sendInitialEvents: true, allowWatchBookmarks: true, signal: abort.signal }
    const watch = client.watch(resource, { ...options, resourceVersionMatch: 'NotOlderThan' })
    for await (const { type, object } of watch) if (type !== 'BOOKMARK') see(type, object)
  }
  const stopped = (error: unknown) => {
    if (!abort.signal.aborted) tell(`the observer failed: ${String(error)}`)
  }

  follow(deployments, (_, deployment: Deployment) => {
    const name = deployment.metadata?.name ?? ''
    const most = replicasOf(deployment) + maxSurge(deployment)
    const least = deployment.spec?.strategy?.type === 'Recreate' ? 0 : leastOf(deployment)
    const budget = budgets.get(name)
    const minReadySeconds = deployment.spec?.minReadySeconds ?? 0
    if (!budget) {
      budgets.set(name, {
        most,
        leasts: [0, least],
        minReadySeconds,
        enoughSinceMs: undefined,
        isShort: false,
      })
      return
    }
    budget.most = Math.max(budget.most, most)
    if (budget.leasts.at(-1) === least) return
    budget.leasts.push(least)
    budget.enoughSinceMs = undefined
  }).catch(stopped)

  follow(pods, (type, pod: Pod) => {
    const app = appOf(pod)
    const budget = budgets.get(app)
    const name = pod.metadata?.name ?? ''
    if (budget) noteTime(budget, app)
    if (type === 'DELETED') known.delete(name)
    else known.set(name, pod)
    if (!budget) return
    if (type === 'ADDED') checkMost(budget, app)
    if (isAvailabilityOwed()) checkLeast(budget, app)
  }).catch(stopped)
  return abort

  function available(app: string, { minReadySeconds }: Budget): number {
    return podsOf(app).filter((pod) => isActive(pod) && isAvailable(pod, minReadySeconds, clock.now())).length
  }

  /** What was so until now, has been so for as long as nothing was heard. */
  function noteTime(budget: Budget, app: string): void {
    const last = budget.leasts.at(-1)!
    if (available(app, budget) < last) budget.enoughSinceMs = undefined
    else budget.enoughSinceMs ??= clock.now()
    if (budget.enoughSinceMs === undefined || clock.now() - budget.enoughSinceMs < budgetsKnownMs) return
    budget.leasts = [last]
  }

  function checkMost({ most }: Budget, app: string): void {
    const now = podsOf(app).filter(isActive).length
    // Who does not hear that a pod was made may make another, until the cache shows both.
    if (now > most + lostWrites(pods, unseenMs)) tell(`${app} has ${now} pods, and may have ${most}`)
  }

  function checkLeast(budget: Budget, app: string): void {
    const least = Math.min(...budget.leasts)
    const now = available(app, budget)
    const isShort = now < least - lostWrites(pods, unseenMs)
    if (isShort && !budget.isShort) tell(`${app} has ${now} available pods, and must have ${least}`)
    budget.isShort = isShort
  }
}

function leastOf(deployment: Deployment): number {
  return replicasOf(deployment) - maxUnavailable(deployment)
}
