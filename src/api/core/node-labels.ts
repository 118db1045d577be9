import type { FieldPath } from '../../machinery/field-error.ts'
import type { LabelSelector } from '../../machinery/meta.ts'
import type { NodeSelectorTerm } from '../generated/core.v1.ts'

const advice: Readonly<Record<string, string>> = {
  'beta.kubernetes.io/arch': 'deprecated since v1.14; use "kubernetes.io/arch" instead',
  'beta.kubernetes.io/os': 'deprecated since v1.14; use "kubernetes.io/os" instead',
  'failure-domain.beta.kubernetes.io/region':
    'deprecated since v1.17; use "topology.kubernetes.io/region" instead',
  'failure-domain.beta.kubernetes.io/zone':
    'deprecated since v1.17; use "topology.kubernetes.io/zone" instead',
  'beta.kubernetes.io/instance-type':
    'deprecated since v1.17; use "node.kubernetes.io/instance-type" instead',
  'app.kubernetes.io/created-by': 'deprecated since v1.9',
  'scheduler.alpha.kubernetes.io/preferAvoidPods':
    'deprecated since v1.22; use Taints and Tolerations instead',
  'node-role.kubernetes.io/master': 'use "node-role.kubernetes.io/control-plane" instead',
}

/** What is to be said of a label of nodes that went out of use. Source: kubernetes/pkg/api/node. */
export function deprecatedNodeLabel(key: string): string | undefined {
  return Object.hasOwn(advice, key) ? advice[key] : undefined
}

/** Source: GetWarningsForNodeSelectorTerm. */
export function nodeSelectorTermWarnings(
  { matchExpressions = [] }: NodeSelectorTerm,
  at: FieldPath,
): string[] {
  return matchExpressions.flatMap(({ key }, index) => {
    const message = deprecatedNodeLabel(key)
    return message
      ? [`${String(at.child('matchExpressions').index(index).child('key'))}: ${key} is ${message}`]
      : []
  })
}

/** Of a selector of nodes by their labels. Source: GetWarningsForNodeSelector. */
export function nodeSelectorWarnings(selector: LabelSelector | undefined, at: FieldPath): string[] {
  return [
    ...nodeSelectorTermWarnings({ matchExpressions: selector?.matchExpressions ?? [] }, at),
    ...Object.keys(selector?.matchLabels ?? {}).flatMap((key) => {
      const message = deprecatedNodeLabel(key)
      return message ? [`${String(at.child('matchLabels').child(key))}: ${message}`] : []
    }),
  ]
}
