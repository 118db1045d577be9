import type { Pod } from '../../api/generated/core.v1.ts'
import type { ResourceClaim, ResourceClaimConsumerReference } from '../../api/generated/resource.v1.ts'
import { pods, resourceClaims } from '../../api/generated/resources.ts'
import { claimFinalizer } from '../../api/resource/pod-claims.ts'
import type { ReconcileContext } from '../../client/reconciler.ts'
import { isDeleting } from '../../machinery/owner.ts'
import { isNotFound } from '../../machinery/status-errors.ts'
import { identityOf } from '../ownership/identity.ts'
import { mayRun, owningPod } from './claims-of-pod.ts'

/**
 * Takes consumers out that are over, gives the devices back with the last of them, and deletes claims that were made for
 * a pod that will not run any more.
 */
export async function syncClaim(claim: ResourceClaim, context: ReconcileContext): Promise<void> {
  const { client } = context
  const reservedFor = claim.status?.reservedFor ?? []
  const valid: ResourceClaimConsumerReference[] = []
  for (const consumer of reservedFor) if (await isConsumer(consumer, claim, context)) valid.push(consumer)
  const isGuarded = (claim.metadata?.finalizers ?? []).includes(claimFinalizer)
  const isUnused = valid.length === 0
  // Devices may be allocated before anybody uses them: only the end of use, or of the claim, gives them back.
  if (valid.length < reservedFor.length || (isUnused && isGuarded && isDeleting(claim))) {
    const freed = await free(claim, valid, isGuarded && isUnused, client)
    if (isGuarded && !freed.status?.allocation) await removeFinalizer(freed, client)
  }
  if (isUnused) await deleteWithPod(claim, context)
}

async function isConsumer(
  consumer: ResourceClaimConsumerReference,
  { metadata }: ResourceClaim,
  { cache, client }: ReconcileContext,
): Promise<boolean> {
  if (consumer.apiGroup || consumer.resource !== 'pods')
    throw new Error(`unsupported ReservedFor entry: ${JSON.stringify(consumer)}`)
  const namespace = metadata?.namespace ?? ''
  const pod = cache(pods).get(`${namespace}/${consumer.name}`) ?? (await read())
  return pod?.metadata?.uid === consumer.uid && mayRun(pod)

  /** The cache may not know the pod yet: its claim must not be taken from under it. */
  async function read(): Promise<Pod | undefined> {
    try {
      return await client.get(pods, { namespace, name: consumer.name })
    } catch (error) {
      if (isNotFound(error)) return undefined
      throw error
    }
  }
}

/** Fails when anything else changed in the meantime. */
async function free(
  claim: ResourceClaim,
  reservedFor: readonly ResourceClaimConsumerReference[],
  deallocates: boolean,
  client: ReconcileContext['client'],
): Promise<ResourceClaim> {
  const { reservedFor: before = [], allocation, ...rest } = claim.status ?? {}
  const keepsAllocation = allocation && !deallocates
  if (before.length === reservedFor.length && (keepsAllocation || !allocation)) return claim
  const status = {
    ...rest,
    ...(keepsAllocation && { allocation }),
    ...(reservedFor.length > 0 && { reservedFor }),
  }
  return client.update(resourceClaims, { ...claim, status }, { subresource: 'status' })
}

async function removeFinalizer(claim: ResourceClaim, client: ReconcileContext['client']): Promise<void> {
  const finalizers = (claim.metadata?.finalizers ?? []).filter((name) => name !== claimFinalizer)
  await client.update(resourceClaims, { ...claim, metadata: { ...claim.metadata, finalizers } })
}

/** A pod that has ended may stay for long, and its claims with it. A pod that is gone is the garbage collector's. */
async function deleteWithPod(claim: ResourceClaim, { cache, client }: ReconcileContext): Promise<void> {
  const owner = owningPod(claim)
  if (!owner || isDeleting(claim)) return
  const pod = cache(pods).get(`${claim.metadata?.namespace}/${owner.name}`)
  if (!pod || (pod.metadata?.uid === owner.uid && mayRun(pod))) return
  const target = identityOf(claim)
  try {
    await client.delete(resourceClaims, target, { preconditions: { uid: target.uid } })
  } catch (error) {
    if (!isNotFound(error)) throw error
  }
}
