import type { ReconcileContext } from '../../client/reconciler.ts'
import { matchesLabels, type ParsedLabelSelector } from '../../machinery/label-selector.ts'
import type { KubernetesObject, OwnerReference } from '../../machinery/meta.ts'
import { isDeleting, ownerReferenceTo } from '../../machinery/owner.ts'
import type { Resource } from '../../machinery/resource.ts'
import { isInvalid, isNotFound } from '../../machinery/status-errors.ts'
import { orphans, ownedBy } from './controller-index.ts'
import { identityOf } from './identity.ts'

export interface ClaimOptions<Owner extends KubernetesObject, T extends KubernetesObject> {
  readonly owner: Owner
  readonly ownerResource: Resource<Owner>
  /** What is claimed; its cache is indexed by controller. */
  readonly resource: Resource<T>
  readonly selector: ParsedLabelSelector
  /** What is left as it is (pods that have ended), neither adopted nor released, returns false. */
  isConcerned?(object: T): boolean
  /** Names that decide beside labels whether an object is the owner's (stateful sets). */
  isMember?(object: T): boolean
  /** Put on what is adopted, and taken from what is released. */
  readonly finalizers?: readonly string[]
}

/** What claiming has to do: a pure decision over what the cache holds. */
export interface ClaimPlan<T> {
  /** Owned already and selected, being deleted or not. */
  readonly owned: readonly T[]
  /** Selected orphans to take. */
  readonly adopt: readonly T[]
  /** Owned but not selected any more: to let go. */
  readonly release: readonly T[]
}

export function planClaim<Owner extends KubernetesObject, T extends KubernetesObject>(
  options: Omit<ClaimOptions<Owner, T>, 'resource' | 'ownerResource'>,
  held: readonly T[],
  orphaned: readonly T[],
): ClaimPlan<T> {
  const { owner, selector, isConcerned = () => true, isMember = () => true } = options
  const isSelected = (object: T) => matchesLabels(selector, object.metadata?.labels ?? {}) && isMember(object)
  const ownerEnds = isDeleting(owner)
  return {
    owned: held.filter(isSelected),
    adopt: ownerEnds
      ? []
      : orphaned.filter((object) => !isDeleting(object) && isConcerned(object) && isSelected(object)),
    release: ownerEnds ? [] : held.filter((object) => isConcerned(object) && !isSelected(object)),
  }
}

/**
 * The objects that are the owner's: those it controls and that its selector (still) selects, and selected orphans, which
 * it adopts. Those that its selector has ceased to select are released. Source: pkg/controller/controller_ref_manager.go.
 */
export async function claim<Owner extends KubernetesObject, T extends KubernetesObject>(
  options: ClaimOptions<Owner, T>,
  { client, cache }: ReconcileContext,
): Promise<readonly T[]> {
  const { owner, ownerResource, resource, finalizers: marks = [] } = options
  const { namespace, uid, name } = identityOf(owner)
  const objects = cache(resource)
  const plan = planClaim(options, ownedBy(objects, uid), orphans(objects, namespace))
  const claimed = [...plan.owned]

  for (const object of plan.release) {
    const { ownerReferences = [], finalizers = [] } = object.metadata ?? {}
    await setOwners(
      object,
      ownerReferences.filter((reference) => reference.uid !== uid),
      finalizers.filter((finalizer) => !marks.includes(finalizer)),
    )
  }
  if (plan.adopt.length === 0) return claimed

  const latest = await client.get(ownerResource, { namespace, name })
  if (latest.metadata?.uid !== uid) throw new Error(`${name} has been replaced by another of its name`)
  if (isDeleting(latest)) throw new Error(`${name} has just been deleted`)
  for (const object of plan.adopt) {
    const { ownerReferences = [], finalizers = [] } = object.metadata ?? {}
    const adopted = await setOwners(
      object,
      [...ownerReferences, ownerReferenceTo(owner, ownerResource)],
      [...finalizers, ...marks.filter((mark) => !finalizers.includes(mark))],
    )
    if (adopted) claimed.push(adopted)
  }
  return claimed

  /** Undefined when the object is gone, or ends meanwhile and cannot be changed any more. */
  async function setOwners(
    object: T,
    ownerReferences: readonly OwnerReference[],
    finalizers: readonly string[],
  ): Promise<T | undefined> {
    const { resourceVersion } = object.metadata ?? {}
    const target = identityOf(object)
    const metadata = {
      uid: target.uid,
      resourceVersion,
      ownerReferences,
      ...(marks.length > 0 && { finalizers }),
    }
    try {
      return await client.patch(resource, target, { type: 'merge', body: { metadata } })
    } catch (error) {
      if (isNotFound(error) || isInvalid(error)) return undefined
      throw error
    }
  }
}
