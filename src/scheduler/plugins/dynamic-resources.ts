import type { Plugin } from '../framework.ts'

/**
 * Devices are not allocated yet: a pod that asks for some waits and says so, instead of running without them. Resource
 * claims themselves are served.
 */
export const dynamicResources: Plugin = {
  name: 'DynamicResources',
  filter({ pod }) {
    if (!pod.spec?.resourceClaims?.length) return undefined
    const reasons = ['the pod asks for devices by resource claims, which this scheduler does not allocate']
    return { refusesPod: { reasons, unresolvable: true } }
  },
  mayHelp: () => false,
}
