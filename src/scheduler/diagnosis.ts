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
  for (const { reasons } of refusals) {
    for (const reason of reasons) counts.set(reason, (counts.get(reason) ?? 0) + 1)
  }
  const parts = [...counts].map(([reason, count]) => `${count} ${reason}`).sort()
  return parts.length === 0 ? `${available}.` : `${available}: ${parts.join(', ')}.`
}
