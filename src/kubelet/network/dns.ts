import type { Pod } from '../../api/generated/core.v1.ts'
import type { DNSConfig } from '../runtime/runtime.ts'

export interface DNSSettings {
  readonly clusterDNS: readonly string[]
  readonly clusterDomain: string
  /** Of the node: what `Default` gives, and what cluster search domains come before. */
  readonly node: DNSConfig
}

const maximumServers = 3
const maximumSearches = 32
const maximumSearchCharacters = 2048

/** What the pod's resolv.conf says, from its DNS policy and its own additions. */
export function podDNS(pod: Pod, settings: DNSSettings): DNSConfig {
  const base = basis(pod, settings)
  const extra = pod.spec?.dnsConfig
  const options = new Map(base.options.map((option) => [option.split(':')[0]!, option]))
  for (const { name, value } of extra?.options ?? []) {
    if (name !== undefined) options.set(name, value === undefined ? name : `${name}:${value}`)
  }
  return {
    servers: unique([...base.servers, ...(extra?.nameservers ?? [])]).slice(0, maximumServers),
    searches: fittingSearches(unique([...base.searches, ...(extra?.searches ?? [])])),
    options: [...options.values()],
  }
}

function basis(pod: Pod, { clusterDNS, clusterDomain, node }: DNSSettings): DNSConfig {
  const policy = pod.spec?.dnsPolicy ?? 'ClusterFirst'
  const usesCluster =
    policy === 'ClusterFirstWithHostNet' || (policy === 'ClusterFirst' && !pod.spec?.hostNetwork)
  if (policy === 'None') return { servers: [], searches: [], options: [] }
  if (!usesCluster || clusterDNS.length === 0) return node
  const namespace = pod.metadata?.namespace ?? ''
  const searches =
    clusterDomain === '' ? [] : [`${namespace}.svc.${clusterDomain}`, `svc.${clusterDomain}`, clusterDomain]
  return {
    servers: clusterDNS,
    searches: unique([...searches, ...node.searches]),
    options: ['ndots:5'],
  }
}

function unique(values: readonly string[]): readonly string[] {
  return [...new Set(values)]
}

/** What resolvers take: so many domains, of so many characters together. */
function fittingSearches(searches: readonly string[]): readonly string[] {
  let length = 0
  return searches.slice(0, maximumSearches).filter((search) => {
    length += search.length + 1
    return length <= maximumSearchCharacters
  })
}

/** A resolv.conf; a lone `.` in search means nothing and is left out. */
export function parseResolvConf(text: string): DNSConfig {
  const servers: string[] = []
  let searches: string[] = []
  let options: string[] = []
  for (const line of text.split('\n')) {
    const [keyword, ...values] = line
      .replace(/[#;].*$/, '')
      .trim()
      .split(/\s+/)
    if (keyword === 'nameserver' && values[0]) servers.push(values[0])
    if (keyword === 'search') {
      searches = values.map((value) => (value === '.' ? value : value.replace(/\.$/, '')))
    }
    if (keyword === 'options') options = values
  }
  return { servers, searches: searches.filter((search) => search !== '.'), options }
}
