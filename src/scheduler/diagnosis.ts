import type { Refusal } from './framework.ts'

/** `0/3 nodes are available: 1 Insufficient cpu, 2 node(s) were unschedulable.` Upstream's FitError. */
export function diagnosisMessage(nodeCount: number, refusals: Iterable<Refusal>): string {
  if (nodeCount === 0) return 'no nodes available to schedule pods'
  const counts = new Map<string, number>()
  for (const { reasons } of refusals) {
    for (const reason of reasons) counts.set(reason, (counts.get(reason) ?? 0) + 1)
  }
  const parts = [...counts].map(([reason, count]) => `${count} ${reason}`).sort()
  return `0/${nodeCount} nodes are available: ${parts.join(', ')}.`
}
