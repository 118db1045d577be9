import { nodes } from '../../api/generated/resources.ts'
import type { AdmissionPlugin } from './plugin.ts'
import { isAbout, objectOf } from './request-matching.ts'

const notReadyTaint = { key: 'node.kubernetes.io/not-ready', effect: 'NoSchedule' } as const

/**
 * A new node gets no pods before the node controller has seen it ready.
 * Source: kubernetes/plugin/pkg/admission/nodetaint.
 */
export const taintNodesByCondition: AdmissionPlugin = {
  name: 'TaintNodesByCondition',
  handles: (request) => isAbout(request, nodes, ['CREATE']),
  mutate(request) {
    const spec = (objectOf(request, nodes).spec ??= {})
    const taints = (spec.taints ??= [])
    const present = taints.some(
      ({ key, effect }) => key === notReadyTaint.key && effect === notReadyTaint.effect,
    )
    if (!present) taints.push({ ...notReadyTaint })
  },
}
