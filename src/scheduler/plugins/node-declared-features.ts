import { featuresToSchedule, missingFeatures } from '../../api/core/pod/node-features.ts'
import { jsonEqual } from '../../machinery/equal.ts'
import type { Plugin } from '../framework.ts'

/** Keeps pods off nodes that do not declare features that they need. */
export const nodeDeclaredFeatures: Plugin = {
  name: 'NodeDeclaredFeatures',
  filter({ pod }, { nodes }) {
    const features = featuresToSchedule(pod.spec)
    if (features.length === 0) return undefined
    return {
      localKey: features.join(),
      fits: (node) => missingFeatures(features, nodes[node]!.status?.declaredFeatures).length === 0,
      refusal: () => ({ reasons: ["node(s) didn't match Pod's required features"], unresolvable: true }),
    }
  },
  mayHelp(change) {
    if (change.type === 'nodeUpdated') {
      const { node, previous } = change
      return !jsonEqual(node.status?.declaredFeatures, previous.status?.declaredFeatures)
    }
    return change.type === 'nodeAdded' || change.type === 'podUpdated'
  },
}
