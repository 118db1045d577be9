import type { ControllerRevision, StatefulSet } from '../../api/generated/apps.v1.ts'
import type { Pod } from '../../api/generated/core.v1.ts'
import {
  controllerRevisions,
  persistentVolumeClaims,
  pods,
  statefulSets,
} from '../../api/generated/resources.ts'
import { again, done, on, type ReconcileContext, type Reconciler } from '../../client/reconciler.ts'
import { fromLabelSelector, matchesLabels } from '../../machinery/label-selector.ts'
import { controllerOf } from '../../machinery/owner.ts'
import { keyOf } from '../../machinery/resource.ts'
import { isNotFound } from '../../machinery/status-errors.ts'
import { revisionHashLabel, templateOf } from '../history/controller-revisions.ts'
import { syncRevision, truncateHistory } from '../history/sync-revision.ts'
import { claim } from '../ownership/claim.ts'
import { indexByController } from '../ownership/controller-index.ts'
import { controllerKey } from '../ownership/controller-key.ts'
import { identityOf } from '../ownership/identity.ts'
import { isNamespaceTerminating, messageOf } from '../pods/pod-control.ts'
import { nextAvailabilityMs } from '../pods/pod-state.ts'
import { inParallel } from '../pods/slow-start.ts'
import { sameOnceWritten } from '../same-once-written.ts'
import { ensureClaims, ensureRetention, hasStaleClaim } from './claims.ts'
import { planStatefulSet, type StatefulAction } from './plan-stateful-set.ts'
import { ordinalOf, revisionOf, statefulPod, withIdentity } from './stateful-pod.ts'
import { statefulSetStatus } from './stateful-set-status.ts'

const defaultHistoryLimit = 10

/** Keeps pods with a lasting identity: a name, claims, and an order in which they come and go. */
export const statefulSetReconciler: Reconciler = {
  name: 'statefulset',
  watches: [
    on(statefulSets, (set) => [keyOf(set)]),
    on(pods, (pod, { cache }) => {
      const key = controllerKey(pod, statefulSets)
      if (controllerOf(pod)) return key === undefined ? [] : [key]
      const { namespace, labels = {} } = pod.metadata ?? {}
      return cache(statefulSets)
        .list(namespace)
        .filter((set) => selectorOf(set, labels) && ordinalOf(pod, set) !== undefined)
        .map(keyOf)
    }),
    on(controllerRevisions, (revision) => {
      const key = controllerKey(revision, statefulSets)
      return key === undefined ? [] : [key]
    }),
    on(persistentVolumeClaims, ({ metadata }) =>
      (metadata?.ownerReferences ?? []).flatMap(({ kind, name }) => {
        const setName = kind === pods.kind ? name.replace(/-\d+$/, '') : name
        return kind === pods.kind || kind === statefulSets.kind ? [`${metadata?.namespace}/${setName}`] : []
      }),
    ),
  ],

  prepare({ cache }) {
    indexByController(cache(pods))
    indexByController(cache(controllerRevisions))
  },

  async reconcile(key, context) {
    const { client, cache, clock } = context
    const set = cache(statefulSets).get(key)
    if (!set) return done
    const selector = fromLabelSelector(set.spec?.selector)
    const claiming = { owner: set, ownerResource: statefulSets, selector }
    const revisions = await claim({ ...claiming, resource: controllerRevisions }, context)
    const members = await claim(
      { ...claiming, resource: pods, isMember: (pod) => ordinalOf(pod, set) !== undefined },
      context,
    )
    const { revision: update, collisionCount } = await syncRevision(
      {
        owner: set,
        ownerResource: statefulSets,
        template: set.spec?.template ?? {},
        labels: { ...set.spec?.template.metadata?.labels },
        hashLabel: revisionHashLabel,
        collisionCount: set.status?.collisionCount,
      },
      revisions,
      context,
    )
    const current = revisions.find(({ metadata }) => metadata?.name === set.status?.currentRevision) ?? update

    const failure = await act(set, members, { current, update }, context)
    const nowMs = clock.now()
    const names = { current: identityOf(current).name, update: identityOf(update).name, collisionCount }
    const status = statefulSetStatus(set, members, names, nowMs)
    if (!sameOnceWritten(set.status, status))
      await client.update(statefulSets, { ...set, status }, { subresource: 'status' })
    if (failure !== undefined) throw failure

    const live = new Set([names.current, names.update, ...members.map(revisionOf)])
    await truncateHistory(revisions, live, set.spec?.revisionHistoryLimit ?? defaultHistoryLimit, context)
    const availableInMs = nextAvailabilityMs(members, set.spec?.minReadySeconds ?? 0, nowMs)
    return availableInMs === undefined ? done : again(availableInMs)
  },
}

function selectorOf({ spec }: StatefulSet, labels: Readonly<Record<string, string>>): boolean {
  return matchesLabels(fromLabelSelector(spec?.selector), labels)
}

interface Revisions {
  readonly current: ControllerRevision
  readonly update: ControllerRevision
}

/** Does what the plan says; what that failed with, so that the status is still written. */
async function act(
  set: StatefulSet,
  members: readonly Pod[],
  revisions: Revisions,
  context: ReconcileContext,
): Promise<unknown> {
  const plan = planStatefulSet(set, members, identityOf(revisions.update).name, context.clock.now())
  try {
    if (!set.metadata?.deletionTimestamp)
      await inParallel(members, (pod) => ensureRetention(set, pod, context))
    if (plan.isParallel) await inParallel(plan.actions, (action) => perform(action, set, revisions, context))
    else for (const action of plan.actions) await perform(action, set, revisions, context)
    return undefined
  } catch (error) {
    return isNamespaceTerminating(error) ? undefined : error
  }
}

async function perform(
  action: StatefulAction,
  set: StatefulSet,
  revisions: Revisions,
  context: ReconcileContext,
): Promise<void> {
  const { client, events } = context
  switch (action.type) {
    case 'create': {
      const { ordinal } = action
      if (hasStaleClaim(set, ordinal, context)) return
      await ensureClaims(set, ordinal, context)
      const revision = revisions[action.from]
      const pod = statefulPod(set, templateOf(revision), identityOf(revision).name, ordinal)
      return tell(set, 'create', pod, client.create(pods, pod), context)
    }
    case 'ensureClaims':
      return ensureClaims(set, action.ordinal, context)
    case 'repair':
      await ensureClaims(set, action.ordinal, context)
      return tell(
        set,
        'update',
        action.pod,
        client.update(pods, withIdentity(action.pod, set, action.ordinal)),
        context,
      )
    case 'recreate': {
      const state = action.phase === 'Failed' ? 'failed' : 'terminated'
      const reason = action.phase === 'Failed' ? 'RecreatingFailedPod' : 'RecreatingTerminatedPod'
      const { name } = identityOf(action.pod)
      events.event(set, 'Warning', reason, `StatefulSet ${keyOf(set)} is recreating ${state} Pod ${name}`)
      return remove(set, action.pod, context)
    }
    case 'scaleDown':
    case 'update':
      return remove(set, action.pod, context)
  }
}

async function remove(set: StatefulSet, pod: Pod, context: ReconcileContext): Promise<void> {
  const target = identityOf(pod)
  const deleting = context.client.delete(pods, target, { preconditions: { uid: target.uid } })
  try {
    await tell(set, 'delete', pod, deleting, context)
  } catch (error) {
    if (!isNotFound(error)) throw error
  }
}

/** Events about what was done to a pod, in upstream's words. */
async function tell(
  set: StatefulSet,
  verb: 'create' | 'update' | 'delete',
  pod: Pod,
  writing: Promise<unknown>,
  { events }: ReconcileContext,
): Promise<void> {
  const subject = `${verb} Pod ${pod.metadata?.name} in StatefulSet ${set.metadata?.name}`
  const reason = `${verb[0]!.toUpperCase()}${verb.slice(1)}`
  try {
    await writing
    events.event(set, 'Normal', `Successful${reason}`, `${subject} successful`)
  } catch (error) {
    if (!isNotFound(error) && !isNamespaceTerminating(error))
      events.event(set, 'Warning', `Failed${reason}`, `${subject} failed error: ${messageOf(error)}`)
    throw error
  }
}
