import type { Flags } from '../../api/zpages/flagz.ts'
import { formatDuration } from '../../machinery/duration.ts'
import type { ListenAddress } from '../node-health.ts'
import type { ProxyOptions } from '../start.ts'

/** The options in force by the names of kube-proxy's flags: what /flagz answers. */
export function proxyFlags(options: ProxyOptions): Flags {
  const { nodePortAddresses = ['primary'], minSyncPeriodMs = 10, syncPeriodMs = 30_000 } = options
  return {
    'bind-address-hard-fail': String(options.failsWithoutPorts ?? false),
    'cluster-cidr': options.podNetworks.join(','),
    'healthz-bind-address': addressText(options.health),
    'hostname-override': options.nodeName,
    'iptables-masquerade-bit': String(options.masqueradeBit ?? 14),
    'iptables-min-sync-period': formatDuration(minSyncPeriodMs),
    'iptables-sync-period': formatDuration(syncPeriodMs),
    'masquerade-all': String(options.masqueradeAll ?? false),
    'metrics-bind-address': addressText(options.metrics),
    'nodeport-addresses': `[${nodePortAddresses.join(',')}]`,
    'proxy-mode': 'nftables',
  }
}

function addressText(listen: ListenAddress | undefined): string {
  if (!listen) return ''
  const { address, port } = listen
  return address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`
}
