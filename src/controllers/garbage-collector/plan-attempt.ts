import type { DeleteOptions, ObjectMeta, OwnerReference } from '../../machinery/meta.ts'
import { foregroundFinalizer, orphanFinalizer } from './graph.ts'

/** How an owner stands towards the object that refers to it. */
export type OwnerState =
  /** It is there: the object stays. */
  | 'solid'
  /** It waits for its dependents to go first. */
  | 'waiting'
  /** It is gone, or never was. */
  | 'absent'

export type AttemptPlan =
  | { readonly type: 'keep' }
  /** The object stays, without these owners. */
  | { readonly type: 'forget'; readonly ownerReferences: readonly OwnerReference[] }
  | { readonly type: 'delete'; readonly propagationPolicy: NonNullable<DeleteOptions['propagationPolicy']> }

/** What becomes of an object, given the state of each of its owners. */
export function planAttempt(
  metadata: ObjectMeta,
  stateOf: (reference: OwnerReference) => OwnerState,
  hasDependents: boolean,
): AttemptPlan {
  const references = metadata.ownerReferences ?? []
  if (references.length === 0) return { type: 'keep' }
  const solid = references.filter((reference) => stateOf(reference) === 'solid')
  if (solid.length === references.length) return { type: 'keep' }
  if (solid.length > 0) return { type: 'forget', ownerReferences: solid }
  if (hasDependents && references.some((reference) => stateOf(reference) === 'waiting'))
    return { type: 'delete', propagationPolicy: 'Foreground' }
  return { type: 'delete', propagationPolicy: policyOf(metadata) }
}

/** As the object's finalizers ask for. */
function policyOf({ finalizers = [] }: ObjectMeta) {
  if (finalizers.includes(orphanFinalizer)) return 'Orphan'
  return finalizers.includes(foregroundFinalizer) ? 'Foreground' : 'Background'
}
