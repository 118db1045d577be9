import type { Refusal } from './framework.ts'

/**
 * `0/3 nodes are available: 1 Insufficient cpu, 2 node(s) were unschedulable.` Upstream's FitError. What refuses the pod
 * itself is said once, without counting nodes.
 */
export function diagnosisMessage(
  nodeCount: number,
  refusals: Iterable<Refusal>,
  podRefusal?: Refusal,
): string {
  if (nodeCount === 0) return 'no nodes available to schedule pods'
  const available = `0/${nodeCount} nodes are available`
  if (podRefusal) return `${available}: ${podRefusal.reasons.join(', ')}.`
  const counts = new Map<string, number>()
  // Many nodes share one refusal.
  const alike = new Map<Refusal, number>()
  for (const refusal of refusals) alike.set(refusal, (alike.get(refusal) ?? 0) + 1)
  for (const [{ reasons }, count] of alike) {
    for (const reason of reasons) counts.set(reason, (counts.get(reason) ?? 0) + count)
  }
  const parts = [...counts].map(([reason, count]) => `${count} ${reason}`).sort()
  return parts.length === 0 ? `${available}.` : `${available}: ${parts.join(', ')}.`
}
