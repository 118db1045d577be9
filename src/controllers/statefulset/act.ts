import type { ControllerRevision, StatefulSet } from '../../api/generated/apps.v1.ts'
import type { Pod } from '../../api/generated/core.v1.ts'
import { pods } from '../../api/generated/resources.ts'
import type { ReconcileContext } from '../../client/reconciler.ts'
import { jsonEqual } from '../../machinery/equal.ts'
import { isAlreadyExists, isNotFound } from '../../machinery/status-errors.ts'
import { templateOf } from '../history/controller-revisions.ts'
import { identityOf } from '../ownership/identity.ts'
import { isNamespaceTerminating, messageOf } from '../pods/pod-control.ts'
import { slowStart } from '../pods/slow-start.ts'
import { ensureClaims, setClaimOwners } from './claims.ts'
import type { StatefulAction, StatefulPlan } from './plan-stateful-set.ts'
import { hasIdentity, statefulPod, withIdentity } from './stateful-pod.ts'

export interface Revisions {
  readonly current: ControllerRevision
  readonly update: ControllerRevision
}

/** Does what the plan says, and tells it in events. Throws what that failed with first; what comes after is not done. */
export async function act(
  set: StatefulSet,
  { stages, isParallel }: StatefulPlan,
  revisions: Revisions,
  context: ReconcileContext,
): Promise<void> {
  const perform = async (actions: readonly StatefulAction[] = []) => {
    for (const action of actions) await performAction(action, set, revisions, context)
  }
  for (const stage of stages) {
    if (isParallel) await slowStart(stage.length, (at) => perform(stage[at]))
    else for (const actions of stage) await perform(actions)
  }
}

function performAction(
  action: StatefulAction,
  set: StatefulSet,
  revisions: Revisions,
  context: ReconcileContext,
): Promise<void> {
  switch (action.type) {
    case 'create':
      return create(set, action.ordinal, revisions[action.from], context)
    case 'ensureClaims':
      return ensureClaims(set, action.ordinal, context).then((claims) =>
        setClaimOwners(set, action.pod, context, claims),
      )
    case 'repair':
      return repair(set, action.pod, action.ordinal, context)
    case 'handOver':
      return setClaimOwners(set, action.pod, context)
    case 'recreate':
    case 'scaleDown':
    case 'update':
      return remove(set, action.pod, context)
  }
}

/** The claims come first: a pod without them could not start. */
async function create(
  set: StatefulSet,
  ordinal: number,
  revision: ControllerRevision,
  context: ReconcileContext,
): Promise<void> {
  const pod = statefulPod(set, templateOf(revision), identityOf(revision).name, ordinal)
  await tell(set, 'create', pod, context, async () => {
    const claims = await ensureClaims(set, ordinal, context)
    const created = await context.client.create(pods, pod)
    await setClaimOwners(set, created, context, claims)
  })
}

async function repair(set: StatefulSet, pod: Pod, ordinal: number, context: ReconcileContext): Promise<void> {
  await tell(set, 'update', pod, context, async () => {
    const claims = hasIdentity(pod, set, ordinal) ? undefined : await ensureClaims(set, ordinal, context)
    await setClaimOwners(set, pod, context, claims)
    const repaired = claims ? withIdentity(pod, set, ordinal) : pod
    if (!jsonEqual(repaired, pod)) await context.client.update(pods, repaired)
  })
}

async function remove(set: StatefulSet, pod: Pod, context: ReconcileContext): Promise<void> {
  const { uid, ...name } = identityOf(pod)
  try {
    await tell(set, 'delete', pod, context, () =>
      context.client.delete(pods, name, { preconditions: { uid } }),
    )
  } catch (error) {
    if (!isNotFound(error)) throw error
  }
}

/** Events about what was done to a pod, in upstream's words. */
async function tell(
  set: StatefulSet,
  verb: 'create' | 'update' | 'delete',
  pod: Pod,
  { events }: ReconcileContext,
  write: () => Promise<unknown>,
): Promise<void> {
  const subject = `${verb} Pod ${identityOf(pod).name} in StatefulSet ${identityOf(set).name}`
  const reason = `${verb[0]!.toUpperCase()}${verb.slice(1)}`
  try {
    await write()
    events.event(set, 'Normal', `Successful${reason}`, `${subject} successful`)
  } catch (error) {
    if (!isNotFound(error) && !isAlreadyExists(error) && !isNamespaceTerminating(error))
      events.event(set, 'Warning', `Failed${reason}`, `${subject} failed error: ${messageOf(error)}`)
    throw error
  }
}
