import { boundByController, storageClassOf } from '../../api/core/volume-matching.ts'
import type { PersistentVolume, PersistentVolumeClaim, Pod } from '../../api/generated/core.v1.ts'
import {
  persistentVolumeClaims,
  persistentVolumes,
  pods,
  storageClasses,
} from '../../api/generated/resources.ts'
import { defaultStorageClass } from '../../api/storage/default-storage-class.ts'
import { done, on, type Outcome, type ReconcileContext, type Reconciler } from '../../client/reconciler.ts'
import { keyOf, parseKey } from '../../machinery/resource.ts'
import { isConflict, isNotFound } from '../../machinery/status-errors.ts'
import { formatTime } from '../../machinery/time.ts'
import { sameOnceWritten } from '../same-once-written.ts'
import { countAssignment, followVolumes } from './volume-metrics.ts'
import { noPlugin, volumeOperations, type VolumeOperations } from './volume-operations.ts'
import { claimNamesOf } from './claim-names.ts'
import {
  boundClaim,
  boundStatus,
  planClaim,
  unboundStatus,
  withClass,
  type ClaimView,
  type PlannedEvent,
} from './plan-claim.ts'
import { boundVolume, planVolume, provisionedBy, unboundVolume, type VolumePhase } from './plan-volume.ts'

const ofClass = 'binder/class'
const ofClaim = 'binder/claim'
const pendingOfClass = 'binder/pendingOfClass'
const noClass = '\n'
const externalProvisioner = 'volume.kubernetes.io/storage-provisioner'
const betaExternalProvisioner = 'volume.beta.kubernetes.io/storage-provisioner'

const claimKey = (key: string) => `claim ${key}`
const volumeKey = (name: string) => `volume ${name}`

/**
 * Binds claims and volumes to one another, and says of volumes what has become of them. The volume is written first:
 * whoever's reservation the API server takes has it. Source: kubernetes/pkg/controller/volume/persistentvolume.
 */
export const persistentVolumeBinder: Reconciler = {
  name: 'persistentvolume-binder',
  queueName: 'volumes',
  eventSource: 'persistentvolume-controller',
  watches: [
    on(persistentVolumeClaims, (claim, { cache }) => [
      claimKey(keyOf(claim)),
      ...(claim.spec?.volumeName ? [volumeKey(claim.spec.volumeName)] : []),
      // Reserved for a claim that has gone before it named its volume: only the volume says so.
      ...cache(persistentVolumes)
        .byIndex(ofClaim, keyOf(claim))
        .map(({ metadata }) => volumeKey(metadata?.name ?? '')),
    ]),
    on(persistentVolumes, keysOfVolume),
    on(storageClasses, ({ metadata }, context) => [
      ...pendingClaims(metadata?.name ?? '', context),
      ...pendingClaims(noClass, context),
    ]),
    // Only what the event of a claim that waits says depends on pods.
    on(pods, (pod, { cache }) =>
      claimNamesOf(pod)
        .map((name) => `${pod.metadata?.namespace}/${name}`)
        .filter((key) => isPending(cache(persistentVolumeClaims).get(key)))
        .map(claimKey),
    ),
  ],

  prepare({ cache, metrics }) {
    followVolumes(metrics, { volumes: cache(persistentVolumes), claims: cache(persistentVolumeClaims) })
    cache(persistentVolumes).addIndex(ofClass, (volume) =>
      volume.spec?.claimRef ? [] : [storageClassOf(volume) ?? ''],
    )
    cache(persistentVolumes).addIndex(ofClaim, ({ spec }) =>
      spec?.claimRef ? [`${spec.claimRef.namespace}/${spec.claimRef.name}`] : [],
    )
    cache(persistentVolumeClaims).addIndex(pendingOfClass, (claim) =>
      isPending(claim) ? [storageClassOf(claim) ?? noClass] : [],
    )
  },

  async reconcile(key, context) {
    const [kind, name = ''] = key.split(' ')
    return kind === 'claim' ? await reconcileClaim(name, context) : await reconcileVolume(name, context)
  },
}

function keysOfVolume(volume: PersistentVolume, context: ReconcileContext): readonly string[] {
  const { metadata, spec } = volume
  const keys = [volumeKey(metadata?.name ?? '')]
  if (spec?.claimRef) keys.push(claimKey(`${spec.claimRef.namespace}/${spec.claimRef.name}`))
  else {
    const className = storageClassOf(volume) ?? ''
    keys.push(...pendingClaims(className, context))
    if (className === '') keys.push(...pendingClaims(noClass, context))
  }
  return keys
}

function pendingClaims(className: string, { cache }: ReconcileContext): readonly string[] {
  return cache(persistentVolumeClaims)
    .byIndex(pendingOfClass, className)
    .map((claim) => claimKey(keyOf(claim)))
}

function isPending(claim: PersistentVolumeClaim | undefined): boolean {
  return claim !== undefined && claim.status?.phase !== 'Bound' && claim.status?.phase !== 'Lost'
}

async function reconcileClaim(key: string, context: ReconcileContext): Promise<Outcome> {
  const { client, cache } = context
  const claim = cache(persistentVolumeClaims).get(key)
  const operations = volumeOperations(context)
  if (!claim) {
    operations.forget(claimKey(key))
    return done
  }
  const plan = planClaim(claim, viewOf(context))
  switch (plan.type) {
    case 'wait':
      await leaveUnbound(claim, 'Pending', plan.event, context)
      break
    case 'lose':
      if (claim.status?.phase !== 'Lost') await leaveUnbound(claim, 'Lost', plan.event, context)
      break
    case 'assignClass':
      await countAssignment(
        context.metrics,
        client.update(persistentVolumeClaims, withClass(claim, plan.className)),
      )
      break
    case 'provision':
      operations.begin(claimKey(key), plan.provisioner, 'provision')
      await failing(claimKey(key), operations, askProvisioner(claim, plan.provisioner, context))
      break
    case 'bind':
      await failing(claimKey(key), operations, bind(plan.volume, claim, context))
      operations.end(claimKey(key))
  }
  return done
}

/** What `doing` comes to; its failure is one of the operation, if there is one, unless a cache is a moment behind. */
async function failing<T>(key: string, operations: VolumeOperations, doing: Promise<T>): Promise<T> {
  try {
    return await doing
  } catch (error) {
    if (!isConflict(error)) operations.fail(key)
    throw error
  }
}

function viewOf({ cache }: ReconcileContext): ClaimView {
  const volumes = cache(persistentVolumes)
  return {
    volume: (name) => volumes.get(name),
    candidates: (claim) => [
      ...volumes.byIndex(ofClaim, keyOf(claim)),
      ...volumes.byIndex(ofClass, storageClassOf(claim) ?? ''),
    ],
    storageClass: (name) => cache(storageClasses).get(name),
    defaultClass: () => defaultStorageClass(cache(storageClasses).list()),
    unscheduledPods: (claim) =>
      cache(pods)
        .list(claim.metadata?.namespace)
        .filter((pod) => isUnscheduled(pod) && claimNamesOf(pod).includes(claim.metadata?.name ?? ''))
        .map(({ metadata }) => metadata?.name ?? ''),
  }
}

function isUnscheduled({ spec, metadata }: Pod): boolean {
  return !spec?.nodeName && !metadata?.deletionTimestamp
}

async function leaveUnbound(
  claim: PersistentVolumeClaim,
  phase: 'Pending' | 'Lost',
  event: PlannedEvent | undefined,
  { client, events }: ReconcileContext,
): Promise<void> {
  const status = unboundStatus(claim, phase)
  if (!sameOnceWritten(status, claim.status))
    await client.update(persistentVolumeClaims, { ...claim, status }, { subresource: 'status' })
  if (event) events.event(claim, event.type, event.reason, event.message)
}

/** Provisioners look for claims that name them. */
async function askProvisioner(
  claim: PersistentVolumeClaim,
  provisioner: string,
  context: ReconcileContext,
): Promise<void> {
  const { annotations } = claim.metadata ?? {}
  if (annotations?.[externalProvisioner] !== provisioner) {
    await context.client.update(persistentVolumeClaims, {
      ...claim,
      metadata: {
        ...claim.metadata,
        annotations: {
          ...annotations,
          [externalProvisioner]: provisioner,
          [betaExternalProvisioner]: provisioner,
        },
      },
    })
  }
  const message =
    `Waiting for a volume to be created either by the external provisioner '${provisioner}' or manually by the ` +
    'system administrator. If volume creation is delayed, please verify that the provisioner is running and ' +
    'correctly registered.'
  context.events.event(claim, 'Normal', 'ExternalProvisioning', message)
}

/** Step by step: whatever stops it, the next run goes on from there. */
async function bind(
  volume: PersistentVolume,
  claim: PersistentVolumeClaim,
  context: ReconcileContext,
): Promise<void> {
  const { client } = context
  const reserved = boundVolume(volume, claim)
  const ofVolume = reserved === volume ? volume : await client.update(persistentVolumes, reserved)
  await setPhase(ofVolume, 'Bound', undefined, context)
  const chosen = boundClaim(claim, volume.metadata?.name ?? '')
  const ofClaim = chosen === claim ? claim : await client.update(persistentVolumeClaims, chosen)
  const status = boundStatus(ofClaim, ofVolume)
  if (!sameOnceWritten(status, ofClaim.status))
    await client.update(persistentVolumeClaims, { ...ofClaim, status }, { subresource: 'status' })
}

async function reconcileVolume(name: string, context: ReconcileContext): Promise<Outcome> {
  const { cache, client, events } = context
  const volume = cache(persistentVolumes).get(name)
  const operations = volumeOperations(context)
  if (!volume) {
    operations.end(volumeKey(name))
    return done
  }
  const claim = await claimOf(volume, context)
  const plan = planVolume(volume, claim)
  switch (plan.type) {
    case 'phase':
      if (isToBeDeleted(volume, plan.phase))
        operations.begin(volumeKey(name), deleterOf(volume, context), 'delete')
      if (plan.event && volume.status?.phase !== plan.phase) operations.fail(volumeKey(name))
      await setPhase(volume, plan.phase, plan.event, context)
      break
    case 'unbind': {
      const unbound = await client.update(persistentVolumes, unboundVolume(volume))
      await setPhase(unbound, 'Available', undefined, context)
      break
    }
    case 'syncClaim':
      return claim ? await reconcileClaim(keyOf(claim), context) : done
    case 'mismatch':
      events.event(volume, plan.ofVolume.type, plan.ofVolume.reason, plan.ofVolume.message)
      if (claim) events.event(claim, plan.ofClaim.type, plan.ofClaim.reason, plan.ofClaim.message)
  }
  return done
}

function isToBeDeleted({ spec }: PersistentVolume, phase: VolumePhase): boolean {
  return spec?.persistentVolumeReclaimPolicy === 'Delete' && (phase === 'Released' || phase === 'Failed')
}

/** By the class: what volumes say of who made them may be anything. */
function deleterOf(volume: PersistentVolume, { cache }: ReconcileContext): string {
  if (volume.metadata?.annotations?.[provisionedBy] === undefined) return noPlugin
  return cache(storageClasses).get(storageClassOf(volume) ?? '')?.provisioner ?? noPlugin
}

/** The claim that a volume is reserved for, and no other of its name. */
async function claimOf(
  { spec, metadata }: PersistentVolume,
  { cache, client }: ReconcileContext,
): Promise<PersistentVolumeClaim | undefined> {
  const { namespace = '', name = '', uid } = spec?.claimRef ?? {}
  if (!uid) return undefined
  const cached = cache(persistentVolumeClaims).get(`${namespace}/${name}`)
  if (cached?.metadata?.uid === uid) return cached
  const { annotations } = metadata ?? {}
  if (annotations?.[provisionedBy] === undefined && annotations?.[boundByController] === undefined)
    return undefined
  // The cache may not have seen it yet, and a volume that is released by mistake has its data deleted.
  try {
    const found = await client.get(persistentVolumeClaims, parseKey(`${namespace}/${name}`))
    return found.metadata?.uid === uid ? found : undefined
  } catch (error) {
    if (isNotFound(error)) return undefined
    throw error
  }
}

async function setPhase(
  volume: PersistentVolume,
  phase: VolumePhase,
  event: PlannedEvent | undefined,
  { client, events, clock }: ReconcileContext,
): Promise<void> {
  if (volume.status?.phase === phase) return
  const lastPhaseTransitionTime = formatTime(clock.now())
  const status = { phase, ...(event && { message: event.message }), lastPhaseTransitionTime }
  await client.update(persistentVolumes, { ...volume, status }, { subresource: 'status' })
  if (event) events.event(volume, event.type, event.reason, event.message)
}
