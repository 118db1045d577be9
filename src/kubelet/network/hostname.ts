import type { Pod } from '../../api/generated/core.v1.ts'

const maximumLength = 63

/** The host name that a pod's containers see; `''` for the node's own. */
export function podHostname(pod: Pod, clusterDomain: string): string {
  const { hostNetwork, hostnameOverride, setHostnameAsFQDN } = pod.spec ?? {}
  if (hostnameOverride) return hostnameOverride
  if (hostNetwork) return ''
  const fqdn = podFQDN(pod, clusterDomain)
  if (!setHostnameAsFQDN || fqdn === undefined) return shortHostname(pod)
  if (fqdn.length > 64) {
    throw new Error(
      `failed to construct FQDN from pod hostname and cluster domain, FQDN ${fqdn} is too long (64 characters is the max, ${fqdn.length} characters requested)`,
    )
  }
  return fqdn
}

/** spec.hostname or the pod's name, cut to what a host name may be. */
export function shortHostname(pod: Pod): string {
  const name = pod.spec?.hostname || (pod.metadata?.name ?? '')
  return name.length > maximumLength ? name.slice(0, maximumLength).replace(/[-.]+$/, '') : name
}

/** `hostname.subdomain.namespace.svc.domain`, of pods that have a subdomain. */
export function podFQDN(pod: Pod, clusterDomain: string): string | undefined {
  const subdomain = pod.spec?.subdomain
  if (!subdomain) return undefined
  return `${shortHostname(pod)}.${subdomain}.${pod.metadata?.namespace ?? ''}.svc.${clusterDomain}`
}
