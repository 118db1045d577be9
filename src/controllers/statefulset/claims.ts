import type { StatefulSet } from '../../api/generated/apps.v1.ts'
import type { PersistentVolumeClaim, Pod } from '../../api/generated/core.v1.ts'
import { persistentVolumeClaims } from '../../api/generated/resources.ts'
import type { ReconcileContext } from '../../client/reconciler.ts'
import { isDeleting } from '../../machinery/owner.ts'
import { keyOf } from '../../machinery/resource.ts'
import { isAlreadyExists } from '../../machinery/status-errors.ts'
import { identityOf } from '../ownership/identity.ts'
import { isNamespaceTerminating, messageOf } from '../pods/pod-control.ts'
import { hasConflictingController, isClaimOfFormerPod, wantedClaimOwners } from './claim-owners.ts'
import { claimsFor, ordinalOf, podName } from './stateful-pod.ts'

/** What a plan has to know of the claims of a set. */
export interface ClaimView {
  /** Whether a claim of a place is still that of a pod which had it before, and goes with that. */
  isFormer(ordinal: number): boolean
  /** Whether the claims of a pod have the owners that they must have. */
  isOwned(pod: Pod): boolean
}

export function viewClaims(set: StatefulSet, context: Pick<ReconcileContext, 'cache'>): ClaimView {
  const present = (ordinal: number | undefined) => presentClaims(set, ordinal, context)
  return {
    isFormer(ordinal) {
      const pod: Pod = { metadata: { name: podName(set, ordinal), namespace: identityOf(set).namespace } }
      return present(ordinal).some((claim) => isClaimOfFormerPod(claim, set, pod))
    },
    isOwned: (pod) =>
      present(ordinalOf(pod, set)).every((claim) => wantedClaimOwners(claim, set, pod) === undefined),
  }
}

/** Creates the claims of an ordinal that are not there, and returns them all. Throws while one is being deleted. */
export async function ensureClaims(
  set: StatefulSet,
  ordinal: number,
  context: ReconcileContext,
): Promise<readonly PersistentVolumeClaim[]> {
  const claims: PersistentVolumeClaim[] = []
  const failures: string[] = []
  for (const wanted of claimsFor(set, ordinal)) {
    const { name } = identityOf(wanted)
    const found = context.cache(persistentVolumeClaims).get(keyOf(wanted))
    if (found) {
      claims.push(found)
      if (isDeleting(found)) failures.push(`pvc ${name} is being deleted`)
      continue
    }
    try {
      claims.push(await createClaim(set, ordinal, wanted, context))
    } catch (error) {
      if (isNamespaceTerminating(error)) throw error
      failures.push(`failed to create PVC ${name}: ${messageOf(error)}`)
    }
  }
  if (failures.length > 0) throw new Error(failures.length === 1 ? failures[0] : `[${failures.join(', ')}]`)
  return claims
}

async function createClaim(
  set: StatefulSet,
  ordinal: number,
  claim: PersistentVolumeClaim,
  { client, events }: ReconcileContext,
): Promise<PersistentVolumeClaim> {
  const { name } = identityOf(claim)
  const place = `Pod ${podName(set, ordinal)} in StatefulSet ${identityOf(set).name}`
  try {
    const created = await client.create(persistentVolumeClaims, claim)
    events.event(set, 'Normal', 'SuccessfulCreate', `create Claim ${name} ${place} success`)
    return created
  } catch (error) {
    if (!isAlreadyExists(error) && !isNamespaceTerminating(error)) {
      const message = `create Claim ${name} for ${place} failed error: ${messageOf(error)}`
      events.event(set, 'Warning', 'FailedCreate', message)
    }
    throw error
  }
}

/** Gives the claims of a pod, by default those that the cache has, the owners with which they are to be deleted. */
export async function setClaimOwners(
  set: StatefulSet,
  pod: Pod,
  context: ReconcileContext,
  claims = presentClaims(set, ordinalOf(pod, set), context),
): Promise<void> {
  const { client, events } = context
  for (const claim of claims) {
    const { name } = identityOf(claim)
    if (hasConflictingController(claim, set, pod)) {
      const message = `PersistentVolumeClaim ${name} has a conflicting OwnerReference that acts as a manging controller, the retention policy is ignored for this claim`
      events.event(set, 'Warning', 'ConflictingController', message)
    }
    const ownerReferences = wantedClaimOwners(claim, set, pod)
    if (!ownerReferences) continue
    const owned = { ...claim, metadata: { ...claim.metadata, ownerReferences } }
    await client.update(persistentVolumeClaims, owned)
  }
}

function presentClaims(
  set: StatefulSet,
  ordinal: number | undefined,
  { cache }: Pick<ReconcileContext, 'cache'>,
): readonly PersistentVolumeClaim[] {
  return (ordinal === undefined ? [] : claimsFor(set, ordinal))
    .map((claim) => cache(persistentVolumeClaims).get(keyOf(claim)))
    .filter((claim) => claim !== undefined)
}
