import { pods } from '../../api/generated/resources.ts'
import type { AdmissionPlugin } from './plugin.ts'
import { isAbout, objectOf } from './request-matching.ts'

const tolerationSeconds = 300
const stay = { operator: 'Exists', effect: 'NoExecute' } as const
const taintKeys = ['node.kubernetes.io/not-ready', 'node.kubernetes.io/unreachable']

/**
 * Pods that say nothing stay five minutes on a node that does not answer.
 * Source: kubernetes/plugin/pkg/admission/defaulttolerationseconds.
 */
export const defaultTolerationSeconds: AdmissionPlugin = {
  name: 'DefaultTolerationSeconds',
  handles: (request) => isAbout(request, pods, ['CREATE', 'UPDATE']),
  mutate(request) {
    const { spec } = objectOf(request, pods)
    if (!spec) return
    const given = spec.tolerations ?? []
    const lacking = taintKeys.filter(
      (taintKey) =>
        !given.some(
          ({ key = '', effect = '' }) =>
            (key === '' || key === taintKey) && (effect === '' || effect === 'NoExecute'),
        ),
    )
    if (lacking.length === 0) return
    spec.tolerations = [...given, ...lacking.map((key) => ({ key, ...stay, tolerationSeconds }))]
  },
}
