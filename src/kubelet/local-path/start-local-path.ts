import { storageClassOf } from '../../api/core/volume-matching.ts'
import type { PersistentVolume, PersistentVolumeClaim } from '../../api/generated/core.v1.ts'
import { persistentVolumeClaims, persistentVolumes, storageClasses } from '../../api/generated/resources.ts'
import {
  localPathProvisioner,
  nodeOfClaim,
  nodeOfVolume,
  volumeNameOf,
} from '../../api/storage/local-path.ts'
import type { ComponentContext, RunningComponent } from '../../client/component.ts'
import { done, on, type ReconcileContext, type Reconciler } from '../../client/reconciler.ts'
import { startReconciler } from '../../client/runner.ts'
import { keyOf, parseKey } from '../../machinery/resource.ts'
import { isAlreadyExists, isNotFound } from '../../machinery/status-errors.ts'
import type { LocalVolumes } from './local-volumes.ts'
import { planRemoval, provisionerFinalizer, volumeFor, whyNotProvisioned } from './plan.ts'

export interface LocalPathOptions {
  /** Whether the directories of a node of this name are these. */
  readonly isOwnNode: (name: string) => boolean
  readonly volumes: LocalVolumes
}

/** Makes and removes the directories that volumes of the default class are, on the machine where it runs. */
export function startLocalPath(context: ComponentContext, options: LocalPathOptions): RunningComponent {
  return startReconciler(localPathReconciler(options), context)
}

export function localPathReconciler({ isOwnNode, volumes }: LocalPathOptions): Reconciler {
  const isOwn = (node: string | undefined): node is string => node !== undefined && isOwnNode(node)
  return {
    name: 'local-path-provisioner',
    eventSource: localPathProvisioner,
    watches: [
      on(persistentVolumeClaims, (claim) => (isOwn(nodeOfClaim(claim)) ? [`claim ${keyOf(claim)}`] : [])),
      on(persistentVolumes, (volume) => (isOwn(nodeOfVolume(volume)) ? [`volume ${keyOf(volume)}`] : [])),
    ],

    async reconcile(key, context) {
      const [kind, name = ''] = key.split(' ')
      if (kind === 'claim') {
        const claim = context.cache(persistentVolumeClaims).get(name)
        const node = claim && nodeOfClaim(claim)
        if (claim && isOwn(node)) await provision(claim, node, volumes, context)
      } else {
        const volume = context.cache(persistentVolumes).get(name)
        if (volume) await remove(volume, volumes, context)
      }
      return done
    },
  }
}

async function provision(
  claim: PersistentVolumeClaim,
  node: string,
  volumes: LocalVolumes,
  { cache, client, events }: ReconcileContext,
): Promise<void> {
  const volumeName = volumeNameOf(claim)
  if (cache(persistentVolumes).get(volumeName)) return
  const className = storageClassOf(claim) ?? ''
  const fail = (why: string) =>
    events.event(
      claim,
      'Warning',
      'ProvisioningFailed',
      `failed to provision volume with StorageClass "${className}": ${why}`,
    )
  const why = whyNotProvisioned(claim)
  if (why !== undefined) return fail(why)
  const { namespace, name } = claim.metadata ?? {}
  const asked = `External provisioner is provisioning volume for claim "${keyOf(claim)}"`
  events.event(claim, 'Normal', 'Provisioning', asked)
  try {
    const storageClass = await client.get(storageClasses, { name: className })
    const path = await volumes.make(volumeName, `${namespace}_${name}`)
    await client.create(persistentVolumes, volumeFor(claim, storageClass, node, path))
  } catch (error) {
    if (isAlreadyExists(error)) return
    fail(error instanceof Error ? error.message : String(error))
    throw error
  }
  events.event(claim, 'Normal', 'ProvisioningSucceeded', `Successfully provisioned volume ${volumeName}`)
}

async function remove(
  volume: PersistentVolume,
  volumes: LocalVolumes,
  { client, events }: ReconcileContext,
): Promise<void> {
  const plan = planRemoval(volume)
  if (plan.type === 'none') return
  const name = parseKey(keyOf(volume))
  if (plan.type === 'remove') {
    try {
      await volumes.remove(name.name, plan.path)
    } catch (error) {
      const words = error instanceof Error ? error.message : String(error)
      events.event(volume, 'Warning', 'VolumeFailedDelete', words)
      throw error
    }
  }
  try {
    const uid = volume.metadata?.uid
    if (plan.type === 'remove' && !volume.metadata?.deletionTimestamp)
      await client.delete(persistentVolumes, name, { ...(uid && { preconditions: { uid } }) })
    const current = await client.get(persistentVolumes, name)
    const finalizers = (current.metadata?.finalizers ?? []).filter((other) => other !== provisionerFinalizer)
    await client.update(persistentVolumes, { ...current, metadata: { ...current.metadata, finalizers } })
  } catch (error) {
    if (!isNotFound(error)) throw error
  }
}
