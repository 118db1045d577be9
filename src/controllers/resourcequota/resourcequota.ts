import type { ResourceQuota } from '../../api/generated/core.v1.ts'
import {
  persistentVolumeClaims,
  pods,
  resourceClaims,
  resourceQuotas,
  services,
} from '../../api/generated/resources.ts'
import { quotaEvaluatorOf } from '../../api/quota/quota-evaluators.ts'
import { scopesOf } from '../../api/quota/quota-scopes.ts'
import {
  exceedingResources,
  maskResources,
  sameResources,
  type ResourceList,
} from '../../api/quota/resource-list.ts'
import type { ComponentContext, RunningComponent } from '../../client/component.ts'
import { discover, preferred } from '../../client/discovery.ts'
import type { Change, Informer } from '../../client/informer.ts'
import { again, done, on, type Reconciler } from '../../client/reconciler.ts'
import { startReconciler } from '../../client/runner.ts'
import { sleep } from '../../machinery/clock.ts'
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
/** The other limits of a quota do not wait longer for a resource that cannot be listed. */
const maxSyncMs = 10_000

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
    for (const quota of quotas.list(change.object.metadata?.namespace ?? ''))
      if (changesUsage(quota, resource, change, clock.now())) running.enqueue(keyOf(quota))
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

  /** What there is in the namespace, and of which resources that cannot be known now. */
  async function count(resources: readonly Resource[], namespace: string) {
    const informers = resources.map((resource) => ({ resource, informer: follow(resource).informer }))
    const abort = new AbortController()
    const late = sleep(clock, maxSyncMs, abort.signal).catch(() => {})
    await Promise.race([Promise.all(informers.map(({ informer }) => informer.synced)), late])
    abort.abort()
    const all: Counted[] = []
    for (const { resource, informer } of informers) {
      const evaluator = quotaEvaluatorOf(resource)
      if (evaluator && informer.hasSynced) all.push({ evaluator, objects: informer.list(namespace) })
    }
    const unknown = informers.filter(({ informer }) => !informer.hasSynced).map(({ resource }) => resource)
    return { all, unknown }
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
      const { all, unknown } = await count(resources, namespace)
      const hard = quota.spec?.hard ?? {}
      const { hard: statedHard = {}, used: statedUsed = {} } = quota.status ?? {}
      const used = { ...stillStated(unknown, quota), ...quotaUsage(quota, all, clock.now()) }
      if (!sameResources(hard, statedHard) || !sameResources(used, statedUsed))
        await client.update(resourceQuotas, { ...quota, status: { hard, used } }, { subresource: 'status' })
      if (unknown.length > 0)
        throw new Error(`not yet known: how many ${unknown.map(groupResource).join(', ')} there are`)
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

/** Whether what the object uses of the quota can have changed: it is gone, or its usage or its scope is another. */
function changesUsage(
  quota: ResourceQuota,
  resource: Resource,
  change: Change<KubernetesObject>,
  nowMs: number,
): boolean {
  if (change.type !== 'updated') return true
  const evaluator = quotaEvaluatorOf(resource)
  if (!evaluator) return false
  const { previous, object } = change
  return (
    !sameResources(evaluator.usage(previous, nowMs), evaluator.usage(object, nowMs)) ||
    scopesOf(quota).some(
      (scope) => evaluator.matchesScope(previous, scope) !== evaluator.matchesScope(object, scope),
    )
  )
}

/** What was said to be used of the resources stays said. */
function stillStated(resources: readonly Resource[], { spec, status }: ResourceQuota): ResourceList {
  const limited = Object.keys(spec?.hard ?? {})
  const names = resources.flatMap((resource) => quotaEvaluatorOf(resource)?.matchingResources(limited) ?? [])
  return maskResources(status?.used ?? {}, names)
}
