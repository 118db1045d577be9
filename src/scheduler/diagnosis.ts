import type { NodeRefusals, Refusal } from './framework.ts'

/**
 * `0/3 nodes are available: 1 Insufficient cpu, 2 node(s) were unschedulable.` Upstream's FitError. What refuses the pod
 * itself is said once, without counting nodes. `refusals` come with how many nodes each is for.
 */
export function diagnosisMessage(
  nodeCount: number,
  refusals: Iterable<readonly [Refusal, number]>,
  podRefusal?: Refusal,
): string {
  if (nodeCount === 0) return 'no nodes available to schedule pods'
  const available = `0/${nodeCount} nodes are available`
  if (podRefusal) return `${available}: ${podRefusal.reasons.join(', ')}.`
  const counts = new Map<string, number>()
  for (const [{ reasons }, count] of refusals) {
    for (const reason of reasons) counts.set(reason, (counts.get(reason) ?? 0) + count)
  }
  const parts = [...counts].map(([reason, count]) => `${count} ${reason}`).sort()
  return parts.length === 0 ? `${available}.` : `${available}: ${parts.join(', ')}.`
}

/** Refusals of further nodes beside those that are known. */
export function withRefusals(known: NodeRefusals, others: ReadonlyMap<number, Refusal>): NodeRefusals {
  return {
    of: (node) => others.get(node) ?? known.of(node),
    counts: () => [...known.counts(), ...[...others.values()].map((refusal) => [refusal, 1] as const)],
  }
}
