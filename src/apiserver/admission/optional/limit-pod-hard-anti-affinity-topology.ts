import { pods } from '../../../api/generated/resources.ts'
import type { AdmissionPlugin } from '../plugin.ts'
import { refused } from '../refuse.ts'
import { isAbout, objectOf } from '../request-matching.ts'

/**
 * No pod keeps others away from more than its own node. Source: kubernetes/plugin/pkg/admission/antiaffinity.
 */
export const limitPodHardAntiAffinityTopology: AdmissionPlugin = {
  name: 'LimitPodHardAntiAffinityTopology',
  handles: (request) => isAbout(request, pods, ['CREATE', 'UPDATE']),
  validate(request) {
    const terms =
      objectOf(request, pods).spec?.affinity?.podAntiAffinity
        ?.requiredDuringSchedulingIgnoredDuringExecution ?? []
    const bad = terms.find(({ topologyKey }) => topologyKey !== 'kubernetes.io/hostname')
    if (bad) {
      throw refused(
        request,
        'affinity.PodAntiAffinity.RequiredDuringScheduling has TopologyKey ' +
          `${bad.topologyKey} but only key kubernetes.io/hostname is allowed`,
      )
    }
  },
}
