import { findUntolerated } from '../../api/core/tolerations.ts'
import type { Taint } from '../../api/generated/core.v1.ts'
import type { Plugin } from '../framework.ts'

const unschedulableTaint: Taint = { key: 'node.kubernetes.io/unschedulable', effect: 'NoSchedule' }

/** Keeps pods off nodes with spec.unschedulable, unless they tolerate its taint. */
export const nodeUnschedulable: Plugin = {
  name: 'NodeUnschedulable',
  filter({ pod }, { unschedulable }) {
    if (!findUntolerated([unschedulableTaint], pod.spec?.tolerations ?? [])) return undefined
    return {
      localKey: '',
      fits: (node) => unschedulable[node] === 0,
      refusal: () => ({ reasons: ['node(s) were unschedulable'], unresolvable: true }),
    }
  },
  mayHelp: (change) =>
    change.type === 'nodeAdded' || change.type === 'nodeUpdated' || change.type === 'podUpdated',
}
