import type { Pod } from '../../api/generated/core.v1.ts'
import { inDeletionOrder } from '../pods/deletion-order.ts'

/** Pods are created and deleted in portions of this many per run. */
const maxBurst = 500

export type ReplicaPlan =
  | { readonly type: 'keep' }
  | { readonly type: 'create'; readonly count: number }
  | { readonly type: 'delete'; readonly pods: readonly Pod[] }

/**
 * What brings the active pods to the wanted number. `related` are the active pods of all siblings (the deployment's
 * other replica sets), with these pods among them; they decide which pods are missed least.
 */
export function planReplicas(
  wanted: number,
  active: readonly Pod[],
  related: () => readonly Pod[],
  nowMs: number,
): ReplicaPlan {
  const excess = active.length - wanted
  if (excess === 0) return { type: 'keep' }
  if (excess < 0) return { type: 'create', count: Math.min(-excess, maxBurst) }
  const ordered = excess < active.length ? inDeletionOrder(active, related(), nowMs) : active
  return { type: 'delete', pods: ordered.slice(0, Math.min(excess, maxBurst)) }
}
