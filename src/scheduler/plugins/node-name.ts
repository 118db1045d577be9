import type { Plugin } from '../framework.ts'

/** A pod that names its node goes there or nowhere. */
export const nodeName: Plugin = {
  name: 'NodeName',
  filter({ pod }, nodes) {
    const wanted = pod.spec?.nodeName
    if (!wanted) return undefined
    return {
      localKey: wanted,
      fits: (node) => nodes.nodes[node]!.metadata?.name === wanted,
      refusal: () => ({ reasons: ["node(s) didn't match the requested node name"], unresolvable: true }),
    }
  },
  mayHelp: (change) => change.type === 'nodeAdded',
}
