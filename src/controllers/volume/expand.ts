import type { PersistentVolume, PersistentVolumeClaim } from '../../api/generated/core.v1.ts'
import { localPathProvisioner } from '../../api/storage/local-path.ts'
import { persistentVolumeClaims, persistentVolumes } from '../../api/generated/resources.ts'
import { done, on, type ReconcileContext, type Reconciler } from '../../client/reconciler.ts'
import { isDeleting } from '../../machinery/owner.ts'
import { compareQuantity, parseQuantity } from '../../machinery/quantity.ts'
import { keyOf } from '../../machinery/resource.ts'
import { provisionedBy } from './plan-volume.ts'

/**
 * Grows volumes whose claims ask for more. Volumes of local-path are directories, for which the number is all there is
 * to grow; others are grown by their drivers' own controllers. Source: kubernetes/pkg/controller/volume/expand.
 */
export const expandReconciler: Reconciler = {
  name: 'expand',
  queueName: 'volume_expand',
  eventSource: 'volume_expand',
  watches: [
    on(persistentVolumeClaims, (claim) => [keyOf(claim)]),
    on(persistentVolumes, ({ spec }) =>
      spec?.claimRef ? [`${spec.claimRef.namespace}/${spec.claimRef.name}`] : [],
    ),
  ],

  async reconcile(key, context) {
    const { cache, events } = context
    const claim = cache(persistentVolumeClaims).get(key)
    const volume = cache(persistentVolumes).get(claim?.spec?.volumeName ?? '')
    if (!claim || !volume || !asksForMore(claim, volume)) return done
    if (volume.metadata?.annotations?.[provisionedBy] === localPathProvisioner) {
      await grow(claim, volume, context)
      return done
    }
    // Other volumes than those of CSI have nobody to expand them.
    const type = volume.spec?.csi ? 'Normal' : 'Warning'
    events.event(claim, type, 'ExternalExpanding', 'waiting for an external controller to expand this PVC')
    return done
  },
}

function asksForMore(claim: PersistentVolumeClaim, { spec }: PersistentVolume): boolean {
  if (claim.status?.phase !== 'Bound' || isDeleting(claim)) return false
  if (spec?.claimRef?.uid !== claim.metadata?.uid) return false
  return isLess(claim.status.capacity?.storage, claim) || isLess(spec?.capacity?.storage, claim)
}

function isLess(capacity: string | undefined, { spec }: PersistentVolumeClaim): boolean {
  const requested = spec?.resources?.requests?.storage
  if (requested === undefined || capacity === undefined) return false
  return compareQuantity(parseQuantity(capacity), parseQuantity(requested)) < 0
}

async function grow(
  claim: PersistentVolumeClaim,
  volume: PersistentVolume,
  { client, events }: ReconcileContext,
): Promise<void> {
  const { namespace = '', name = '' } = claim.metadata ?? {}
  const storage = claim.spec?.resources?.requests?.storage ?? ''
  if (isLess(volume.spec?.capacity?.storage, claim)) {
    const body = { spec: { capacity: { storage } } }
    await client.patch(persistentVolumes, { name: keyOf(volume) }, { type: 'merge', body })
  }
  const conditions = (claim.status?.conditions ?? []).filter(
    ({ type }) => type !== 'Resizing' && type !== 'FileSystemResizePending',
  )
  const body = {
    metadata: { resourceVersion: claim.metadata?.resourceVersion },
    status: { capacity: { storage }, conditions },
  }
  await client.patch(
    persistentVolumeClaims,
    { namespace, name },
    { type: 'merge', body },
    { subresource: 'status' },
  )
  events.event(claim, 'Normal', 'VolumeResizeSuccessful', `ExpandVolume succeeded for volume ${keyOf(claim)}`)
}
