import type { Deployment, DeploymentStatus, ReplicaSet } from '../../api/generated/apps.v1.ts'
import { deployments, pods, replicaSets } from '../../api/generated/resources.ts'
import {
  again,
  done,
  on,
  type Outcome,
  type ReconcileContext,
  type Reconciler,
} from '../../client/reconciler.ts'
import { jsonEqual } from '../../machinery/equal.ts'
import { fromLabelSelector } from '../../machinery/label-selector.ts'
import { isControlledBy, isDeleting } from '../../machinery/owner.ts'
import { keyOf } from '../../machinery/resource.ts'
import { isAlreadyExists } from '../../machinery/status-errors.ts'
import { findCondition, withCondition } from '../condition-list.ts'
import { claim } from '../ownership/claim.ts'
import { indexByController, ownedBy } from '../ownership/controller-index.ts'
import { findController } from '../ownership/controller-key.ts'
import { identityOf } from '../ownership/identity.ts'
import { keysOfOwners } from '../ownership/keys-of-owners.ts'
import { isNamespaceTerminating, messageOf } from '../pods/pod-control.ts'
import { isTerminal } from '../pods/pod-state.ts'
import { sameOnceWritten } from '../same-once-written.ts'
import { revisionAnnotation, rollbackRevisionOf, sizeAnnotations } from './annotations.ts'
import {
  countedStatus,
  deploymentCondition,
  isComplete,
  msUntilDeadline,
  rolloutStatus,
  withPause,
} from './deployment-status.ts'
import { newReplicaSet, syncedReplicaSet } from './new-replica-set.ts'
import { planCleanup } from './plan-cleanup.ts'
import { planRollback } from './plan-rollback.ts'
import { planRecreateScaleDown, planRollingUpdate, type Scale } from './plan-rollout.ts'
import { isScaling, planScale } from './plan-scale.ts'
import {
  all,
  hasTemplateOf,
  isUnobserved,
  rolloutOf,
  sizeOf,
  totalActual,
  type Rollout,
} from './replica-sets.ts'
import { isRollingUpdate, progressDeadlineSeconds, replicasOf } from './rollout-limits.ts'

/** Rolls changes of a pod template out over replica sets. */
export const deploymentReconciler: Reconciler = {
  name: 'deployment',
  watches: [
    on(deployments, (deployment) => [keyOf(deployment)]),
    on(replicaSets, (replicaSet, { cache }) =>
      keysOfOwners(replicaSet, cache(deployments), ({ spec }) => fromLabelSelector(spec?.selector)),
    ),
    on(pods, (pod, { cache }) => {
      const replicaSet = findController(pod, cache(replicaSets))
      const deployment = replicaSet && findController(replicaSet, cache(deployments))
      return deployment && !isRollingUpdate(deployment) ? [keyOf(deployment)] : []
    }),
  ],

  prepare({ cache }) {
    indexByController(cache(replicaSets))
    indexByController(cache(pods))
  },

  async reconcile(key, context) {
    const { cache, clock } = context
    const found = cache(deployments).get(key)
    if (!found) return done
    const selector = fromLabelSelector(found.spec?.selector)
    if (selector.requirements.length === 0) return refuseToSelectAll(found, context)

    const owned = await claim(
      { owner: found, ownerResource: deployments, resource: replicaSets, selector },
      context,
    )
    const rollout = rolloutOf(found, owned)
    if (isDeleting(found)) {
      await writeStatus(found, countedStatus(found, rollout, clock.now()), context)
      return done
    }

    const deployment = { ...found, status: { ...found.status, conditions: withPause(found, clock.now()) } }
    const isPaused = deployment.spec?.paused === true
    if (!isPaused && rollbackRevisionOf(deployment) !== undefined)
      return rollBack(deployment, rollout, context)
    if (isPaused || isScaling(deployment, rollout)) return scale(deployment, rollout, context)
    return isRollingUpdate(deployment)
      ? rollOut(deployment, rollout, context)
      : recreate(deployment, rollout, context)
  },
}

/** The user has scaled or paused the deployment: sizes change, the template is not rolled out further. */
async function scale(deployment: Deployment, rollout: Rollout, context: ReconcileContext): Promise<Outcome> {
  const synced = await syncCurrent(deployment, rollout, context)
  await applyScales(deployment, planScale(deployment, synced.rollout), context)
  if (deployment.spec?.paused) await cleanUp(deployment, rollout, context)
  const status = countedStatus(synced.deployment, synced.rollout, context.clock.now())
  await writeStatus(synced.deployment, status, context)
  return done
}

/** An annotation asks for an older revision: its template becomes the deployment's, which is then rolled out. */
async function rollBack(
  deployment: Deployment,
  rollout: Rollout,
  context: ReconcileContext,
): Promise<Outcome> {
  const next = await ensureCurrent(deployment, rollout, context)
  if (!next) return done
  const { deployment: changed, event } = planRollback(next.deployment, all(next.rollout))
  await context.client.update(deployments, changed)
  context.events.event(deployment, event.type, event.reason, event.message)
  return done
}

async function rollOut(
  deployment: Deployment,
  rollout: Rollout,
  context: ReconcileContext,
): Promise<Outcome> {
  const next = await ensureCurrent(deployment, rollout, context)
  if (!next) return done
  const scales = planRollingUpdate(next.deployment, next.rollout)
  await applyScales(deployment, scales, context)
  return finish(next, scales.length > 0, context)
}

async function recreate(
  deployment: Deployment,
  rollout: Rollout,
  context: ReconcileContext,
): Promise<Outcome> {
  const synced = await syncCurrent(deployment, rollout, context)
  const scaleDown = planRecreateScaleDown(rollout)
  await applyScales(deployment, scaleDown, context)
  if (scaleDown.length > 0 || oldPodsRun(rollout, context)) return finish(synced, true, context)

  const { current } = synced.rollout
  const next = current
    ? { ...synced, rollout: { ...synced.rollout, current } }
    : await ensureCurrent(deployment, rollout, context)
  if (!next) return done
  const replicas = replicasOf(deployment)
  const scales =
    sizeOf(next.rollout.current) === replicas ? [] : [{ replicaSet: next.rollout.current, replicas }]
  await applyScales(deployment, scales, context)
  return finish(next, scales.length > 0, context)
}

interface Step {
  readonly deployment: Deployment
  readonly rollout: Rollout
}

async function finish(
  { deployment, rollout }: Step,
  hasScaled: boolean,
  context: ReconcileContext,
): Promise<Outcome> {
  const status = rolloutStatus(deployment, rollout, context.clock.now())
  if (!hasScaled && isComplete(deployment, status)) await cleanUp(deployment, rollout, context)
  await writeStatus(deployment, status, context)
  const untilDeadlineMs = msUntilDeadline(deployment, status, context.clock.now())
  return untilDeadlineMs === undefined ? done : again(untilDeadlineMs)
}

/** Brings annotations of the present replica set, if there is one, and the deployment's revision up to date. */
async function syncCurrent(
  deployment: Deployment,
  rollout: Rollout,
  context: ReconcileContext,
): Promise<Step> {
  const { client, clock } = context
  if (!rollout.current) return { deployment, rollout }
  const wanted = syncedReplicaSet(deployment, rollout.current, rollout.old)
  const current = wanted === rollout.current ? wanted : await client.update(replicaSets, wanted)
  const revised = await syncRevision(deployment, current, context)
  const message = `Found new replica set "${current.metadata?.name}"`
  return {
    deployment: findCondition(revised.status?.conditions, 'Progressing')
      ? revised
      : withProgress(revised, 'True', 'FoundNewReplicaSet', message, clock.now()),
    rollout: { ...rollout, current },
  }
}

/** As syncCurrent, but there is a present replica set afterwards; undefined when it must be tried again. */
async function ensureCurrent(
  deployment: Deployment,
  rollout: Rollout,
  context: ReconcileContext,
): Promise<(Step & { readonly rollout: { readonly current: ReplicaSet } }) | undefined> {
  const { events, clock } = context
  if (rollout.current) {
    const synced = await syncCurrent(deployment, rollout, context)
    return { ...synced, rollout: { ...synced.rollout, current: synced.rollout.current! } }
  }
  const wanted = newReplicaSet(deployment, rollout.old)
  const name = wanted.metadata?.name
  const created = await createReplicaSet(deployment, wanted, context)
  if (!created) return undefined
  if (created.isNew && sizeOf(wanted) > 0)
    events.event(
      deployment,
      'Normal',
      'ScalingReplicaSet',
      `Scaled up replica set ${name} from 0 to ${sizeOf(wanted)}`,
    )
  const message = `Created new replica set "${name}"`
  const progressed = created.isNew
    ? withProgress(deployment, 'True', 'NewReplicaSetCreated', message, clock.now())
    : deployment
  return {
    deployment: await syncRevision(progressed, created.replicaSet, context),
    rollout: { ...rollout, current: created.replicaSet },
  }
}

/**
 * Creates the replica set. One of its name may be there already: ours, which the cache has not seen, or another whose
 * template has the same hash; then the collision is counted, and the next try has another name.
 */
async function createReplicaSet(
  deployment: Deployment,
  wanted: ReplicaSet,
  context: ReconcileContext,
): Promise<{ readonly replicaSet: ReplicaSet; readonly isNew: boolean } | undefined> {
  const { client, events, clock } = context
  const { name } = identityOf(wanted)
  try {
    return { replicaSet: await client.create(replicaSets, wanted), isNew: true }
  } catch (error) {
    if (isAlreadyExists(error)) {
      const found = await client.get(replicaSets, identityOf(wanted))
      if (isControlledBy(found, deployment) && hasTemplateOf(found, deployment))
        return { replicaSet: found, isNew: false }
      const collisionCount = (deployment.status?.collisionCount ?? 0) + 1
      await writeStatus(deployment, { ...deployment.status, collisionCount }, context)
      return undefined
    }
    if (isNamespaceTerminating(error)) return undefined
    const message = `Failed to create new replica set "${name}": ${messageOf(error)}`
    const failed = withProgress(deployment, 'False', 'ReplicaSetCreateError', message, clock.now())
    events.event(deployment, 'Warning', 'ReplicaSetCreateError', message)
    await writeStatus(deployment, failed.status ?? {}, context)
    throw error
  }
}

/** The deployment with the revision of its present replica set, which it is given where it has another. */
async function syncRevision(
  deployment: Deployment,
  current: ReplicaSet,
  { client }: ReconcileContext,
): Promise<Deployment> {
  const revision = current.metadata?.annotations?.[revisionAnnotation]
  if (revision === undefined || deployment.metadata?.annotations?.[revisionAnnotation] === revision)
    return deployment
  const annotations = { ...deployment.metadata?.annotations, [revisionAnnotation]: revision }
  const annotated = { ...deployment, metadata: { ...deployment.metadata, annotations } }
  // With the status, which controllers may write, metadata is written too.
  return client.update(deployments, annotated, { subresource: 'status' })
}

function withProgress(
  deployment: Deployment,
  status: 'True' | 'False',
  reason: string,
  message: string,
  nowMs: number,
): Deployment {
  if (progressDeadlineSeconds(deployment) === undefined) return deployment
  const condition = deploymentCondition('Progressing', status, reason, message, nowMs)
  const conditions = withCondition(deployment.status?.conditions, condition)
  return { ...deployment, status: { ...deployment.status, conditions } }
}

/** Gives the replica sets their sizes and tells them the size of the deployment. */
async function applyScales(
  deployment: Deployment,
  scales: readonly Scale[],
  { client, events }: ReconcileContext,
): Promise<void> {
  for (const { replicaSet, replicas } of scales) {
    const { metadata, spec } = replicaSet
    const size = sizeOf(replicaSet)
    const annotations = { ...metadata?.annotations, ...sizeAnnotations(deployment) }
    if (size === replicas && jsonEqual(annotations, metadata?.annotations)) continue
    await client.update(replicaSets, {
      ...replicaSet,
      metadata: { ...metadata, annotations },
      spec: { ...spec!, replicas },
    })
    if (size === replicas) continue
    const direction = size < replicas ? 'up' : 'down'
    const message = `Scaled ${direction} replica set ${metadata?.name} from ${size} to ${replicas}`
    events.event(deployment, 'Normal', 'ScalingReplicaSet', message)
  }
}

async function cleanUp(
  deployment: Deployment,
  { old }: Rollout,
  { client }: ReconcileContext,
): Promise<void> {
  for (const replicaSet of planCleanup(deployment, old)) {
    const target = identityOf(replicaSet)
    await client.delete(replicaSets, target, { preconditions: { uid: target.uid } })
  }
}

/** Recreate waits until no pod of an old version can do anything any more, nor be made. */
function oldPodsRun({ old }: Rollout, { cache }: ReconcileContext): boolean {
  if (totalActual(old) > 0 || old.some(isUnobserved)) return true
  return old.some((replicaSet) =>
    ownedBy(cache(pods), identityOf(replicaSet).uid).some((pod) => !isTerminal(pod)),
  )
}

async function writeStatus(
  deployment: Deployment,
  status: DeploymentStatus,
  { client, cache }: ReconcileContext,
): Promise<void> {
  const held = cache(deployments).get(keyOf(deployment))
  if (held && !sameOnceWritten(held.status, status))
    await client.update(deployments, { ...deployment, status }, { subresource: 'status' })
}

async function refuseToSelectAll(
  deployment: Deployment,
  { client, events }: ReconcileContext,
): Promise<Outcome> {
  events.event(
    deployment,
    'Warning',
    'SelectingAll',
    'This deployment is selecting all pods. A non-empty selector is required.',
  )
  const generation = deployment.metadata?.generation ?? 0
  if ((deployment.status?.observedGeneration ?? 0) < generation) {
    const status = { ...deployment.status, observedGeneration: generation }
    await client.update(deployments, { ...deployment, status }, { subresource: 'status' })
  }
  return done
}
