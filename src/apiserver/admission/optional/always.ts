import type { AdmissionPlugin } from '../plugin.ts'
import { refused } from '../refuse.ts'

/** Says nothing. Source: kubernetes/plugin/pkg/admission/admit. */
export const alwaysAdmit: AdmissionPlugin = { name: 'AlwaysAdmit', handles: () => false }

/** Refuses everything. Source: kubernetes/plugin/pkg/admission/deny. */
export const alwaysDeny: AdmissionPlugin = {
  name: 'AlwaysDeny',
  handles: () => true,
  mutate(request) {
    throw refused(request, 'admission control is denying all modifications')
  },
  validate(request) {
    throw refused(request, 'admission control is denying all modifications')
  },
}
