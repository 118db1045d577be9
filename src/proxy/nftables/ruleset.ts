import type { Family } from '../addresses.ts'

/** The table that is ours alone; nothing outside it is read or written. */
export const tableName = 'kube-proxy'

/** A packet with this bit in its mark leaves with the node's address as source. The bit that upstream uses. */
const defaultMasqueradeBit = 14

/** What does not change while the proxy runs. */
export interface TableSettings {
  /** CIDRs of all pods. */
  readonly podNetworks: readonly string[]
  /** Node ports answer at every address of the node but the loopback, instead of those of TablePlaces. */
  readonly nodePortsEverywhere?: boolean
  /** From 0 to 31; default defaultMasqueradeBit. */
  readonly masqueradeBit?: number
}

/** What the node and the cluster have, and may come to have. */
export interface TablePlaces {
  /** Addresses of this node where node ports answer; empty with nodePortsEverywhere. */
  readonly nodePortAddresses: readonly string[]
  /** CIDRs of Services: what is sent to an address that no Service has goes nowhere. */
  readonly serviceNetworks: readonly string[]
}

/** How one nftables address family writes things. */
export interface Dialect {
  readonly family: Family
  /** Of the table: `ip` or `ip6`. */
  readonly table: 'ip' | 'ip6'
  readonly addressType: 'ipv4_addr' | 'ipv6_addr'
  readonly loopback: string
}

export const dialects: Readonly<Record<Family, Dialect>> = {
  IPv4: { family: 'IPv4', table: 'ip', addressType: 'ipv4_addr', loopback: '127.0.0.0/8' },
  IPv6: { family: 'IPv6', table: 'ip6', addressType: 'ipv6_addr', loopback: '::1' },
}

/** How packets find their frontend. `inside` ones are tried first, by packets of pods and of the node itself. */
const lookups = ['services', 'node-ports', 'services-inside', 'node-ports-inside'] as const
export type Lookup = (typeof lookups)[number]

const masquerades = ['always', 'outside', 'never'] as const
export type Masquerade = (typeof masquerades)[number]

function isNodePort(lookup: Lookup): boolean {
  return lookup.startsWith('node-ports')
}

function matchOf({ table }: Dialect, lookup: Lookup): string {
  return isNodePort(lookup) ? 'meta l4proto . th dport' : `${table} daddr . meta l4proto . th dport`
}

/** Chain that sends a packet to one of `count` endpoints at random. */
export function spreadChain(lookup: Lookup, masquerade: Masquerade, count: number): string {
  return `${lookup}-${masquerade}-${count}`
}

/** Map from frontend and index to endpoint, for frontends with `count` endpoints. */
export function endpointMap(lookup: Lookup, count: number): string {
  return `${lookup}-endpoints-${count}`
}

/** Where the rules that mark a packet for masquerading are written. */
export function masqueradeRule({ table }: Dialect, masquerade: Masquerade): string[] {
  if (masquerade === 'never') return []
  if (masquerade === 'always') return ['jump mark-masquerade']
  return [`${table} saddr != @pod-networks jump mark-masquerade`]
}

/**
 * The fixed part of the table: replaces whatever stood there, in one transaction with what follows it. What listens on
 * the loopback is out of reach for neighbours also where the kernel would route to it, as for host ports (CVE-2020-8558).
 * A packet of a flow that is known costs one look at its state in each hook, and no look into a map.
 */
export function baseRuleset(dialect: Dialect, settings: TableSettings): string {
  const { table, addressType, loopback } = dialect
  const { podNetworks, nodePortsEverywhere = false, masqueradeBit = defaultMasqueradeBit } = settings
  const mark = `0x${(2 ** masqueradeBit).toString(16)}`
  const service = `${addressType} . inet_proto . inet_service`
  const key = matchOf(dialect, 'services')
  const atNodePort = nodePortsEverywhere
    ? `fib daddr type local ${table} daddr != ${loopback}`
    : `${table} daddr @node-port-addresses`
  return `table ${table} ${tableName}
delete table ${table} ${tableName}
table ${table} ${tableName} {
  set pod-networks { type ${addressType}; flags interval; auto-merge; ${elements(podNetworks)} }
  set service-networks { type ${addressType}; flags interval; auto-merge; }
  set cluster-addresses { type ${addressType}; }
  set node-port-addresses { type ${addressType}; }
  set hairpins { type ${addressType} . ${addressType}; }
  set guarded { type ${service}; }
  set allowed-sources { type ${service} . ${addressType}; flags interval; }
  map services { type ${service} : verdict; }
  map services-inside { type ${service} : verdict; }
  map node-ports { type inet_proto . inet_service : verdict; }
  map node-ports-inside { type inet_proto . inet_service : verdict; }
  map refused-services { type ${service} : verdict; }
  map refused-node-ports { type inet_proto . inet_service : verdict; }

  chain mark-masquerade { meta mark set meta mark or ${mark}; }
  chain reject-packet { meta l4proto tcp reject with tcp reset; reject; }

  chain inside {
    ${key} vmap @services-inside
    ${atNodePort} meta l4proto . th dport vmap @node-ports-inside
  }
  chain find-endpoint {
    ${table} saddr @pod-networks jump inside
    fib saddr type local jump inside
    ${key} vmap @services
    ${atNodePort} meta l4proto . th dport vmap @node-ports
  }
  chain refuse {
    ${key} vmap @refused-services
    ${atNodePort} meta l4proto . th dport vmap @refused-node-ports
  }
  chain guard { ${key} @guarded ${key} . ${table} saddr != @allowed-sources drop; }
  chain check-cluster-address {
    ${table} daddr @cluster-addresses goto reject-packet
    ${table} daddr @service-networks drop
  }

  chain filter-prerouting {
    type filter hook prerouting priority dstnat - 10; policy accept;
    ct state new jump guard
  }
  chain nat-prerouting { type nat hook prerouting priority dstnat; policy accept; jump find-endpoint; }
  chain nat-output { type nat hook output priority -100; policy accept; jump find-endpoint; }
  chain nat-postrouting {
    type nat hook postrouting priority srcnat; policy accept;
    meta mark & ${mark} != 0 meta mark set meta mark xor ${mark} masquerade fully-random
    ${table} saddr . ${table} daddr @hairpins masquerade fully-random
  }
  chain filter-input {
    type filter hook input priority -110; policy accept;
    ct state established,related accept
    ${table} daddr ${loopback} ${table} saddr != ${loopback} ct status & dnat == 0 drop
    ct state new jump refuse
  }
  chain filter-forward {
    type filter hook forward priority -110; policy accept;
    ct state new jump refuse
    ct state new jump check-cluster-address
  }
  chain filter-output {
    type filter hook output priority -110; policy accept;
    ct state new jump refuse
    ct state new jump guard
  }
  chain filter-output-translated {
    type filter hook output priority -90; policy accept;
    ct state new jump check-cluster-address
  }
}
`
}

/** Commands that make `places` what the table has of them. */
export function placesRuleset({ table }: Dialect, places: TablePlaces): string {
  const sets = {
    'node-port-addresses': places.nodePortAddresses,
    'service-networks': places.serviceNetworks,
  }
  return Object.entries(sets)
    .map(([set, values]) => {
      const at = `${table} ${tableName} ${set}`
      return `flush set ${at}\n${values.length > 0 ? `add element ${at} { ${values.join(', ')} }\n` : ''}`
    })
    .join('')
}

/** The chains and maps that frontends with `count` endpoints need. */
export function countRuleset(dialect: Dialect, count: number): string {
  const blocks = lookups.map((lookup) => {
    const key = `${matchOf(dialect, lookup)} . numgen random mod`
    const map = endpointMap(lookup, count)
    const chains = masquerades.map((masquerade) => {
      const rules = [...masqueradeRule(dialect, masquerade), `dnat to ${key} ${count} map @${map}`]
      return `  chain ${spreadChain(lookup, masquerade, count)} { ${rules.map((rule) => `${rule};`).join(' ')} }\n`
    })
    const mapType = `typeof ${key} 2 : ${dialect.table} daddr . th dport`
    return `  map ${map} { ${mapType}; }\n${chains.join('')}`
  })
  return `table ${dialect.table} ${tableName} {\n${blocks.join('')}}\n`
}

function elements(values: readonly string[]): string {
  return values.length === 0 ? '' : `elements = { ${values.join(', ')} };`
}
