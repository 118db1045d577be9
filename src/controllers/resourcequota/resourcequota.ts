import type { ResourceQuota } from '../../api/generated/core.v1.ts'
import {
  persistentVolumeClaims,
  pods,
  resourceClaims,
  resourceQuotas,
  services,
} from '../../api/generated/resources.ts'
import { quotaEvaluatorOf } from '../../api/quota/quota-evaluators.ts'
import { exceedingResources, sameResources } from '../../api/quota/resource-list.ts'
import type { ComponentContext, RunningComponent } from '../../client/component.ts'
import { discover, preferred } from '../../client/discovery.ts'
import type { Change, Informer } from '../../client/informer.ts'
import { again, done, on, type Reconciler } from '../../client/reconciler.ts'
import { startReconciler } from '../../client/runner.ts'
import type { KubernetesObject } from '../../machinery/meta.ts'
import { groupResource, keyOf, type Resource } from '../../machinery/resource.ts'
import { quotaUsage, type Counted } from './quota-usage.ts'

/** What is counted by more than its number; of the rest only metadata is read. */
const counted: readonly Resource[] = [pods, services, persistentVolumeClaims, resourceClaims]
/** Usage is computed anew at least this often, and what the API server serves is asked for at most this often. */
const resyncMs = 300_000
/** When less is used than was said, what is just being written may be missing: a look again soon finds it. */
const recheckMs = 5000
const discoveryMs = 30_000

interface Followed {
  readonly resource: Resource
  readonly informer: Informer<KubernetesObject>
  readonly unsubscribe: () => void
}

/**
 * Says in the status of every resource quota how much is used. The API server counts what is created up at once; this
 * controller sees what goes, and corrects.
 */
export function startResourceQuota(context: ComponentContext): RunningComponent {
  const { informers, clock } = context
  const quotas = informers.informer(resourceQuotas)
  const followed = new Map<string, Followed>()
  let served: readonly Resource[] = []
  let servedAtMs = -Infinity

  function follow(resource: Resource): Followed {
    const key = groupResource(resource)
    const known = followed.get(key)
    if (known) return known
    const isWhole = counted.some((other) => groupResource(other) === key)
    const informer = informers.informer(resource, isWhole ? {} : { metadataOnly: true })
    const entry = { resource, informer, unsubscribe: informer.onChange((change) => notice(resource, change)) }
    followed.set(key, entry)
    return entry
  }

  function notice(resource: Resource, change: Change<KubernetesObject>): void {
    if (change.type === 'added') return // counted by the API server
    const candidates = quotas.list(change.object.metadata?.namespace ?? '')
    if (candidates.length === 0 || !changesUsage(resource, change, clock.now())) return
    for (const quota of candidates) running.enqueue(keyOf(quota))
  }

  /** The resources that hold what the quota limits. */
  async function resourcesFor({ spec }: ResourceQuota): Promise<readonly Resource[]> {
    const names = Object.keys(spec?.hard ?? {})
    const isLimited = (resource: Resource) =>
      (quotaEvaluatorOf(resource)?.matchingResources(names).length ?? 0) > 0
    const known = [...counted, ...served].filter(isLimited)
    const isCovered = names.every((name) =>
      known.some((resource) => quotaEvaluatorOf(resource)?.matchingResources([name]).length),
    )
    if (isCovered || clock.monotonic() - servedAtMs < discoveryMs) return known
    servedAtMs = clock.monotonic()
    const { resources } = await discover(context.client)
    served = preferred(resources)
      .filter(
        ({ resource, verbs }) => resource.namespaced && verbs.includes('list') && verbs.includes('watch'),
      )
      .map(({ resource }) => resource)
      .filter((resource) => !counted.some((other) => groupResource(other) === groupResource(resource)))
    return [...counted, ...served].filter(isLimited)
  }

  /**
   * What the API server charges is no reason to count anew: it charges before the object is there to be counted.
   */
  function noticeQuota(change: Change<ResourceQuota>): void {
    const { spec, status } = change.object
    if (change.type === 'updated' && sameResources(spec?.hard ?? {}, status?.hard ?? {})) return
    running.enqueue(keyOf(change.object))
  }

  const reconciler: Reconciler = {
    name: 'resourcequota',
    queueName: 'resourcequota_primary',
    watches: [on(resourceQuotas, () => [])],

    async reconcile(key, { client, cache }) {
      const quota = cache(resourceQuotas).get(key)
      if (!quota) return done
      const namespace = quota.metadata?.namespace ?? ''
      const resources = await resourcesFor(quota)
      const all: Counted[] = []
      for (const resource of resources) {
        const { informer } = follow(resource)
        await informer.synced
        const evaluator = quotaEvaluatorOf(resource)
        if (evaluator) all.push({ evaluator, objects: informer.list(namespace) })
      }
      const hard = quota.spec?.hard ?? {}
      const used = quotaUsage(quota, all, clock.now())
      const { hard: statedHard = {}, used: statedUsed = {} } = quota.status ?? {}
      if (!sameResources(hard, statedHard) || !sameResources(used, statedUsed))
        await client.update(resourceQuotas, { ...quota, status: { hard, used } }, { subresource: 'status' })
      return again(exceedingResources(statedUsed, used).length > 0 ? recheckMs : resyncMs)
    },
  }
  const running = startReconciler(reconciler, context)
  const unsubscribe = quotas.onChange(noticeQuota)

  return {
    ...running,
    async stop() {
      unsubscribe()
      for (const entry of followed.values()) entry.unsubscribe()
      await running.stop()
    },
  }
}

/** Whether what the object uses can have changed: it is gone, or its usage is another. */
function changesUsage(resource: Resource, change: Change<KubernetesObject>, nowMs: number): boolean {
  if (change.type !== 'updated') return true
  const evaluator = quotaEvaluatorOf(resource)
  if (!evaluator) return false
  return !sameResources(evaluator.usage(change.previous, nowMs), evaluator.usage(change.object, nowMs))
}
