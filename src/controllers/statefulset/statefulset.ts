import type { ControllerRevision, StatefulSet } from '../../api/generated/apps.v1.ts'
import type { Pod } from '../../api/generated/core.v1.ts'
import {
  controllerRevisions,
  persistentVolumeClaims,
  pods,
  statefulSets,
} from '../../api/generated/resources.ts'
import { again, done, on, type ReconcileContext, type Reconciler } from '../../client/reconciler.ts'
import { fromLabelSelector, type ParsedLabelSelector } from '../../machinery/label-selector.ts'
import { isDeleting } from '../../machinery/owner.ts'
import { keyOf, parseKey } from '../../machinery/resource.ts'
import { revisionHashLabel } from '../history/controller-revisions.ts'
import { syncRevision, truncateHistory } from '../history/sync-revision.ts'
import { claim } from '../ownership/claim.ts'
import { indexByController } from '../ownership/controller-index.ts'
import { identityOf } from '../ownership/identity.ts'
import { keysOfOwners } from '../ownership/keys-of-owners.ts'
import { isNamespaceTerminating } from '../pods/pod-control.ts'
import { nextAvailabilityMs } from '../pods/pod-state.ts'
import { sameOnceWritten } from '../same-once-written.ts'
import { staleSyncsOf } from '../sync-metrics.ts'
import { act } from './act.ts'
import { viewClaims } from './claims.ts'
import {
  countUnavailable,
  maxUnavailableOf,
  membersOf,
  planStatefulSet,
  servesAt,
} from './plan-stateful-set.ts'
import { forgetAvailability, tellAvailability } from './stateful-set-metrics.ts'
import { mayBeClaimOf, ordinalOf, revisionOf } from './stateful-pod.ts'
import { statefulSetStatus, type RevisionNames } from './stateful-set-status.ts'

const defaultHistoryLimit = 10

/** Keeps pods with a lasting identity: a name, claims, and an order in which they come and go. */
export const statefulSetReconciler: Reconciler = {
  name: 'statefulset',
  staleSyncs: staleSyncsOf('statefulset', 'StatefulSet'),
  watches: [
    on(statefulSets, (set) => [keyOf(set)]),
    on(pods, (pod, { cache }) => keysOfOwners(pod, cache(statefulSets), selectorOf)),
    on(controllerRevisions, (revision, { cache }) => keysOfOwners(revision, cache(statefulSets), selectorOf)),
    on(persistentVolumeClaims, (claim, { cache }) => {
      const { name, namespace } = identityOf(claim)
      return cache(statefulSets)
        .list(namespace)
        .filter((set) => mayBeClaimOf(set, name))
        .map(keyOf)
    }),
  ],

  prepare({ cache }) {
    indexByController(cache(pods))
    indexByController(cache(controllerRevisions))
  },

  async reconcile(key, context) {
    const { client, cache, clock } = context
    const set = cache(statefulSets).get(key)
    if (!set) {
      forgetAvailability(context.metrics, parseKey(key))
      return done
    }
    const claiming = { owner: set, ownerResource: statefulSets, selector: selectorOf(set) }
    const revisions = await claim({ ...claiming, resource: controllerRevisions }, context)
    const members = await claim(
      { ...claiming, resource: pods, isMember: (pod) => ordinalOf(pod, set) !== undefined },
      context,
    )

    const { names, failure } = isDeleting(set)
      ? { names: namesInStatus(set), failure: undefined }
      : await manage(set, members, revisions, context)
    const nowMs = clock.now()
    const status = statefulSetStatus(set, members, names, nowMs)
    if (!isDeleting(set) && set.spec?.updateStrategy?.type !== 'OnDelete') {
      const unavailable = countUnavailable(membersOf(set, members).replicas, servesAt(set, nowMs))
      tellAvailability(context.metrics, set, { maxUnavailable: maxUnavailableOf(set), unavailable })
    }
    if (!sameOnceWritten(set.status, status))
      await client.update(statefulSets, { ...set, status }, { subresource: 'status' })

    const live = new Set([names.current, names.update, ...members.map(revisionOf)])
    await truncateHistory(revisions, live, set.spec?.revisionHistoryLimit ?? defaultHistoryLimit, context)
    if (failure !== undefined) throw failure
    const availableInMs = nextAvailabilityMs(members, set.spec?.minReadySeconds ?? 0, nowMs)
    return availableInMs === undefined ? done : again(availableInMs)
  },
}

function selectorOf({ spec }: StatefulSet): ParsedLabelSelector {
  return fromLabelSelector(spec?.selector)
}

/** A set that is being deleted records nothing any more. */
function namesInStatus({ status }: StatefulSet): RevisionNames {
  const { currentRevision = '', updateRevision = '', collisionCount } = status ?? {}
  return { current: currentRevision, update: updateRevision, collisionCount }
}

/** Records the template and brings the pods a step further; what that failed with does not keep the status from being written. */
async function manage(
  set: StatefulSet,
  members: readonly Pod[],
  revisions: readonly ControllerRevision[],
  context: ReconcileContext,
): Promise<{ readonly names: RevisionNames; readonly failure: unknown }> {
  const { template } = set.spec ?? {}
  const { revision: update, collisionCount } = await syncRevision(
    {
      owner: set,
      ownerResource: statefulSets,
      template: template ?? {},
      labels: { ...template?.metadata?.labels },
      hashLabel: revisionHashLabel,
      collisionCount: set.status?.collisionCount,
    },
    revisions,
    context,
  )
  const current =
    revisions.find((revision) => identityOf(revision).name === set.status?.currentRevision) ?? update
  const names = { current: identityOf(current).name, update: identityOf(update).name, collisionCount }
  const plan = planStatefulSet(set, {
    pods: members,
    claims: viewClaims(set, context),
    updateRevision: names.update,
    nowMs: context.clock.now(),
  })
  try {
    await act(set, plan, { current, update }, context)
    return { names, failure: undefined }
  } catch (failure) {
    return { names, failure: isNamespaceTerminating(failure) ? undefined : failure }
  }
}
