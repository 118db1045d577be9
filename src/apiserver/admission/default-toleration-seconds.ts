import { pods } from '../../api/generated/resources.ts'
import type { AdmissionPlugin } from './plugin.ts'
import { isAbout, objectOf } from './request-matching.ts'

const stay = { operator: 'Exists', effect: 'NoExecute' } as const
export const usualTolerationSeconds = 300

/** For how long pods stay on a node that is not ready, or does not answer, in seconds; 300 where absent. */
export interface TolerationSeconds {
  readonly notReady?: number
  readonly unreachable?: number
}

/**
 * Pods that say nothing stay a while on a node that does not answer.
 * Source: kubernetes/plugin/pkg/admission/defaulttolerationseconds.
 */
export function createDefaultTolerationSeconds({
  notReady = usualTolerationSeconds,
  unreachable = usualTolerationSeconds,
}: TolerationSeconds = {}): AdmissionPlugin {
  const tolerations = [
    { key: 'node.kubernetes.io/not-ready', ...stay, tolerationSeconds: notReady },
    { key: 'node.kubernetes.io/unreachable', ...stay, tolerationSeconds: unreachable },
  ]
  return {
    name: 'DefaultTolerationSeconds',
    handles: (request) => isAbout(request, pods, ['CREATE', 'UPDATE']),
    mutate(request) {
      const { spec } = objectOf(request, pods)
      if (!spec) return
      const given = spec.tolerations ?? []
      const lacking = tolerations.filter(
        (toleration) =>
          !given.some(
            ({ key = '', effect = '' }) =>
              (key === '' || key === toleration.key) && (effect === '' || effect === 'NoExecute'),
          ),
      )
      if (lacking.length > 0) spec.tolerations = [...given, ...lacking.map((one) => ({ ...one }))]
    },
  }
}
