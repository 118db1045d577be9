import type { ControllerRevision, DaemonSet } from '../../api/generated/apps.v1.ts'
import type { Node, Pod } from '../../api/generated/core.v1.ts'
import { controllerRevisions, daemonSets, nodes, pods } from '../../api/generated/resources.ts'
import { again, done, on, type ReconcileContext, type Reconciler } from '../../client/reconciler.ts'
import { canonicalJson } from '../../machinery/hash.ts'
import { fromLabelSelector, type ParsedLabelSelector } from '../../machinery/label-selector.ts'
import { isDeleting } from '../../machinery/owner.ts'
import { keyOf } from '../../machinery/resource.ts'
import { podRevisionLabel } from '../history/controller-revisions.ts'
import { syncRevision, truncateHistory } from '../history/sync-revision.ts'
import { claim } from '../ownership/claim.ts'
import { indexByController } from '../ownership/controller-index.ts'
import { identityOf } from '../ownership/identity.ts'
import { keysOfOwners } from '../ownership/keys-of-owners.ts'
import { createPod, deletePod, isNamespaceTerminating } from '../pods/pod-control.ts'
import { nextAvailabilityMs } from '../pods/pod-state.ts'
import { inParallel, slowStart } from '../pods/slow-start.ts'
import { sameOnceWritten } from '../same-once-written.ts'
import { staleSyncsOf } from '../sync-metrics.ts'
import { daemonPod, revisionOf } from './daemon-pod.ts'
import { daemonSetStatus } from './daemon-set-status.ts'
import { createFailureBackoff, type FailureBackoff } from './failure-backoff.ts'
import { daemonNodes, planDaemonUpdate, planPlacement, type DaemonPlan } from './plan-daemon-set.ts'

const defaultHistoryLimit = 10

/** Keeps a pod on every node that it belongs on. */
export function daemonSetReconciler(): Reconciler {
  const seenNodes = new Map<string, string>()
  let backoff: FailureBackoff | undefined

  return {
    name: 'daemonset',
    staleSyncs: staleSyncsOf('daemonset', 'DaemonSet'),
    watches: [
      on(daemonSets, (set) => [keyOf(set)]),
      on(pods, (pod, { cache }) => keysOfOwners(pod, cache(daemonSets), selectorOf)),
      on(nodes, (node, { cache }) =>
        hasChanged(node, cache(nodes).get(keyOf(node))) ? cache(daemonSets).list().map(keyOf) : [],
      ),
      on(controllerRevisions, (revision, { cache }) => keysOfOwners(revision, cache(daemonSets), selectorOf)),
    ],

    prepare({ cache }) {
      indexByController(cache(pods))
      indexByController(cache(controllerRevisions))
    },

    async reconcile(key, context) {
      const { client, cache, clock, events } = context
      const set = cache(daemonSets).get(key)
      if (!set) return done
      const selector = selectorOf(set)
      if (selector.requirements.length === 0) {
        const message = 'This daemon set is selecting all pods. A non-empty selector is required.'
        events.event(set, 'Warning', 'SelectingAll', message)
        return done
      }
      if (isDeleting(set)) return done

      const claiming = { owner: set, ownerResource: daemonSets, selector }
      const revisions = await claim({ ...claiming, resource: controllerRevisions }, context)
      const { revision, collisionCount } = await syncRevision(
        {
          owner: set,
          ownerResource: daemonSets,
          template: set.spec?.template ?? {},
          labels: { ...set.spec?.template.metadata?.labels },
          hashLabel: podRevisionLabel,
          collisionCount: set.status?.collisionCount,
        },
        revisions,
        context,
      )
      const hash = revision.metadata?.labels?.[podRevisionLabel] ?? ''
      const owned = await claim({ ...claiming, resource: pods }, context)
      const placement = daemonNodes(set, cache(nodes).list(), owned)

      backoff ??= createFailureBackoff(clock)
      const first = await act(set, planPlacement(set, placement, hash, clock.now()), hash, backoff, context)
      const second =
        first.failure === undefined && !first.hasActed && set.spec?.updateStrategy?.type !== 'OnDelete'
          ? await act(set, planDaemonUpdate(set, placement, hash, clock.now()), hash, backoff, context)
          : first

      const nowMs = clock.now()
      const status = daemonSetStatus(set, placement, hash, collisionCount, nowMs)
      if (!sameOnceWritten(set.status, status))
        await client.update(daemonSets, { ...set, status }, { subresource: 'status' })
      const failure = first.failure ?? second.failure
      if (failure !== undefined) throw failure

      const old = revisions.filter((other) => identityOf(other).name !== identityOf(revision).name)
      const live = liveRevisions(owned, old)
      const limit = (set.spec?.revisionHistoryLimit ?? defaultHistoryLimit) - live.size
      await truncateHistory(old, live, Math.max(0, limit), context)
      return earliest(first.retryInMs, nextAvailabilityMs(owned, set.spec?.minReadySeconds ?? 0, nowMs))
    },
  }

  /** Whether what placement depends on has changed since the node was last seen; `current` is it in the cache. */
  function hasChanged(node: Node, current: Node | undefined): boolean {
    const { name = '', labels } = node.metadata ?? {}
    if (!current) return seenNodes.delete(name)
    const signature = canonicalJson([labels ?? {}, node.spec?.taints ?? []])
    if (seenNodes.get(name) === signature) return false
    seenNodes.set(name, signature)
    return true
  }
}

function selectorOf({ spec }: DaemonSet): ParsedLabelSelector {
  return fromLabelSelector(spec?.selector)
}

interface Acted {
  readonly hasActed: boolean
  readonly failure?: unknown
  /** When a pod that failed may be made anew. */
  readonly retryInMs?: number
}

async function act(
  set: DaemonSet,
  plan: DaemonPlan,
  hash: string,
  backoff: FailureBackoff,
  context: ReconcileContext,
): Promise<Acted> {
  const { events } = context
  let retryInMs: number | undefined
  const remove: Pod[] = [...plan.delete]
  for (const { pod, nodeName } of plan.ended) {
    const { namespace, name } = identityOf(pod)
    const where = `daemon pod ${namespace}/${name} on node ${nodeName}`
    if (pod.status?.phase === 'Succeeded')
      events.event(set, 'Normal', 'SucceededDaemonPod', `Found succeeded ${where}, will try to delete it`)
    else {
      // A new template may be what helps: with it the pauses begin anew.
      const waitMs = backoff.next(`${set.metadata?.uid}/${set.status?.observedGeneration ?? 0}/${nodeName}`)
      if (waitMs > 0) {
        retryInMs = Math.min(retryInMs ?? Infinity, waitMs)
        continue
      }
      events.event(set, 'Warning', 'FailedDaemonPod', `Found failed ${where}, will try to kill it`)
    }
    remove.push(pod)
  }
  const hasActed = remove.length > 0 || plan.create.length > 0
  const retry = retryInMs === undefined ? {} : { retryInMs }
  try {
    await inParallel(remove, (pod) => deletePod(pod, set, context))
    await slowStart(plan.create.length, (at) =>
      createPod(daemonPod(set, plan.create[at]!, hash), set, context),
    )
    return { hasActed, ...retry }
  } catch (failure) {
    return isNamespaceTerminating(failure) ? { hasActed } : { hasActed, failure, ...retry }
  }
}

/** Names of the revisions that pods were made from. */
function liveRevisions(owned: readonly Pod[], revisions: readonly ControllerRevision[]): ReadonlySet<string> {
  const hashes = new Set(owned.map(revisionOf))
  const live = revisions.filter(({ metadata }) => hashes.has(metadata?.labels?.[podRevisionLabel] ?? ''))
  return new Set(live.map((revision) => identityOf(revision).name))
}

function earliest(...delays: readonly (number | undefined)[]) {
  const known = delays.filter((delay) => delay !== undefined)
  return known.length === 0 ? done : again(Math.min(...known))
}
