import { matchesNodeAffinity, matchesNodeSelectorTerm } from '../../api/core/node-affinity.ts'
import type { NodeSelector, Pod } from '../../api/generated/core.v1.ts'
import { scaleByGreatest, type Plugin } from '../framework.ts'
import type { NodeTable } from '../nodes/node-table.ts'

/** spec.nodeSelector and node affinity, required and preferred. */
export const nodeAffinity: Plugin = {
  name: 'NodeAffinity',
  filter({ pod }, nodes) {
    const required = pod.spec?.affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution
    if (!pod.spec?.nodeSelector && !required) return undefined
    const only = required && namedNodes(required, nodes)
    return {
      fits: (node) => matchesNodeAffinity(pod, nodes.nodes[node]!),
      refusal: () => ({ reasons: ["node(s) didn't match Pod's node affinity/selector"], unresolvable: true }),
      ...(only && { only }),
    }
  },
  score({ pod }, { nodes }) {
    const preferred = preferredTerms(pod)
    if (preferred.length === 0) return undefined
    return {
      raw(node) {
        let sum = 0
        for (const { preference, weight } of preferred) {
          if (matchesNodeSelectorTerm(preference, nodes[node]!)) sum += weight
        }
        return sum
      },
      finish: (scores) => scaleByGreatest(scores, false),
    }
  },
  mayHelp(change, { pod }) {
    if (change.type === 'podUpdated') return true
    if (change.type !== 'nodeAdded' && change.type !== 'nodeUpdated') return false
    if (!matchesNodeAffinity(pod, change.node)) return false
    return change.type === 'nodeAdded' || !matchesNodeAffinity(pod, change.previous)
  },
}

function preferredTerms(pod: Pod) {
  return pod.spec?.affinity?.nodeAffinity?.preferredDuringSchedulingIgnoredDuringExecution ?? []
}

/** The nodes that the terms name by metadata.name, when every term does (DaemonSet pods): no other can match. */
function namedNodes({ nodeSelectorTerms }: NodeSelector, nodes: NodeTable): number[] | undefined {
  const names = new Set<string>()
  for (const { matchFields = [] } of nodeSelectorTerms) {
    const lists = matchFields.filter(({ key, operator }) => key === 'metadata.name' && operator === 'In')
    if (lists.length === 0) return undefined
    const [first, ...others] = lists.map(({ values = [] }) => values)
    for (const name of first!) if (others.every((list) => list.includes(name))) names.add(name)
  }
  return [...names].flatMap((name) => nodes.indexOf(name) ?? [])
}
