import type { Pod } from '../../api/generated/core.v1.ts'
import { podFQDN, shortHostname } from './hostname.ts'

const header = '# Kubernetes-managed hosts file.\n'
const hostNetworkHeader = '# Kubernetes-managed hosts file (host network).\n'

/** The content of a pod's /etc/hosts. `nodeHosts` is the node's own, which pods on its network share. */
export function hostsFile(
  pod: Pod,
  podIPs: readonly string[],
  nodeHosts: string,
  clusterDomain: string,
): string {
  const aliases = hostAliases(pod)
  if (pod.spec?.hostNetwork) return hostNetworkHeader + nodeHosts + aliases
  const hostname = shortHostname(pod)
  const fqdn = podFQDN(pod, clusterDomain)
  const names = fqdn === undefined ? hostname : `${fqdn}\t${hostname}`
  return [
    header,
    '127.0.0.1\tlocalhost\n',
    '::1\tlocalhost ip6-localhost ip6-loopback\n',
    'fe00::0\tip6-localnet\n',
    'fe00::0\tip6-mcastprefix\n',
    'fe00::1\tip6-allnodes\n',
    'fe00::2\tip6-allrouters\n',
    ...podIPs.map((ip) => `${ip}\t${names}\n`),
    aliases,
  ].join('')
}

function hostAliases(pod: Pod): string {
  const aliases = pod.spec?.hostAliases ?? []
  if (aliases.length === 0) return ''
  const lines = aliases.map(({ ip, hostnames = [] }) => `${ip}\t${hostnames.join('\t')}\n`)
  return `\n# Entries added by HostAliases.\n${lines.join('')}`
}
