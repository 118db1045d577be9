import type { StatefulSet } from '../../api/generated/apps.v1.ts'
import type { PersistentVolumeClaim, Pod } from '../../api/generated/core.v1.ts'
import { persistentVolumeClaims, pods, statefulSets } from '../../api/generated/resources.ts'
import type { ReconcileContext } from '../../client/reconciler.ts'
import type { OwnerReference } from '../../machinery/meta.ts'
import { isDeleting, ownerReferenceTo } from '../../machinery/owner.ts'
import { keyOf } from '../../machinery/resource.ts'
import { identityOf } from '../ownership/identity.ts'
import { messageOf } from '../pods/pod-control.ts'
import { claimsFor, ordinalOf, startOrdinal } from './stateful-pod.ts'

/** Creates the claims of an ordinal that are not there. Throws while one of them is being deleted. */
export async function ensureClaims(
  set: StatefulSet,
  ordinal: number,
  context: ReconcileContext,
): Promise<void> {
  const { client, cache, events } = context
  const podName = `${set.metadata?.name}-${ordinal}`
  for (const claim of claimsFor(set, ordinal)) {
    const { name } = identityOf(claim)
    const found = cache(persistentVolumeClaims).get(keyOf(claim))
    if (found && isDeleting(found)) throw new Error(`pvc ${name} is being deleted`)
    if (found) continue
    try {
      await client.create(persistentVolumeClaims, claim)
      const message = `create Claim ${name} Pod ${podName} in StatefulSet ${set.metadata?.name} success`
      events.event(set, 'Normal', 'SuccessfulCreate', message)
    } catch (error) {
      const message = `create Claim ${name} for Pod ${podName} in StatefulSet ${set.metadata?.name} failed error: ${messageOf(error)}`
      events.event(set, 'Warning', 'FailedCreate', message)
      throw error
    }
  }
}

/**
 * Sets who takes the claims of a pod along when it goes: the set, where they are deleted with it, or the pod, where they
 * are deleted with a place that is given up. By default nobody does.
 */
export async function ensureRetention(set: StatefulSet, pod: Pod, context: ReconcileContext): Promise<void> {
  const { client, cache } = context
  const ordinal = ordinalOf(pod, set)
  if (ordinal === undefined) return
  for (const wanted of claimsFor(set, ordinal)) {
    const claim = cache(persistentVolumeClaims).get(keyOf(wanted))
    if (!claim || isDeleting(claim)) continue
    const ownerReferences = retentionOwners(set, pod, ordinal, claim)
    if (!ownerReferences) continue
    const { uid, resourceVersion } = claim.metadata ?? {}
    const body = { metadata: { uid, resourceVersion, ownerReferences } }
    await client.patch(persistentVolumeClaims, identityOf(claim), { type: 'merge', body })
  }
}

/** The claim's owners as they should be; undefined when they are. Others' references stay. */
export function retentionOwners(
  set: StatefulSet,
  pod: Pod,
  ordinal: number,
  { metadata }: PersistentVolumeClaim,
): readonly OwnerReference[] | undefined {
  const { whenDeleted = 'Retain', whenScaled = 'Retain' } =
    set.spec?.persistentVolumeClaimRetentionPolicy ?? {}
  const place = ordinal - startOrdinal(set)
  const isCondemned = place < 0 || place >= (set.spec?.replicas ?? 1)
  const podOwns = whenScaled === 'Delete' && isCondemned
  const setOwns = whenDeleted === 'Delete' && !podOwns
  const current = metadata?.ownerReferences ?? []
  const owns = (uid: string | undefined) => current.some((reference) => reference.uid === uid)
  if (owns(set.metadata?.uid) === setOwns && owns(pod.metadata?.uid) === podOwns) return undefined
  const others = current.filter(({ uid }) => uid !== set.metadata?.uid && uid !== pod.metadata?.uid)
  return [
    ...others,
    ...(setOwns ? [ownerReferenceTo(set, statefulSets)] : []),
    ...(podOwns ? [ownerReferenceTo(pod, pods)] : []),
  ]
}

/** Whether a claim of the place still belongs to a former pod of it, and will go with that. */
export function hasStaleClaim(set: StatefulSet, ordinal: number, { cache }: ReconcileContext): boolean {
  return claimsFor(set, ordinal).some((wanted) => {
    const claim = cache(persistentVolumeClaims).get(keyOf(wanted))
    return claim?.metadata?.ownerReferences?.some(
      ({ kind, name }) => kind === pods.kind && name === podName(set, ordinal),
    )
  })
}

function podName({ metadata }: StatefulSet, ordinal: number): string {
  return `${metadata?.name}-${ordinal}`
}
