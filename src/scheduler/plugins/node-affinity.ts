import {
  matchesNodeAffinity,
  matchesNodeSelector,
  matchesNodeSelectorTerm,
} from '../../api/core/node-affinity.ts'
import type {
  Node,
  NodeAffinity,
  NodeSelector,
  PreferredSchedulingTerm,
} from '../../api/generated/core.v1.ts'
import { scaleByGreatest, type Plugin } from '../framework.ts'
import type { NodeTable } from '../nodes/node-table.ts'

export interface NodeAffinityArgs {
  /** Holds for all pods of the profile, beside their own. */
  readonly addedAffinity?: NodeAffinity
}

/** spec.nodeSelector and node affinity, required and preferred. */
export function createNodeAffinity({ addedAffinity }: NodeAffinityArgs): Plugin {
  const added = addedAffinity?.requiredDuringSchedulingIgnoredDuringExecution
  const isEnforced = (node: Node) => !added || matchesNodeSelector(added, node)
  return {
    name: 'NodeAffinity',
    filter({ pod }, nodes) {
      const required = pod.spec?.affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution
      if (!pod.spec?.nodeSelector && !required && !added) return undefined
      const only = required && namedNodes(required, nodes)
      return {
        localKey: JSON.stringify([pod.spec?.nodeSelector, required]),
        fits: (node) => isEnforced(nodes.nodes[node]!) && matchesNodeAffinity(pod, nodes.nodes[node]!),
        refusal: (node) => ({
          reasons: [
            isEnforced(nodes.nodes[node]!)
              ? "node(s) didn't match Pod's node affinity/selector"
              : "node(s) didn't match scheduler-enforced node affinity",
          ],
          unresolvable: true,
        }),
        ...(only && { only }),
      }
    },
    score({ pod }, { nodes }) {
      const preferred = [
        ...preferredTerms(pod.spec?.affinity?.nodeAffinity),
        ...preferredTerms(addedAffinity),
      ]
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
}

function preferredTerms(affinity: NodeAffinity | undefined): readonly PreferredSchedulingTerm[] {
  return affinity?.preferredDuringSchedulingIgnoredDuringExecution ?? []
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
