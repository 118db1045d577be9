import type { PersistentVolume, Pod } from '../../api/generated/core.v1.ts'
import {
  csiDrivers,
  nodes,
  persistentVolumeClaims,
  persistentVolumes,
  pods,
  volumeAttachments,
} from '../../api/generated/resources.ts'
import { isVolumeAttachmentName } from '../../api/storage/volume-attachment-name.ts'
import { again, done, on, type ReconcileContext, type Reconciler } from '../../client/reconciler.ts'
import { isAlreadyExists, isNotFound } from '../../machinery/status-errors.ts'
import { sameOnceWritten } from '../same-once-written.ts'
import { countForcedDetach, followAttachments } from './attachment-metrics.ts'
import { claimNamesOf } from './claim-names.ts'
import { planAttachments, type WantedVolume } from './plan-attachments.ts'

const podsByNode = 'attachdetach/node'
const podsByClaim = 'attachdetach/claim'
const attachmentsByNode = 'attachdetach/node'
const attachmentsByVolume = 'attachdetach/volume'

/**
 * Has the volumes of drivers that ask for it attached to the nodes of the pods that use them, and detached when none
 * does; node statuses say which are attached. Attachments that somebody else made are left alone. One key for each node.
 */
export function attachDetachReconciler(): Reconciler {
  /** Since when attachments are wanted no more, by node and uid; lost with the process, as upstream's. */
  const unwantedSinceMs = new Map<string, ReadonlyMap<string, number>>()
  const inUse = new Map<string, readonly string[]>()
  return {
    name: 'attachdetach',
    watches: [
      on(nodes, ({ metadata }) => [metadata?.name ?? '']),
      on(pods, (pod) => (pod.spec?.nodeName && claimNamesOf(pod).length > 0 ? [pod.spec.nodeName] : [])),
      on(persistentVolumeClaims, ({ metadata }, context) =>
        nodesOfClaim(`${metadata?.namespace}/${metadata?.name}`, context),
      ),
      on(persistentVolumes, nodesOfVolume),
      on(volumeAttachments, ({ spec }, context) => {
        const volume = context.cache(persistentVolumes).get(spec.source.persistentVolumeName ?? '')
        return [spec.nodeName, ...(volume ? nodesOfVolume(volume, context) : [])]
      }),
      on(csiDrivers, ({ metadata }, context) =>
        context
          .cache(persistentVolumes)
          .list()
          .filter(({ spec }) => spec?.csi?.driver === metadata?.name)
          .flatMap((volume) => nodesOfVolume(volume, context)),
      ),
    ],

    prepare({ cache, metrics }) {
      followAttachments(metrics, {
        pods: cache(pods),
        claims: cache(persistentVolumeClaims),
        volumes: cache(persistentVolumes),
        attachments: cache(volumeAttachments),
      })
      const users = (pod: Pod) => (isUser(pod) ? claimNamesOf(pod) : [])
      cache(pods).addIndex(podsByNode, (pod) => (users(pod).length > 0 ? [pod.spec?.nodeName ?? ''] : []))
      cache(pods).addIndex(podsByClaim, (pod) =>
        users(pod).map((name) => `${pod.metadata?.namespace}/${name}`),
      )
      cache(volumeAttachments).addIndex(attachmentsByNode, ({ metadata, spec }) =>
        isVolumeAttachmentName(metadata?.name ?? '') ? [spec.nodeName] : [],
      )
      cache(volumeAttachments).addIndex(attachmentsByVolume, ({ spec }) => [
        spec.source.persistentVolumeName ?? '',
      ])
    },

    async reconcile(name, context) {
      const { cache, client, clock, events } = context
      const attachments = cache(volumeAttachments).byIndex(attachmentsByNode, name)
      const wanted = wantedVolumes(name, context)
      const node = cache(nodes).get(name)
      if (node) inUse.set(name, node.status?.volumesInUse ?? [])
      else if (attachments.length === 0) inUse.delete(name)
      if (attachments.length === 0) unwantedSinceMs.delete(name)
      if (attachments.length === 0 && wanted.length === 0 && !node?.status?.volumesAttached?.length)
        return done
      const unwanted = new Map<string, number>()
      const plan = planAttachments({
        name,
        node,
        wanted,
        attachments,
        volume: (volume) => cache(persistentVolumes).get(volume),
        elsewhere: (volume) =>
          cache(volumeAttachments)
            .byIndex(attachmentsByVolume, volume)
            .filter(({ spec }) => spec.nodeName !== name),
        usersElsewhere: (volume) => usersElsewhere(volume, name, context),
        unwantedSinceMs(attachment) {
          const uid = attachment.metadata?.uid ?? ''
          const sinceMs = unwantedSinceMs.get(name)?.get(uid) ?? clock.now()
          unwanted.set(uid, sinceMs)
          return sinceMs
        },
        lastInUse: inUse.get(name),
        now: clock.now(),
      })
      unwantedSinceMs.set(name, unwanted)
      for (const { pod, type, reason, message } of plan.events) events.event(pod, type, reason, message)
      // What is about to be detached is not to be used any more: the node is told before.
      if (plan.attached && !sameOnceWritten(plan.attached, node?.status?.volumesAttached)) {
        const body = { status: { volumesAttached: plan.attached } }
        await client.patch(nodes, { name }, { type: 'merge', body }, { subresource: 'status' })
      }
      for (const { attachment, forced } of plan.detach) {
        if (forced) countForcedDetach(context.metrics, forced)
        const target = { name: attachment.metadata?.name ?? '' }
        await ignoring(isNotFound, client.delete(volumeAttachments, target))
      }
      for (const attachment of plan.attach)
        await ignoring(isAlreadyExists, client.create(volumeAttachments, attachment))
      return Number.isFinite(plan.againAtMs) ? again(plan.againAtMs - clock.now()) : done
    },
  }
}

/** A pod that has a node, and may still run there. */
function isUser({ spec, status }: Pod): boolean {
  return !!spec?.nodeName && status?.phase !== 'Succeeded' && status?.phase !== 'Failed'
}

function nodesOfClaim(key: string, { cache }: ReconcileContext): readonly string[] {
  return cache(pods)
    .byIndex(podsByClaim, key)
    .map(({ spec }) => spec?.nodeName ?? '')
}

function nodesOfVolume({ spec }: PersistentVolume, context: ReconcileContext): readonly string[] {
  if (!spec?.csi || !spec.claimRef) return []
  return nodesOfClaim(`${spec.claimRef.namespace}/${spec.claimRef.name}`, context)
}

function usersElsewhere(
  { spec }: PersistentVolume,
  nodeName: string,
  { cache }: ReconcileContext,
): readonly Pod[] {
  if (!spec?.claimRef) return []
  return cache(pods)
    .byIndex(podsByClaim, `${spec.claimRef.namespace}/${spec.claimRef.name}`)
    .filter((pod) => pod.spec?.nodeName !== nodeName)
}

/** Volumes that are to be attached to the node for its pods. */
function wantedVolumes(nodeName: string, { cache }: ReconcileContext): readonly WantedVolume[] {
  const byName = new Map<string, { volume: PersistentVolume; pods: Pod[] }>()
  for (const pod of cache(pods).byIndex(podsByNode, nodeName)) {
    for (const claimName of claimNamesOf(pod)) {
      const claim = cache(persistentVolumeClaims).get(`${pod.metadata?.namespace}/${claimName}`)
      const volume = cache(persistentVolumes).get(claim?.spec?.volumeName ?? '')
      const driver = volume?.spec?.csi?.driver
      if (!volume || driver === undefined || volume.spec?.claimRef?.uid !== claim?.metadata?.uid) continue
      if (cache(csiDrivers).get(driver)?.spec?.attachRequired === false) continue
      const name = volume.metadata?.name ?? ''
      const known = byName.get(name)
      if (known) known.pods.push(pod)
      else byName.set(name, { volume, pods: [pod] })
    }
  }
  return [...byName.values()]
}

async function ignoring(fault: (error: unknown) => boolean, work: Promise<unknown>): Promise<void> {
  try {
    await work
  } catch (error) {
    if (!fault(error)) throw error
  }
}
