import { findUntolerated, tolerates } from '../../api/core/tolerations.ts'
import type { Node, Taint } from '../../api/generated/core.v1.ts'
import { scaleByGreatest, type Plugin } from '../framework.ts'

/** Keeps pods off nodes with taints they do not tolerate; prefers nodes with fewer PreferNoSchedule taints. */
export const taintToleration: Plugin = {
  name: 'TaintToleration',
  filter({ pod }, { nodes, tainted }) {
    const tolerations = pod.spec?.tolerations ?? []
    const untolerated = (node: number) => {
      const taints = nodes[node]!.spec?.taints
      return taints && findUntolerated(taints.filter(isHard), tolerations)
    }
    return {
      localKey: JSON.stringify(tolerations),
      fits: (node) => tainted[node] === 0 || untolerated(node) === undefined,
      // Taints may be secrets of who runs the nodes: who makes pods is not told which.
      refusal: () => ({ reasons: ['node(s) had untolerated taint(s)'], unresolvable: true }),
    }
  },
  score({ pod }, { nodes, tainted }, feasible) {
    // Without taints all nodes are alike.
    if (!feasible.some((node) => tainted[node] !== 0)) return undefined
    const tolerations = (pod.spec?.tolerations ?? []).filter(
      ({ effect }) => !effect || effect === 'PreferNoSchedule',
    )
    const intolerable = (taint: Taint) =>
      taint.effect === 'PreferNoSchedule' && !tolerations.some((toleration) => tolerates(toleration, taint))
    return {
      raw: (node) => (tainted[node] === 0 ? 0 : nodes[node]!.spec!.taints!.filter(intolerable).length),
      finish: (scores) => scaleByGreatest(scores, true),
    }
  },
  mayHelp(change, { pod }) {
    if (change.type === 'podUpdated') return true
    if (change.type !== 'nodeAdded' && change.type !== 'nodeUpdated') return false
    const toleratedNow = (node: Node) =>
      !findUntolerated((node.spec?.taints ?? []).filter(isHard), pod.spec?.tolerations ?? [])
    return toleratedNow(change.node) && (change.type === 'nodeAdded' || !toleratedNow(change.previous))
  },
}

function isHard({ effect }: Taint): boolean {
  return effect === 'NoSchedule' || effect === 'NoExecute'
}
