import { services } from '../../../api/generated/resources.ts'
import type { AdmissionPlugin } from '../plugin.ts'
import { refused } from '../refuse.ts'
import { isAbout, objectOf, oldObjectOf } from '../request-matching.ts'

/**
 * No service takes over addresses that it did not have before. Source: kubernetes/plugin/pkg/admission/denyserviceexternalips.
 */
export const denyServiceExternalIps: AdmissionPlugin = {
  name: 'DenyServiceExternalIPs',
  handles: (request) => isAbout(request, services, ['CREATE', 'UPDATE']),
  validate(request) {
    const before = request.operation === 'UPDATE' ? oldObjectOf(request, services).spec?.externalIPs : []
    const added = (objectOf(request, services).spec?.externalIPs ?? []).some((one) => !before?.includes(one))
    if (added) throw refused(request, 'Use of external IPs is denied by admission control')
  },
}
