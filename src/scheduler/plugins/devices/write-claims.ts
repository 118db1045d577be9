import type { Pod } from '../../../api/generated/core.v1.ts'
import type { AllocationResult, ResourceClaim } from '../../../api/generated/resource.v1.ts'
import { resourceClaims } from '../../../api/generated/resources.ts'
import { claimFinalizer, isReservedFor, reservationOf } from '../../../api/resource/pod-claims.ts'
import type { Client } from '../../../client/client.ts'
import { keyOf } from '../../../machinery/resource.ts'
import { isConflict, isNotFound } from '../../../machinery/status-errors.ts'
import { isDeleting } from '../../../machinery/owner.ts'

const maxAttempts = 5

function nameOf({ metadata }: ResourceClaim) {
  return { namespace: metadata?.namespace ?? '', name: metadata?.name ?? '' }
}

/** Tries again with the claim as it is now when somebody else wrote it in between. */
async function withCurrent<T>(
  claim: ResourceClaim,
  client: Client,
  write: (claim: ResourceClaim) => Promise<T>,
): Promise<T> {
  let current = claim
  for (let attempt = 1; ; attempt++) {
    try {
      return await write(current)
    } catch (error) {
      if (!isConflict(error) || attempt === maxAttempts) throw error
      current = await client.get(resourceClaims, nameOf(claim))
    }
  }
}

/**
 * Writes the allocation, where there is one to write, and the pod as a consumer; the finalizer first, so that no claim
 * with devices goes unnoticed.
 */
export function bindClaim(
  claim: ResourceClaim,
  allocation: AllocationResult | undefined,
  pod: Pod,
  client: Client,
): Promise<ResourceClaim> {
  return withCurrent(claim, client, async (current) => {
    if (isDeleting(current)) throw new Error(`claim ${keyOf(current)} got deleted in the meantime`)
    if (allocation && current.status?.allocation)
      throw new Error(`claim ${keyOf(current)} got allocated elsewhere in the meantime`)
    if (!allocation && isReservedFor(current, pod)) return current
    const guarded = allocation ? await withFinalizer(current, client) : current
    const status = {
      ...guarded.status,
      ...(allocation && { allocation }),
      reservedFor: [...(guarded.status?.reservedFor ?? []), reservationOf(pod)],
    }
    return client.update(resourceClaims, { ...guarded, status }, { subresource: 'status' })
  })
}

async function withFinalizer(claim: ResourceClaim, client: Client): Promise<ResourceClaim> {
  const finalizers = claim.metadata?.finalizers ?? []
  if (finalizers.includes(claimFinalizer)) return claim
  const metadata = { ...claim.metadata, finalizers: [...finalizers, claimFinalizer] }
  return client.update(resourceClaims, { ...claim, metadata })
}

/** Takes one consumer away, whatever others write meanwhile. */
export async function unreserveClaim(claim: ResourceClaim, pod: Pod, client: Client): Promise<void> {
  const body = {
    metadata: { uid: claim.metadata?.uid },
    status: { reservedFor: [{ $patch: 'delete', uid: pod.metadata?.uid }] },
  }
  await client.patch(resourceClaims, nameOf(claim), { type: 'strategic', body }, { subresource: 'status' })
}

/** Gives the devices back. */
export function deallocateClaim(claim: ResourceClaim, client: Client): Promise<ResourceClaim> {
  return withCurrent(claim, client, (current) => {
    const { allocation: _, reservedFor: __, devices: ___, ...status } = current.status ?? {}
    return client.update(resourceClaims, { ...current, status }, { subresource: 'status' })
  })
}

/** Deletes a claim of the scheduler's own. */
export async function deleteClaim(claim: ResourceClaim, client: Client): Promise<void> {
  try {
    await withCurrent(claim, client, async (current) => {
      const finalizers = (current.metadata?.finalizers ?? []).filter((name) => name !== claimFinalizer)
      await client.update(resourceClaims, { ...current, metadata: { ...current.metadata, finalizers } })
    })
    await client.delete(resourceClaims, nameOf(claim))
  } catch (error) {
    if (!isNotFound(error)) throw error
  }
}
