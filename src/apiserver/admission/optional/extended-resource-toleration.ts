import { isExtendedResourceName } from '../../../api/core/resource-names.ts'
import { pods } from '../../../api/generated/resources.ts'
import type { Toleration } from '../../../api/generated/core.v1.ts'
import { jsonEqual } from '../../../machinery/equal.ts'
import type { AdmissionPlugin } from '../plugin.ts'
import { isAbout, objectOf } from '../request-matching.ts'

/**
 * A pod that asks for a device tolerates the taint of the nodes that are kept for it, which bears the resource's name.
 * Source: kubernetes/plugin/pkg/admission/extendedresourcetoleration.
 */
export const extendedResourceToleration: AdmissionPlugin = {
  name: 'ExtendedResourceToleration',
  handles: (request) => isAbout(request, pods, ['CREATE', 'UPDATE']),
  mutate(request) {
    const { spec } = objectOf(request, pods)
    if (!spec) return
    const names = [...spec.containers, ...(spec.initContainers ?? [])]
      .flatMap(({ resources }) => Object.keys(resources?.requests ?? {}))
      .filter(isExtendedResourceName)
    for (const key of [...new Set(names)].sort()) {
      const toleration: Toleration = { key, operator: 'Exists', effect: 'NoSchedule' }
      const present: readonly Toleration[] = spec.tolerations ?? []
      if (present.some((one) => jsonEqual(one, toleration))) continue
      spec.tolerations = [...(spec.tolerations ?? []), { ...toleration }]
    }
  },
}
